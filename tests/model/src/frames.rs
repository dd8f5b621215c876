//! What Xen knows about each machine frame: its owner, its type, and how often it is used.
//!
//! *What this is*: Xen's `struct page_info` (asm/mm.h) in eight bytes. Blocks of 512 frames with the same record, as
//! the direct map of a large guest leaves them, take no room of their own.
//!
//! *What must hold*: a frame has one type at a time; the type may change only while its count is zero (mm.c, "Reference
//! counting of pages"; `types.rs` is the one place that changes it).

use start_info::{ENTRIES, Mfn};

use crate::fingerprint::Fingerprint;

const BLOCK: usize = ENTRIES as usize;
const COUNT_BITS: u32 = 28;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const REFERENCES_SHIFT: u32 = COUNT_BITS;
const KIND_SHIFT: u32 = 2 * COUNT_BITS;
const OWNER_SHIFT: u32 = KIND_SHIFT + 3;
const LEAVING: u64 = 1 << 62;
const PINNED: u64 = 1 << 63;

/// A machine frame that the model keeps a record of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameIndex(u32);

impl FrameIndex {
    pub(crate) const fn numbered(number: u32) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> usize {
        self.0 as usize
    }
}

/// What a frame is used as (asm/mm.h, `PGT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageType {
    /// Nothing yet.
    None,
    /// A page table of this level, 1 to 4.
    Table(u8),
    /// Segment descriptors.
    Descriptors,
    /// Memory with a writable mapping.
    Writable,
}

/// The owner of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The guest's.
    Guest,
    /// Xen's own, lent to the guest: shared_info.
    Lent,
    /// Another domain's.
    Other,
    /// Nobody's: free.
    Nobody,
}

/// What Xen knows about one frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PageInfo(u64);

impl PageInfo {
    const fn new(owner: Owner) -> Self {
        Self((owner as u64) << OWNER_SHIFT)
    }

    /// Returns the type count: how often the frame is used as its type.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.0 & COUNT_MASK
    }

    /// Returns the reference count: mappings, hooks, pins and processors that hold the frame.
    #[must_use]
    pub const fn references(self) -> u64 {
        self.0 >> REFERENCES_SHIFT & COUNT_MASK
    }

    /// Returns the frame's type; with a count of zero, its last type.
    #[must_use]
    pub const fn kind(self) -> PageType {
        match self.0 >> KIND_SHIFT & 7 {
            0 => PageType::None,
            level @ 1..=4 => PageType::Table(level as u8),
            5 => PageType::Descriptors,
            _ => PageType::Writable,
        }
    }

    /// Returns the frame's owner.
    #[must_use]
    pub const fn owner(self) -> Owner {
        match self.0 >> OWNER_SHIFT & 3 {
            0 => Owner::Guest,
            1 => Owner::Lent,
            2 => Owner::Other,
            _ => Owner::Nobody,
        }
    }

    /// Tells whether the guest pinned the frame as a table.
    #[must_use]
    pub const fn is_pinned(self) -> bool {
        self.0 & PINNED != 0
    }

    /// Tells whether the guest gave the frame back and only references keep it from being freed.
    #[must_use]
    pub const fn is_leaving(self) -> bool {
        self.0 & LEAVING != 0
    }

    /// Tells whether the frame is a table now, and of which level.
    #[must_use]
    pub const fn table_level(self) -> Option<u8> {
        match self.kind() {
            PageType::Table(level) if self.count() > 0 => Some(level),
            _ => None,
        }
    }

    pub(crate) const fn used_once_as(self, kind: PageType) -> Self {
        let kind = match kind {
            PageType::None => 0,
            PageType::Table(level) => level as u64,
            PageType::Descriptors => 5,
            PageType::Writable => 7,
        };
        Self(self.0 & !COUNT_MASK & !(7 << KIND_SHIFT) | kind << KIND_SHIFT | 1)
    }

    pub(crate) const fn used_once_more(self) -> Self {
        assert!(self.count() < COUNT_MASK, "the model's type counts have 28 bits");
        Self(self.0 + 1)
    }

    pub(crate) const fn used_once_less(self) -> Self {
        assert!(self.count() > 0, "the model dropped a type reference it did not hold");
        Self(self.0 - 1)
    }

    pub(crate) const fn held_once_more(self) -> Self {
        assert!(self.references() < COUNT_MASK, "the model's reference counts have 28 bits");
        Self(self.0 + (1 << REFERENCES_SHIFT))
    }

    pub(crate) const fn held_once_less(self) -> Self {
        assert!(self.references() > 0, "the model dropped a reference it did not hold");
        Self(self.0 - (1 << REFERENCES_SHIFT))
    }

    pub(crate) const fn pinned(self, pinned: bool) -> Self {
        Self(if pinned { self.0 | PINNED } else { self.0 & !PINNED })
    }

    /// The frame without its owner's reference (`PGC_allocated`).
    pub(crate) const fn leaving(self) -> Self {
        Self(self.0 | LEAVING)
    }
}

