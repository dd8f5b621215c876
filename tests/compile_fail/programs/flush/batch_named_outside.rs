//! A list of updates has no name outside the crate that makes them.
//!
//! On Xen: who can send updates of his own can send any.

use mmu::Hypervisor; //~ TWIN
use mmu::Batch; //~ FAIL E0432
