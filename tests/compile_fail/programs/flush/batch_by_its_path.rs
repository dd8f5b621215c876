//! A list of updates cannot be reached by the path of its file either.
//!
//! On Xen: code that can send updates of its own can send any.

use mmu::Hypervisor; //~ TWIN
use mmu::paging::batch::Batch; //~ FAIL E0603
