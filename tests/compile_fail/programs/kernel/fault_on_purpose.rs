//! What breaks things on purpose is not the payload's to call.
//!
//! On Xen: the kernel's text is written, or data executed, by safe code.

#![no_std]

use start_info::CommandLine;
use xen_guest::sys;

pub fn fail(line: &CommandLine) -> usize {
    let _ = line;
    sys::heap_used() //~ TWIN
    sys::fail_as_asked(line) //~ FAIL E0425
}
