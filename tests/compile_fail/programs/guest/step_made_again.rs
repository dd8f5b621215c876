//! Only the boot makes its steps.
//!
//! On Xen: building the address space again hands out frames that have owners; a second release gives back tables in
//! use.

#[expect(unused_imports, reason = "the name is what is tried")]
use xen_guest::boot as step; //~ TWIN
use xen_guest::Parsed as step; //~ FAIL E0432
