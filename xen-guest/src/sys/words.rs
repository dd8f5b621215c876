//! Words and pages of the guest's memory.
//!
//! *What this is*: the loads and stores that implement [`p2m::Memory`]. That trait is safe because a [`Word`] and a
//! [`WordMut`] can be made only from a right to the memory.
//!
//! *What must hold*: one word at a time and volatile, because Xen sets accessed and dirty bits in words that are table
//! entries. Pages that are copied as a whole hold no table.

use p2m::{Frame, Register, Width, Word, WordMut};
use start_info::Index;
use x86_64::VirtAddr;

use crate::sys::pointer;

/// Reads a word.
pub(super) fn load(word: Word) -> u64 {
    let pointer = pointer::to::<u64>(word.address());
    // SAFETY: a `Word` names mapped memory (p2m::memory, "what must hold"), aligned to 8 bytes; volatile, because Xen
    // sets accessed and dirty bits in words that are table entries.
    unsafe { pointer.read_volatile() }
}

/// Reads consecutive words, up to the end of their page; returns how many.
pub(super) fn load_words(first: Word, words: &mut [u64]) -> usize {
    let count = first.words_to_end().min(words.len());
    let pointer = pointer::to::<u64>(first.address());
    for (number, word) in words.iter_mut().take(count).enumerate() {
        let next = pointer.wrapping_add(number);
        // SAFETY: as for `load`: a word's page is mapped as a whole, and `count` ends with it.
        *word = unsafe { next.read_volatile() };
    }
    count
}

/// Writes all words of a frame.
pub(super) fn store_words(frame: &mut Frame, words: &[u64; 512]) {
    let pointer = pointer::to_mut::<u64>(frame.word_mut(Index::FIRST).address());
    for (number, &word) in words.iter().enumerate() {
        let next = pointer.wrapping_add(number);
        // SAFETY: as for `store`: a frame is a whole page, which has 512 words.
        unsafe { next.write_volatile(word) }
    }
}

/// Writes a word.
pub(super) fn store(word: &WordMut<'_>, value: u64) {
    let pointer = pointer::to_mut::<u64>(word.address());
    // SAFETY: a `WordMut` borrows its `Frame`, which is mapped writable and held by one owner (p2m::frame).
    unsafe { pointer.write_volatile(value) }
}

/// Reads a register of a device.
pub(super) fn load_register(register: &Register) -> u64 {
    let address = register.address();
    match register.width() {
        Width::Bits8 => u64::from(load_as::<u8>(address)),
        Width::Bits16 => u64::from(load_as::<u16>(address)),
        Width::Bits32 => u64::from(load_as::<u32>(address)),
        Width::Bits64 => load_as::<u64>(address),
    }
}

/// Writes a register of a device.
pub(super) fn store_register(register: &Register, value: u64) {
    let address = register.address();
    match register.width() {
        Width::Bits8 => store_as(address, value as u8),
        Width::Bits16 => store_as(address, value as u16),
        Width::Bits32 => store_as(address, value as u32),
        Width::Bits64 => store_as(address, value),
    }
}

/// Reads an integer of a register's width.
fn load_as<T: Copy>(address: VirtAddr) -> T {
    let pointer = pointer::to::<T>(address);
    // SAFETY: a `Register` lies in a page that is mapped for a device, at a multiple of its width (p2m::register), which
    // is that of `T`; every value of an integer is valid.
    unsafe { pointer.read_volatile() }
}

/// Writes an integer of a register's width.
fn store_as<T: Copy>(address: VirtAddr, value: T) {
    let pointer = pointer::to_mut::<T>(address);
    // SAFETY: as for `load_as`; `mmu` makes a register for writing only of a page that is mapped writable and is not the
    // guest's own memory.
    unsafe { pointer.write_volatile(value) }
}