impl std::fmt::Debug for PageInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pinned = if self.is_pinned() { ", pinned" } else { "" };
        let leaving = if self.is_leaving() { ", given back" } else { "" };
        let (kind, count, references) = (self.kind(), self.count(), self.references());
        write!(f, "{:?}: {kind:?} x{count}, {references} references{pinned}{leaving}", self.owner())
    }
}

/// What a machine frame number names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A frame with a record.
    Frame(FrameIndex),
    /// Memory of some other domain or of Xen, below the guest's.
    Elsewhere,
    /// No memory: a device, or nothing.
    NoMemory,
}

#[derive(Clone, Debug)]
enum Block {
    Same(PageInfo),
    Each(Box<[PageInfo]>),
}

/// The records of all frames.
#[derive(Clone, Debug)]
pub(crate) struct Frames {
    base: u64,
    blocks: Vec<Block>,
}

impl Frames {
    /// Makes records for `frames` frames from machine frame `base` on, all the guest's.
    pub(crate) fn new(base: u64, frames: u64) -> Self {
        let blocks = frames.div_ceil(ENTRIES);
        Self { base, blocks: (0..blocks).map(|_| Block::Same(PageInfo::new(Owner::Guest))).collect() }
    }

    /// Gives a frame to somebody.
    pub(crate) fn give(&mut self, frame: FrameIndex, owner: Owner) {
        self.set(frame, PageInfo::new(owner));
    }

    /// Gives all 512 frames of the block around `frame` to somebody.
    pub(crate) fn give_block(&mut self, frame: FrameIndex, owner: Owner) {
        self.blocks[frame.number() / BLOCK] = Block::Same(PageInfo::new(owner));
    }

    /// Finds the frame with a machine number.
    pub(crate) fn find(&self, mfn: Mfn) -> Found {
        match mfn.get().checked_sub(self.base) {
            None => Found::Elsewhere,
            Some(number) if number < self.len() as u64 => Found::Frame(FrameIndex(number as u32)),
            Some(_) => Found::NoMemory,
        }
    }

    /// Returns the machine number of a frame.
    pub(crate) fn mfn(&self, frame: FrameIndex) -> Mfn {
        Mfn::try_new(self.base + u64::from(frame.0)).unwrap_or(Mfn::new(0))
    }

