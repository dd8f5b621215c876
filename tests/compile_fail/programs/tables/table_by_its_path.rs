//! A page table cannot be reached by the path of its file either.
//!
//! On Xen: code with a table of its own can hook any page that Xen allows, and Xen does not know who holds it in the
//! guest.

use mmu::AddressSpace; //~ TWIN
use mmu::paging::table::Table; //~ FAIL E0603
