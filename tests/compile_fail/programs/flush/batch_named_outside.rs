//! A list of updates has no name outside the crate that makes them.
//!
//! On Xen: code that can send updates of its own can send any.

use mmu::Hypervisor; //~ TWIN
use mmu::Batch; //~ FAIL E0432
