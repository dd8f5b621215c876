//! An entry is made from what it leads to, never from a number.
//!
//! On Xen: a present entry for a frame that is not ours is refused, and a not-present one that is not zero looks like
//! an L1TF attack, for which Xen stops the guest.

use mmu::{Entry, L2};
use start_info::Mfn;

pub fn entry(mfn: Mfn) -> Entry<L2> {
    Entry::EMPTY //~ TWIN
    Entry::read(mfn.maddr().get()) //~ FAIL E0624
}
