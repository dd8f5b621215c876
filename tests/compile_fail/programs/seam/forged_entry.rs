//! An entry of a page table is not even named outside the crate that makes tables.
//!
//! On Xen: a present entry for a frame that is not ours is refused, and a not-present one that is not zero looks like
//! an L1TF attack, for which Xen stops the guest.

use mmu::Access; //~ TWIN
use mmu::paging::entry::Entry; //~ FAIL E0603
