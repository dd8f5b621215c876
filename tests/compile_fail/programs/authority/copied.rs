//! The authority over memory is not copied.
//!
//! On Xen: the copy outlives the boot, and its holder owns every frame that somebody else owns already.

use p2m::Authority;

pub fn two(authority: Authority, another: Authority) -> [Authority; 2] {
    [another, authority] //~ TWIN
    [authority.clone(), authority] //~ FAIL E0599
}
