//! A page table has no name outside the crate: what a guest maps, it maps through the maps that own their addresses.
//!
//! On Xen: a table of one's own can hook any page that Xen lets pass, and Xen keeps no account of who holds it in the guest.

use mmu::AddressSpace; //~ TWIN
use mmu::Table; //~ FAIL E0432
