//! Only the holder of a frame names a word to write; an address does not.
//!
//! On Xen: the store goes wherever the number says: into a live table, where it faults, or into the kernel, where it
//! does not.

use std::marker::PhantomData;

use p2m::{Memory, WordMut};
use x86_64::VirtAddr;

pub fn store(memory: &mut impl Memory, address: VirtAddr, named_by_owner: WordMut<'_>) {
    let word = named_by_owner; //~ TWIN
    let word = WordMut { address, frame: PhantomData }; //~ FAIL E0451
    memory.store(word, 0);
}
