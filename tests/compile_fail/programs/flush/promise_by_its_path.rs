//! A promise to flush cannot be reached by the path of its file either.
//!
//! On Xen: code that can hold one can drop another in its place.

use mmu::Hypervisor; //~ TWIN
use mmu::paging::flush::Unflushed; //~ FAIL E0603
