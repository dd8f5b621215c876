//! A list of updates is not reached by the path of its file either.
//!
//! On Xen: who can send updates of his own can send any.

use mmu::Hypervisor; //~ TWIN
use mmu::paging::batch::Batch; //~ FAIL E0603
