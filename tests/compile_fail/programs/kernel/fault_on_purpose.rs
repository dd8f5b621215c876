//! A payload cannot call what breaks things on purpose.
//!
//! On Xen: safe code writes the kernel's text, or executes data.

#![no_std]

use start_info::CommandLine;
use xen_guest::sys;

pub fn fail(line: &CommandLine) -> usize {
    let _ = line;
    sys::heap_used() //~ TWIN
    sys::fail_as_asked(line) //~ FAIL E0425
}
