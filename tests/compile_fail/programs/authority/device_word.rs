//! Only code with the authority names a word of a device's page.
//!
//! On Xen: nothing is mapped at the address, and a load from it faults.

use p2m::{Authority, Word};
use x86_64::VirtAddr;

pub fn word(authority: &Authority, page: VirtAddr) -> Word {
    Word::of_mapping(authority, page) //~ TWIN
    Word::of_mapping(page) //~ FAIL E0061
}
