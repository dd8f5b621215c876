//! There is no module window before the layout is settled.
//!
//! On Xen: a module would be mapped where a region is reserved later; the second mapping replaces running code.

use mmu::{LayoutPlan, Window, Layout};

pub fn open(plan: &LayoutPlan, settled: &Layout) -> Window {
    Window::new(settled, None) //~ TWIN
    Window::new(plan, None) //~ FAIL E0308
}
