//! A page table has no name outside the crate: a guest maps only through the maps that own their addresses.
//!
//! On Xen: code with a table of its own can hook any page that Xen allows, and Xen does not know who holds it in the
//! guest.

use mmu::AddressSpace; //~ TWIN
use mmu::Table; //~ FAIL E0432
