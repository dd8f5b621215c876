//! A page-table entry has no name outside the crate that makes tables.
//!
//! On Xen: a present entry for a frame that is not ours is refused, and a not-present one that is not zero looks like
//! an L1TF attack, for which Xen stops the guest.

use mmu::Access; //~ TWIN
use mmu::Entry; //~ FAIL E0432
