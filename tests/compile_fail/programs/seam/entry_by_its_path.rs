//! A page-table entry cannot be reached by the path of its file either.
//!
//! On Xen: a present entry for a frame that is not ours is refused; one for a frame of ours is not.

use mmu::Access; //~ TWIN
use mmu::paging::entry::Entry; //~ FAIL E0603
