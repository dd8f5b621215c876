//! The contents of the machine's frames, kept in little memory.
//!
//! *What this is*: 512 words a frame, kept only where they cannot be computed. A page of one value, a page of the P2M
//! and a table that maps a block of the guest in order take a few bytes each.
//!
//! *What must hold*: how a page is kept never shows. A page that was never written holds arbitrary words, always the
//! same ones: the builders promise nothing about it (xen.h, "Start-of-day memory layout"), and a guest must not expect
//! zeros.

use kit::random::Random;
use start_info::ENTRIES;

use crate::fingerprint::Fingerprint;
use crate::frames::FrameIndex;
use crate::shuffle::Shuffle;

const WORDS: usize = ENTRIES as usize;

/// The words of a page.
pub(crate) type Words = [u64; WORDS];

/// What one frame holds.
#[derive(Clone, Debug, Default)]
enum Page {
    /// What was there before: arbitrary words.
    #[default]
    Undefined,
    /// One value in every word.
    Uniform(u64),
    /// Word `i` is the frame of the `i`-th page in machine block `block`, shifted left, with `bits` set.
    Map { block: u64, shift: u32, bits: u64 },
    /// Anything.
    Words(Box<Words>),
}

/// What all frames hold.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    shuffle: Shuffle,
    seed: u64,
    blocks: Vec<Option<Box<[Page]>>>,
}

impl Contents {
    /// Makes `frames` frames with arbitrary contents.
    pub(crate) fn new(shuffle: Shuffle, frames: u64, seed: u64) -> Self {
        let blocks = frames.div_ceil(ENTRIES);
        Self { shuffle, seed, blocks: (0..blocks).map(|_| None).collect() }
    }

    /// Reads a word.
    pub(crate) fn word(&self, frame: FrameIndex, index: usize) -> u64 {
        match self.page(frame) {
            None | Some(Page::Undefined) => self.arbitrary(frame, index),
            Some(Page::Uniform(value)) => *value,
            Some(&Page::Map { block, shift, bits }) => self.mapped(block, shift, bits, index),
            Some(Page::Words(words)) => words[index],
        }
    }

    /// Writes a word.
    pub(crate) fn set(&mut self, frame: FrameIndex, index: usize, value: u64) {
        if let Page::Words(words) = self.page_mut(frame) {
            words[index] = value;
            return;
        }
        if self.word(frame, index) == value {
            return;
        }
        let mut words = Box::new(self.words(frame));
        words[index] = value;
        *self.page_mut(frame) = Page::Words(words);
    }

    /// Reads all words.
    pub(crate) fn words(&self, frame: FrameIndex) -> Words {
        match self.page(frame) {
            Some(Page::Words(words)) => **words,
            Some(&Page::Uniform(value)) => [value; WORDS],
            Some(&Page::Map { block, shift, bits }) => {
                std::array::from_fn(|index| self.mapped(block, shift, bits, index))
            }
            _ => std::array::from_fn(|index| self.word(frame, index)),
        }
    }

    /// Writes all words.
    pub(crate) fn set_words(&mut self, frame: FrameIndex, words: &Words) {
        match self.page_mut(frame) {
            Page::Words(old) => **old = *words,
            page => *page = Page::Words(Box::new(*words)),
        }
    }

    /// Writes one value to all words.
    pub(crate) fn fill(&mut self, frame: FrameIndex, value: u64) {
        *self.page_mut(frame) = Page::Uniform(value);
    }

    /// Tells whether the first `words` words of a page all have one value.
    pub(crate) fn is_filled(&self, frame: FrameIndex, words: usize, value: u64) -> bool {
        match self.page(frame) {
            Some(Page::Uniform(found)) => *found == value || words == 0,
            _ => (0..words).all(|index| self.word(frame, index) == value),
        }
    }

    /// Makes the page a list of machine frames: those of the 512 pages from `first` on.
    pub(crate) fn list(&mut self, frame: FrameIndex, first: u64) {
        *self.page_mut(frame) = Page::Map { block: self.shuffle.block(first / ENTRIES), shift: 0, bits: 0 };
    }

    /// Copies a page.
    pub(crate) fn copy(&mut self, source: FrameIndex, target: FrameIndex) {
        let page = match self.page(source) {
            None | Some(Page::Undefined) => Page::Words(Box::new(self.words(source))),
            Some(page) => page.clone(),
        };
        *self.page_mut(target) = page;
    }

