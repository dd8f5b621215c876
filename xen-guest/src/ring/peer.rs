//! A page in memory, and another side that stores anything, for tests.

use core::cell::{Cell, RefCell};
use std::vec::Vec;

use kit::random::Random;

use crate::ring::words::SharedWords;

/// What the other side does with the bytes.
type Other<'p> = std::boxed::Box<dyn FnMut(&mut [u8]) + 'p>;

/// A page whose other side does what a closure does, before every access of ours.
pub(crate) struct Page<'p> {
    bytes: RefCell<Vec<u8>>,
    other: RefCell<Other<'p>>,
    /// How often the page was accessed.
    pub(crate) accesses: Cell<u64>,
}

impl<'p> Page<'p> {
    pub(crate) fn new(other: impl FnMut(&mut [u8]) + 'p) -> Self {
        let bytes = RefCell::new(std::vec![0; 4096]);
        Self { bytes, other: RefCell::new(std::boxed::Box::new(other)), accesses: Cell::new(0) }
    }

    /// Lets the other side act, and then returns the bytes.
    fn touched(&self) -> core::cell::RefMut<'_, Vec<u8>> {
        let mut bytes = self.bytes.borrow_mut();
        (self.other.borrow_mut())(&mut bytes);
        self.accesses.set(self.accesses.get() + 1);
        bytes
    }

    /// The bytes of the page, as they are.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }

    /// Stores 32 bits, as the other side.
    pub(crate) fn set(&self, at: u16, value: u32) {
        set(&mut self.bytes.borrow_mut(), at, value);
    }

    /// Reads 32 bits.
    pub(crate) fn get(&self, at: u16) -> u32 {
        get(&self.bytes.borrow(), at)
    }
}

/// Stores 32 bits.
pub(crate) fn set(bytes: &mut [u8], at: u16, value: u32) {
    bytes[usize::from(at)..usize::from(at) + 4].copy_from_slice(&value.to_le_bytes());
}

/// Reads 32 bits.
pub(crate) fn get(bytes: &[u8], at: u16) -> u32 {
    u32::from_le_bytes(bytes[usize::from(at)..usize::from(at) + 4].try_into().unwrap())
}

impl SharedWords for Page<'_> {
    fn index(&self, at: u16) -> u32 {
        get(&self.touched(), at)
    }

    fn set_index(&mut self, at: u16, value: u32) {
        set(&mut self.touched(), at, value);
    }

    fn byte(&self, at: u16) -> u8 {
        self.touched()[usize::from(at)]
    }

    fn set_byte(&mut self, at: u16, byte: u8) {
        self.touched()[usize::from(at)] = byte;
    }
}

/// Another side that stores to any of the words that are its own to store, and to ours: edges, near misses, noise.
pub(crate) fn anything(mut random: Random, words: [u16; 4]) -> impl FnMut(&mut [u8]) {
    move |bytes| {
        if random.one_in(3) {
            let at = words[random.index(words.len())];
            let near = get(bytes, words[random.index(words.len())]);
            let value = match random.index(6) {
                0 => near.wrapping_add(random.below(3) as u32),
                1 => near.wrapping_add(1023 + random.below(4) as u32),
                2 => near.wrapping_sub(random.below(3) as u32),
                3 => near.wrapping_add(1 << 31),
                4 => u32::MAX - random.below(3) as u32,
                _ => random.word() as u32,
            };
            set(bytes, at, value);
        }
    }
}
