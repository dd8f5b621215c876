//! A level of page tables has no name outside the crate.
//!
//! On Xen: what is public for a level could be public for a table of it.

use mmu::LiveTables; //~ TWIN
use mmu::L1; //~ FAIL E0432
