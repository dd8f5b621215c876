//! A level of page tables cannot be reached by the path of its file either.
//!
//! On Xen: what is public for a level could be public for a table of it.

use mmu::LiveTables; //~ TWIN
use mmu::paging::level::L1; //~ FAIL E0603
