//! A promise to flush has no name outside the crate that makes it.
//!
//! On Xen: code that can hold one can drop another in its place.

use mmu::Hypervisor; //~ TWIN
use mmu::Unflushed; //~ FAIL E0432
