//! The steps of the boot are not reached by the path of their files either.
//!
//! On Xen: the address space built again hands out frames that have owners; the release made again gives back tables in use.

#[expect(unused_imports, reason = "the name is what is tried")]
use xen_guest::boot as step; //~ TWIN
use xen_guest::boot::parsed::Parsed as step; //~ FAIL E0603
