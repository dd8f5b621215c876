//! A page is mapped by the crate that owns the tables; nobody else makes the entry, not even who holds the frame.
//!
//! On Xen: the frame may be a table, and the mapping is refused; or another owner's memory, and it is not.

use mmu::DirectMap; //~ TWIN
use mmu::paging::leaf::Leaf; //~ FAIL E0603
