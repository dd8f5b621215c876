//! There is no module window before the layout is settled.
//!
//! On Xen: a module would be mapped where a region is reserved later; the second mapping replaces running code.

use mmu::{LayoutPlan, ModuleWindow, Layout};

pub fn open(plan: &LayoutPlan, settled: &Layout) -> ModuleWindow {
    ModuleWindow::new(settled, None) //~ TWIN
    ModuleWindow::new(plan, None) //~ FAIL E0308
}
