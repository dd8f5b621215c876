//! An entry is made from what it leads to, never from a number.
//!
//! On Xen: a present entry for a frame that is not ours is refused, and a not-present one that is not zero looks like
//! an L1TF attack, for which Xen stops the guest.

use mmu::{Entry, Frozen, L1, L2, Table};
use start_info::Mfn;

pub fn entry(table: &Table<L1, Frozen>, mfn: Mfn) -> Entry<L2> {
    Entry::link(table) //~ TWIN
    Entry::read(mfn.maddr().get()) //~ FAIL E0624
}
