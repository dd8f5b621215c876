//! A promise to flush is not reached by the path of its file either.
//!
//! On Xen: who can hold one can let another fall in its place.

use mmu::Hypervisor; //~ TWIN
use mmu::paging::flush::Unflushed; //~ FAIL E0603
