//! A word to read is named by who holds the memory, not by an address.
//!
//! On Xen: a read of an address that is not mapped faults; in the safe method of a trait that would be unsound.

use p2m::{Memory, Word};
use x86_64::VirtAddr;

pub fn load(memory: &impl Memory, address: VirtAddr, named_by_owner: Word) -> u64 {
    let word = named_by_owner; //~ TWIN
    let word = Word(address); //~ FAIL E0423
    memory.load(word)
}
