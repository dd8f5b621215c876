//! The one way this crate and `mmu` touch guest memory: eight-byte words.
//!
//! *What this is*: the trait that a machine (real Xen, or the model in tests) implements, and the two kinds of words it
//! accesses.
//!
//! *What must hold*: a [`Word`] names mapped memory and a [`WordMut`] memory that is mapped writable and that nobody
//! else holds. Both have private fields, so only [`crate::Frame`], [`crate::List`], [`crate::LinearMap`] and the holder
//! of the [`crate::Authority`] make them, each from a right it owns. That is why the trait can be safe.
//!
//! *What is not prevented*: Xen sets accessed and dirty bits in a page table while it is read; hence volatile
//! single-word access and no slices.

use core::marker::PhantomData;

use start_info::{ENTRIES, Index};
use x86_64::VirtAddr;

use crate::{Authority, Frame, Register};

/// An eight-byte word of mapped memory that may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(VirtAddr);

impl Word {
    pub(crate) const fn at(address: VirtAddr) -> Self {
        Self(address)
    }

    /// Names the first word of a page that `mmu` has mapped outside the linear maps: of a device, of another domain, or
    /// of a window.
    #[must_use]
    pub const fn of_mapping(_: &Authority, page: VirtAddr) -> Self {
        Self(page)
    }

    /// Returns another word of the same page.
    #[must_use]
    pub fn beside(self, index: Index) -> Self {
        Self(entry_address(self.of_page().0, u64::from(index.get())))
    }

    /// Returns how many words there are from this one to the end of its page.
    #[must_use]
    pub fn words_to_end(self) -> usize {
        (ENTRIES - self.0.as_u64() / 8 % ENTRIES) as usize
    }

    /// Returns the first word of the same page.
    #[must_use]
    pub fn of_page(self) -> Self {
        Self(self.0.align_down(start_info::PAGE_SIZE))
    }

    /// Returns the virtual address of the word, 8-byte aligned.
    #[must_use]
    pub const fn address(self) -> VirtAddr {
        self.0
    }
}

/// An eight-byte word of a frame that its owner may write.
#[derive(Debug)]
pub struct WordMut<'f> {
    address: VirtAddr,
    frame: PhantomData<&'f mut u64>,
}

impl WordMut<'_> {
    pub(crate) const fn at(address: VirtAddr) -> Self {
        Self { address, frame: PhantomData }
    }

    /// Returns the virtual address of the word, 8-byte aligned.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.address
    }
}

/// Memory that can be read and written by words.
pub trait Memory {
    /// Reads a word.
    fn load(&self, word: Word) -> u64;

    /// Writes a word of an owned frame.
    fn store(&mut self, word: WordMut<'_>, value: u64);

    /// Reads a register of a device, with one access of its width.
    fn load_register(&self, register: Register) -> u64;

    /// Writes a register of a device, with one access of its width. The bits of `value` above that are ignored.
    fn store_register(&mut self, register: Register, value: u64);

    /// Tells whether to deny a frame although one is free. Real machines never do; the model does, to test what
    /// follows.
    fn denies_frame(&self) -> bool {
        false
    }

    /// Writes the same value to all 512 words of a frame.
    fn fill(&mut self, frame: &mut Frame, value: u64) {
        for index in Index::all() {
            self.store(frame.word_mut(index), value);
        }
    }

    /// Reads consecutive words, from `first` to the end of its page or of `words`; returns how many.
    fn load_words(&self, first: Word, words: &mut [u64]) -> usize {
        let count = first.words_to_end().min(words.len());
        for (word, number) in words.iter_mut().take(count).zip(0..) {
            *word = self.load(Word(first.0 + number * 8));
        }
        count
    }

    /// Writes all 512 words of a frame.
    fn store_words(&mut self, frame: &mut Frame, words: &[u64; ENTRIES as usize]) {
        for (index, &word) in Index::all().zip(words) {
            self.store(frame.word_mut(index), word);
        }
    }

    /// Tells whether the first `words` words of the page of `page` all have the same value.
    fn is_filled(&self, page: Word, words: u64, value: u64) -> bool {
        let page = page.of_page();
        (0..words).all(|index| self.load(Word(entry_address(page.0, index))) == value)
    }

    /// Copies the 512 words of the page of `source` to a frame.
    fn copy_page(&mut self, source: Word, target: &mut Frame) {
        let source = source.of_page();
        for index in Index::all() {
            let value = self.load(Word(source.0 + index.offset()));
            self.store(target.word_mut(index), value);
        }
    }
}

/// Returns the address of the eight-byte entry `index` after `address`.
pub(crate) fn entry_address(page: VirtAddr, index: u64) -> VirtAddr {
    page + (index % ENTRIES) * 8
}
