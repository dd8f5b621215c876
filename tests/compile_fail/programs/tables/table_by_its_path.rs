//! A page table is not reached by the path of its file either.
//!
//! On Xen: a table of one's own can hook any page that Xen lets pass, and Xen keeps no account of who holds it in the guest.

use mmu::AddressSpace; //~ TWIN
use mmu::paging::table::Table; //~ FAIL E0603