    /// Returns how many frames have a record.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len() * BLOCK
    }

    /// Returns a frame's record.
    pub(crate) fn get(&self, frame: FrameIndex) -> PageInfo {
        match &self.blocks[frame.number() / BLOCK] {
            Block::Same(record) => *record,
            Block::Each(records) => records[frame.number() % BLOCK],
        }
    }

    /// Changes a frame's record.
    pub(crate) fn set(&mut self, frame: FrameIndex, record: PageInfo) {
        let block = &mut self.blocks[frame.number() / BLOCK];
        if let Block::Same(same) = block {
            if *same == record {
                return;
            }
            *block = Block::Each(vec![*same; BLOCK].into());
        }
        if let Block::Each(records) = block {
            records[frame.number() % BLOCK] = record;
        }
    }

    /// Frees the record list of the block around `frame` if all its records are the same.
    pub(crate) fn compact(&mut self, frame: FrameIndex) {
        let block = &mut self.blocks[frame.number() / BLOCK];
        if let Block::Each(records) = block
            && records.iter().all(|&record| record == records[0])
        {
            *block = Block::Same(records[0]);
        }
    }

    /// Adds all records to a fingerprint.
    pub(crate) fn enter(&self, print: &mut Fingerprint) {
        for block in &self.blocks {
            match block {
                Block::Same(record) => print.words(&[record.0]),
                Block::Each(records) => {
                    for eight in records.as_chunks::<8>().0 {
                        print.eight(eight.map(|record| record.0));
                    }
                }
            }
        }
    }

    /// Returns the first of 2^`order` free frames, searching from frame number `from`. Its machine number is a multiple
    /// of that count.
    pub(crate) fn find_free(&self, from: usize, order: u32) -> Option<FrameIndex> {
        let (step, base) = (1_usize << order, self.base as usize);
        let mut number = (base + from).next_multiple_of(step) - base;
        while number + step <= self.len() {
            match &self.blocks[number / BLOCK] {
                Block::Same(record) if record.owner() != Owner::Nobody => {
                    number = (base + number + 1).next_multiple_of(step.max(BLOCK)) - base;
                }
                _ if (number..number + step).all(|number| self.is_free(number)) => {
                    return Some(FrameIndex(number as u32));
                }
                _ => number += step,
            }
        }
        None
    }

    fn is_free(&self, number: usize) -> bool {
        self.get(FrameIndex(number as u32)).owner() == Owner::Nobody
    }

    /// Returns the frames that are tables, with the level.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (FrameIndex, u8)> {
        let numbers = |block: usize| (block * BLOCK) as u32..((block + 1) * BLOCK) as u32;
        let has_none = |block: &Block| matches!(block, Block::Same(record) if record.table_level().is_none());
        let blocks = self.blocks.iter().enumerate().filter(move |(_, block)| !has_none(block));
        let frames = blocks.flat_map(move |(number, _)| numbers(number).map(FrameIndex));
        frames.filter_map(|frame| Some((frame, self.get(frame).table_level()?)))
    }

    /// Returns all frames with a record.
    pub(crate) fn all(&self) -> impl Iterator<Item = FrameIndex> + use<> {
        (0..self.len() as u32).map(FrameIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_its_parts_apart() {
        let record =
            PageInfo::new(Owner::Other).used_once_as(PageType::Table(3)).held_once_more().pinned(true);
        let more = record.used_once_more().held_once_more();
        assert_eq!((more.count(), more.references(), more.kind()), (2, 2, PageType::Table(3)));
        assert_eq!((more.owner(), more.is_pinned(), more.table_level()), (Owner::Other, true, Some(3)));
        assert_eq!(more.used_once_less().held_once_less(), record);
        assert_eq!(record.used_once_less().table_level(), None);
        for kind in [PageType::None, PageType::Descriptors, PageType::Writable] {
            assert_eq!(record.pinned(false).used_once_as(kind).kind(), kind);
        }
        let leaving = more.leaving();
        assert_eq!((leaving.is_leaving(), more.is_leaving(), leaving.owner()), (true, false, Owner::Other));
        assert_eq!((leaving.count(), leaving.references(), leaving.is_pinned()), (2, 2, true));
        assert_eq!(size_of::<PageInfo>(), 8);
    }

    #[test]
    fn neighbours_that_are_free_are_found() {
        let mut frames = Frames::new(4096, 2048);
        assert_eq!(frames.find_free(0, 0), None);
        (1027..1600).for_each(|number| frames.give(FrameIndex(number), Owner::Nobody));
        for (from, order, found) in [
            (0, 0, Some(1027)),
            (1028, 0, Some(1028)),
            (1600, 0, None),
            (0, 1, Some(1028)),
            (0, 6, Some(1088)),
            (1100, 6, Some(1152)),
            (0, 9, None),
        ] {
            assert_eq!(frames.find_free(from, order), found.map(FrameIndex), "{from} {order}");
        }
        (1024..1027).for_each(|number| frames.give(FrameIndex(number), Owner::Nobody));
        assert_eq!((frames.find_free(0, 9), frames.find_free(1, 10)), (Some(FrameIndex(1024)), None));
    }

    #[test]
    fn a_block_is_split_and_joined_unseen() {
        let mut frames = Frames::new(4096, 1024);
        let one = frames.get(FrameIndex(600)).held_once_more();
        frames.set(FrameIndex(600), one);
        assert_eq!((frames.get(FrameIndex(600)), frames.get(FrameIndex(601)).references()), (one, 0));
        frames.set(FrameIndex(600), one.held_once_less());
        frames.compact(FrameIndex(700));
        assert!(matches!(frames.blocks[1], Block::Same(_)));
        assert_eq!(frames.find(Mfn::new(4095)), Found::Elsewhere);
        assert_eq!(frames.find(Mfn::new(4096 + 1023)), Found::Frame(FrameIndex(1023)));
        assert_eq!(frames.find(Mfn::new(4096 + 1024)), Found::NoMemory);
    }
}
