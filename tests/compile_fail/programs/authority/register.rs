//! Only code with the authority names a register of a device's page.
//!
//! On Xen: nothing is mapped at the address, or memory of another owner: the access faults, or writes to that.

use p2m::{Authority, Register, Width};
use x86_64::VirtAddr;

pub fn register(authority: &Authority, page: VirtAddr) -> Option<Register> {
    let _authority = authority;
    Register::new(authority, page, 0, Width::Bits32) //~ TWIN
    Register::new(page, 0, Width::Bits32) //~ FAIL E0061
}
