//! A promise to flush has no name outside the crate that makes it.
//!
//! On Xen: who can hold one can let another fall in its place.

use mmu::Hypervisor; //~ TWIN
use mmu::Unflushed; //~ FAIL E0432
