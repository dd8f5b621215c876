//! Only changing the tree makes a new leaf; a number does not.
//!
//! On Xen: a number far beyond the last leaf names an address of the kernel, and a page of the P2M is mapped over its
//! text.

use p2m::NewLeaf;

pub fn leaf(index: u64, made_by_set: NewLeaf) -> NewLeaf {
    made_by_set //~ TWIN
    NewLeaf { index, ..made_by_set } //~ FAIL E0451
}
