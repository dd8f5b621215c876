//! The authority over memory cannot be copied.
//!
//! On Xen: the copy outlives the boot, and its holder owns every frame a second time.

use p2m::Authority;

pub fn two(authority: Authority, another: Authority) -> [Authority; 2] {
    [another, authority] //~ TWIN
    [authority.clone(), authority] //~ FAIL E0599
}