    /// Keeps a page in few bytes if its words allow.
    pub(crate) fn compact(&mut self, frame: FrameIndex) {
        let Some(Page::Words(words)) = self.page(frame) else { return };
        let compact = if words.iter().all(|&word| word == words[0]) {
            Page::Uniform(words[0])
        } else {
            let mfn = (words[0] >> 12) & 0xff_ffff_ffff;
            let range = self.shuffle.base()..self.shuffle.base() + self.shuffle.frames();
            if !range.contains(&mfn) {
                return;
            }
            let block = (mfn - self.shuffle.base()) / ENTRIES;
            let bits = words[0] & !(0xff_ffff_ffff << 12);
            if !words.iter().enumerate().all(|(i, &word)| word == self.mapped(block, 12, bits, i)) {
                return;
            }
            Page::Map { block, shift: 12, bits }
        };
        *self.page_mut(frame) = compact;
    }

    /// Adds all that was written to a fingerprint. How a page is kept may change it.
    pub(crate) fn enter(&self, print: &mut Fingerprint) {
        for (number, block) in (0..).zip(&self.blocks) {
            for (place, page) in (number * ENTRIES..).zip(block.iter().flat_map(|block| block.iter())) {
                match page {
                    Page::Undefined => {}
                    Page::Uniform(value) => print.words(&[place, 1, *value]),
                    Page::Map { block, shift, bits } => {
                        print.words(&[place, 2, *block, (*shift).into(), *bits])
                    }
                    Page::Words(words) => {
                        print.words(&[place, 3]);
                        print.page(words);
                    }
                }
            }
        }
    }

    /// Returns how many pages take their full size.
    pub(crate) fn full_pages(&self) -> usize {
        let full = |page: &&Page| matches!(page, Page::Words(_));
        self.blocks.iter().flatten().map(|block| block.iter().filter(full).count()).sum()
    }

    const fn mapped(&self, block: u64, shift: u32, bits: u64, index: usize) -> u64 {
        self.shuffle.mfn_in(block, index as u64) << shift | bits
    }

    fn arbitrary(&self, frame: FrameIndex, index: usize) -> u64 {
        Random::nth(self.seed, (frame.number() as u64) << 9 | index as u64)
    }

    fn page(&self, frame: FrameIndex) -> Option<&Page> {
        self.blocks[frame.number() / WORDS].as_ref().map(|block| &block[frame.number() % WORDS])
    }

    fn page_mut(&mut self, frame: FrameIndex) -> &mut Page {
        let block = self.blocks[frame.number() / WORDS]
            .get_or_insert_with(|| (0..WORDS).map(|_| Page::Undefined).collect());
        &mut block[frame.number() % WORDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents {
        let shuffle = Shuffle::new(2048, 0, 1);
        let frames = shuffle.frames();
        Contents::new(shuffle, frames, 1)
    }

    #[test]
    fn a_page_nobody_wrote_holds_something_and_keeps_it() {
        let contents = contents();
        let words = contents.words(FrameIndex::numbered(3));
        assert!(words.iter().all(|&word| word != 0));
        assert_eq!(words, contents.words(FrameIndex::numbered(3)));
        assert_ne!(words, contents.words(FrameIndex::numbered(4)));
    }

    #[test]
    fn how_a_page_is_kept_does_not_show() {
        let mut contents = contents();
        let shuffle = contents.shuffle.clone();
        let table: Words = std::array::from_fn(|i| shuffle.mfn(512 + i as u64) << 12 | 1 << 63 | 0x67);
        let frame = FrameIndex::numbered(7);
        contents.set_words(frame, &table);
        contents.compact(frame);
        assert_eq!((contents.words(frame), contents.full_pages()), (table, 0));
        contents.set(frame, 9, 0);
        assert_eq!(contents.full_pages(), 1);
        for (index, &word) in table.iter().enumerate() {
            assert_eq!(contents.word(frame, index), if index == 9 { 0 } else { word });
        }
        contents.copy(frame, FrameIndex::numbered(8));
        assert_eq!(contents.words(FrameIndex::numbered(8)), contents.words(frame));
        contents.fill(frame, 5);
        contents.set(frame, 0, 6);
        assert_eq!((contents.word(frame, 0), contents.word(frame, 511)), (6, 5));
    }

    #[test]
    fn a_list_names_the_frames_of_its_pages() {
        let mut contents = contents();
        contents.list(FrameIndex::numbered(0), 1024);
        assert_eq!(contents.word(FrameIndex::numbered(0), 5), contents.shuffle.mfn(1029));
    }
}
