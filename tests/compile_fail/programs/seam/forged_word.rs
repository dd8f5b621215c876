//! Only the holder of memory names a word to read; an address does not.
//!
//! On Xen: a read of an unmapped address faults; in a safe trait method that would be unsound.

use p2m::{Memory, Word};
use x86_64::VirtAddr;

pub fn load(memory: &impl Memory, address: VirtAddr, named_by_owner: Word) -> u64 {
    let word = named_by_owner; //~ TWIN
    let word = Word(address); //~ FAIL E0423
    memory.load(word)
}
