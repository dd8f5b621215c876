//! A promise to flush is made by sending updates, and by nobody outside the crate that sends them.
//!
//! On Xen: a promise from nowhere could be spent in place of one that stands for real updates.

use mmu::Hypervisor; //~ TWIN
use mmu::paging::flush::Unflushed; //~ FAIL E0603