/// Copies the page of `source` to a frame.
pub(super) fn copy_page(source: Word, target: &mut Frame) {
    let from = pointer::to::<[u64; 512]>(source.of_page().address());
    let to = pointer::to_mut::<[u64; 512]>(target.word_mut(Index::FIRST).address());
    // SAFETY: `source` starts the page of a word, and a word's page is mapped as a whole; `target` is a whole frame
    // held by one owner. A window names words of that frame too, so the two pages may be one: `copy` allows it.
    unsafe { core::ptr::copy(from, to, 1) }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use p2m::{Authority, Register, Width};
    use start_info::{Index, Pfn};

    use super::{copy_page, load, load_register, load_words, store, store_register, store_words};
    use crate::sys::buffer::Buffer;

    #[test]
    fn a_register_is_read_and_written_in_its_width_alone() {
        let buffer = Buffer::new(1);
        buffer.set_bytes(0, &[0x11; 32]);
        let authority = Authority::take().unwrap();
        let register = |offset, width| Register::new(&authority, buffer.address(), offset, width);
        for (offset, width) in
            [(1, Width::Bits8), (6, Width::Bits16), (12, Width::Bits32), (24, Width::Bits64)]
        {
            store_register(&register(offset, width).unwrap(), 0x8877_6655_4433_2288);
            let bytes = width.bytes() as usize;
            let written = &0x8877_6655_4433_2288_u64.to_le_bytes()[..bytes];
            assert_eq!(buffer.bytes(offset, bytes), written);
            assert_eq!(load_register(&register(offset, width).unwrap()).to_le_bytes()[..bytes], *written);
            assert!(load_register(&register(offset, width).unwrap()) >> 1 >> (bytes * 8 - 1) == 0);
        }
        let others = (0..32).filter(|at| ![1, 6, 7, 12, 13, 14, 15].contains(at) && *at < 24);
        assert!(others.clone().all(|at| buffer.bytes(at, 1) == [0x11]));
        for (offset, width) in
            [(1, Width::Bits16), (2, Width::Bits32), (4, Width::Bits64), (4096, Width::Bits8)]
        {
            assert!(register(offset, width).is_none(), "{offset} {width:?}");
        }
    }

    /// Three pages that differ in every word.
    fn pages() -> (Buffer, [Vec<u8>; 3]) {
        let buffer = Buffer::new(3);
        let content: Vec<u8> = (0..3 * 512_u64).flat_map(u64::to_le_bytes).collect();
        buffer.set_bytes(0, &content);
        (buffer, [0, 1, 2].map(|page| content[page * 4096..][..4096].to_vec()))
    }

    #[test]
    fn words_in_a_row_end_with_their_page() {
        let (buffer, content) = pages();
        let at = |page: usize, word: usize| {
            let bytes = &content[page][word * 8..][..8];
            u64::from_le_bytes(bytes.try_into().unwrap())
        };
        for (first, room, count) in [(0_u64, 512, 512), (500, 20, 12), (511, 1, 1), (7, 0, 0), (3, 5, 5)] {
            let mut words = [u64::MAX; 512];
            let word = buffer.window().word(Pfn::new(2), Index::containing(first)).unwrap();
            assert_eq!(load_words(word, &mut words[..room]), count);
            assert!((0..count).all(|number| words[number] == at(2, first as usize + number)));
            assert!(words[count..].iter().all(|&word| word == u64::MAX));
        }
        let mut frame = buffer.frame(1);
        let words: [u64; 512] = std::array::from_fn(|number| !(number as u64));
        store_words(&mut frame, &words);
        let read = |page, number: usize| {
            load(buffer.window().word(Pfn::new(page), Index::containing(number as u64)).unwrap())
        };
        for (number, &word) in words.iter().enumerate() {
            assert_eq!(read(1, number), word);
            assert_eq!((read(0, number), read(2, number)), (at(0, number), at(2, number)));
        }
    }

    #[test]
    fn every_word_of_a_page_is_read_and_written_where_it_is() {
        let (buffer, content) = pages();
        let (window, mut frame) = (buffer.window(), buffer.frame(1));
        for index in Index::all() {
            let word = window.word(Pfn::new(1), index).unwrap();
            let number = 512 + u64::from(index.get());
            assert_eq!(load(word), number);
            store(&frame.word_mut(index), !number);
            assert_eq!(load(word), !number);
        }
        assert_eq!(buffer.bytes(0, 4096), content[0]);
        assert_eq!(buffer.bytes(2 * 4096, 4096), content[2]);
    }

    #[test]
    fn a_page_is_copied_as_a_whole_whichever_word_names_it() {
        let (buffer, content) = pages();
        let (window, mut frame) = (buffer.window(), buffer.frame(0));
        for index in [Index::FIRST, Index::new(511)] {
            for page in [1, 2] {
                copy_page(window.word(Pfn::new(page), index).unwrap(), &mut frame);
                assert_eq!(buffer.bytes(0, 4096), content[page as usize], "page {page} by word {index:?}");
            }
        }
        assert_eq!([buffer.bytes(4096, 4096), buffer.bytes(8192, 4096)], content[1..]);
    }

    #[test]
    fn a_page_copied_onto_itself_stays_as_it_is() {
        // A linear map may name a word of the very frame that is written.
        let (buffer, content) = pages();
        let (window, mut frame) = (buffer.window(), buffer.frame(1));
        copy_page(window.word(Pfn::new(1), Index::FIRST).unwrap(), &mut frame);
        assert_eq!(buffer.bytes(4096, 4096), content[1]);
    }
}
