//! A stage is not copied.
//!
//! On Xen: two boots own the same memory, and each makes tables of what the other hands out.

use xen_guest::stage::Mapped;

pub fn two(mapped: Mapped, another: Mapped) -> [Mapped; 2] {
    [another, mapped] //~ TWIN
    [mapped.clone(), mapped] //~ FAIL E0599
}
