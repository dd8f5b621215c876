//! The payload's own pages, mapped once more with a protection that can change.
//!
//! *What this is*: a window of its own, with the machinery of the modules' window. What is mapped is given
//! away; the [`MappedPages`] stand for it, and unmapping gives it back. The pages are read and written through the
//! mapping.
//!
//! *What must hold*: nothing is writable and executable, by one mapping or by two: pages that are mapped for reading or
//! executing are read-only in the direct map too. A page is written only while Xen has accepted its writable mapping.
//! What Xen refuses to unmap stays with its owner, who can try again; what it refuses to undo of a mapping that failed
//! stays in the window, which tries again before the next one.
//!
//! *What is not prevented*: dropping [`MappedPages`]. The window keeps the pages and addresses for good. Pages of
//! another guest, which a kernel cannot have: there is one guest in a kernel.

use alloc::vec::Vec;
use core::marker::PhantomData;

use p2m::{Frame, Memory, Translate, Word};
use start_info::{Index, PAGE_SIZE, PageCount, Pfn};
use x86_64::VirtAddr;

use crate::{
    direct_map::DirectMap,
    error::{MmuError, Operation, WindowOf},
    hv::Machine,
    layout::{plan::Layout, region::Region},
    paging::{entry::Access, flush::flush},
    window::{module::ModulePart, owned::OwnedPages, places::Window},
};

/// The payload's addresses, and what is mapped there.
#[derive(Debug)]
pub struct PayloadMap {
    window: Window,
}

/// What may be done with all of the pages, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    All(Access),
    /// Xen stopped in the middle of a change: each can be read, more is not sure.
    Unsure,
    /// Xen stopped while they were unmapped: nothing is sure.
    Torn,
}

/// A payload's pages that are mapped, and the right to them. `O` is the form in which they come back.
#[derive(Debug)]
#[must_use = "what is mapped stays mapped until it is given to unmap"]
pub struct MappedPages<O> {
    start: VirtAddr,
    pages: PageCount,
    protection: Protection,
    owned: PhantomData<O>,
}

impl<O> MappedPages<O> {
    /// Returns the addresses.
    #[must_use]
    pub fn region(&self) -> Region {
        Region::new(WindowOf::Payload.region_name(), self.start, self.pages)
    }

    /// Returns what may be done with the pages; `None` after Xen stopped in the middle of a change.
    #[must_use]
    pub const fn access(&self) -> Option<Access> {
        match self.protection {
            Protection::All(access) => Some(access),
            Protection::Unsure | Protection::Torn => None,
        }
    }

    /// Checks that `len` bytes from `at` on are mapped.
    fn check(&self, at: u64, len: usize) -> Result<(), MmuError> {
        let region = self.region();
        if self.protection == Protection::Torn {
            return Err(MmuError::Torn { region });
        }
        let bytes = len as u64;
        match at.checked_add(bytes) {
            Some(end) if end <= self.pages.bytes() => Ok(()),
            _ => Err(MmuError::OutOfBounds { at, bytes, region }),
        }
    }
}

impl PayloadMap {
    /// Opens the payload's addresses of a settled layout.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self { window: Window::of_payload(layout) }
    }

    /// Returns the addresses in use, lowest first.
    pub fn taken(&self) -> impl DoubleEndedIterator<Item = Region> {
        self.window.taken()
    }

    /// Returns the pages of mappings that failed and that Xen has refused to take away.
    pub fn pending_pages(&self) -> impl Iterator<Item = Pfn> {
        self.window.pending_pages()
    }

    /// Tries again to take away what Xen refused to take away before.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when it refuses again.
    pub fn undo_pending<M: Machine>(&mut self, machine: &mut M, map: &mut DirectMap) -> Result<(), MmuError> {
        self.window.undo_pending(machine, map)
    }

    /// Maps pages at addresses of the payload.
    ///
    /// # Errors
    /// Gives the pages back with [`MmuError::NoPages`] when there are none, [`MmuError::WindowFull`] when no addresses
    /// are left, [`MmuError::HeapFull`], [`MmuError::NoFrames`] when no frame is free for a table, and
    /// [`MmuError::Refused`] when Xen refuses. If it refuses to undo what it did, the pages wait, and become free
    /// memory when that succeeds.
    pub fn map<M: Machine, O: OwnedPages>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        pages: O,
        access: Access,
    ) -> Result<MappedPages<O>, (Option<O>, MmuError)> {
        // If Xen refuses again, no harm is done: this mapping uses other addresses and frames.
        let _later = self.undo_pending(machine, map);
        let count = pages.count();
        if count == PageCount::ZERO {
            return Err((Some(pages), MmuError::NoPages));
        }
        let reservation = match self.window.reserve(count, PAGE_SIZE) {
            Ok(reservation) => reservation,
            Err(error) => return Err((Some(pages), error)),
        };
        let region = reservation.region();
        let frames = match self.window.open(machine, map, p2m, &reservation) {
            Ok(()) => pages.into_frames(|span| map.view().direct().take_first(span, machine, p2m)),
            Err(error) => Err((pages, error)),
        };
        let frames = match frames {
            Ok(frames) => frames,
            Err((pages, error)) => {
                // The caller gets the reason why they are not mapped. What cannot be undone now stays here.
                let _later = self.window.cancel(machine, map, reservation);
                return Err((Some(pages), error));
            }
        };
        let filled = self
            .window
            .add(machine, map, region, [ModulePart { frames, access }])
            .and_then(|()| self.window.place(region)?.fill(machine, map.view(), Operation::MapPayload));
        match filled {
            Ok(()) => {
                let (start, protection) = (region.start(), Protection::All(access));
                Ok(MappedPages { start, pages: count, protection, owned: PhantomData })
            }
            Err(error) => {
                let undone = self.window.rank(region).and_then(|rank| {
                    let frames = list_for(region)?;
                    self.take_back(machine, map, rank, frames)
                });
                if undone.is_err() {
                    // As above: what cannot be undone now stays here, and without an owner.
                    let _later = self.window.leave(machine, map, region);
                }
                Err((undone.ok(), error))
            }
        }
    }

    /// Changes what may be done with mapped pages.
    ///
    /// # Errors
    /// [`MmuError::Torn`] after an attempt to unmap them stopped half-way. [`MmuError::Refused`] when Xen refuses: the
    /// pages can still be read, and this can be called again.
    pub fn protect<M: Machine, O>(
        &mut self,
        machine: &mut M,
        map: &DirectMap,
        pages: &mut MappedPages<O>,
        access: Access,
    ) -> Result<(), MmuError> {
        pages.check(0, 0)?;
        let place = self.window.place(pages.region())?;
        pages.protection = Protection::Unsure;
        place.protect(machine, map.view(), access)?;
        pages.protection = Protection::All(access);
        Ok(())
    }

    /// Unmaps pages and gives them back to their owner.
    ///
    /// # Errors
    /// Gives the mapping back with [`MmuError::HeapFull`] when the heap has no room for a list of the pages, and with
    /// [`MmuError::Refused`] when Xen refuses; some may be unmapped then. Without it, [`MmuError::NoMemory`] for a page
    /// that is not writable memory any more, which cannot be.
    pub fn unmap<M: Machine, O: OwnedPages>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        pages: MappedPages<O>,
    ) -> Result<O, (Option<MappedPages<O>>, MmuError)> {
        let region = pages.region();
        let (rank, frames) = match (self.window.rank(region), list_for(region)) {
            (Ok(rank), Ok(frames)) => (rank, frames),
            (Err(error), _) | (_, Err(error)) => return Err((Some(pages), error)),
        };
        self.take_back(machine, map, rank, frames).map_err(|error| {
            // Xen may have stopped in the middle, if the window still has them.
            let torn = MappedPages { protection: Protection::Torn, ..pages };
            (self.window.rank(region).is_ok().then_some(torn), error)
        })
    }

    /// Reads bytes of mapped pages.
    ///
    /// # Errors
    /// [`MmuError::OutOfBounds`] for bytes after the last page, [`MmuError::Torn`] after an attempt to unmap the pages
    /// stopped half-way.
    pub fn read<O>(
        &self,
        map: &DirectMap,
        memory: &impl Memory,
        pages: &MappedPages<O>,
        at: u64,
        bytes: &mut [u8],
    ) -> Result<(), MmuError> {
        pages.check(at, bytes.len())?;
        let _ours = self.window.mapping(pages.region())?;
        let mut words = Words::from(pages.start, at);
        let mut rest = bytes;
        while !rest.is_empty() {
            let word = words.next(rest.len());
            let value = memory.load(Word::of_mapping(map.view().authority(), word.page).beside(word.index));
            let (here, behind) = rest.split_at_mut(word.len);
            here.iter_mut()
                .zip(value.to_le_bytes().into_iter().skip(word.first))
                .for_each(|(to, from)| *to = from);
            rest = behind;
        }
        Ok(())
    }

    /// Writes bytes of mapped pages.
    ///
    /// # Errors
    /// As [`PayloadMap::read`], and [`MmuError::ReadOnly`] when the pages are not mapped for writing.
    pub fn write<O>(
        &mut self,
        map: &DirectMap,
        memory: &mut impl Memory,
        pages: &mut MappedPages<O>,
        at: u64,
        bytes: &[u8],
    ) -> Result<(), MmuError> {
        pages.check(at, bytes.len())?;
        let region = pages.region();
        if pages.access() != Some(Access::ReadWrite) {
            return Err(MmuError::ReadOnly { region });
        }
        let place = self.window.place(region)?;
        let authority = map.view().authority();
        let mut words = Words::from(pages.start, at);
        let mut rest = bytes;
        while !rest.is_empty() {
            let word = words.next(rest.len());
            let frame = place.data(word.number).ok_or(MmuError::ReadOnly { region })?;
            let mut value =
                memory.load(Word::of_mapping(authority, word.page).beside(word.index)).to_le_bytes();
            let (here, behind) = rest.split_at(word.len);
            value.iter_mut().skip(word.first).zip(here).for_each(|(to, from)| *to = *from);
            memory.store(frame.word_mut_at(authority, word.page, word.index), u64::from_le_bytes(value));
            rest = behind;
        }
        Ok(())
    }

    /// Unmaps a mapping and returns its pages, by a list that has room for them. If Xen refuses, the mapping stays.
    fn take_back<M: Machine, O: OwnedPages>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        rank: usize,
        mut frames: Vec<Frame>,
    ) -> Result<O, MmuError> {
        let taken = self.window.take_out(machine, map, rank, |_, _, frame| frames.push(frame));
        frames.reverse();
        let (frames, error) = match taken {
            Ok(()) => match O::of_frames(frames) {
                Ok(pages) => return Ok(pages),
                Err(frames) => {
                    let out_of_order = frames.first().map(|frame| MmuError::NoMemory { pfn: frame.pfn() });
                    (frames, out_of_order.unwrap_or(MmuError::NoPages))
                }
            },
            Err(error) => {
                // What was unmapped before the refusal must not stay visible by old translations. The caller gets the
                // reason for the refusal, not this result.
                let _refused_too = flush(machine);
                (frames, error)
            }
        };
        // Either there are none, because Xen refused, or some are missing. Then the others become free memory.
        frames.into_iter().for_each(|frame| map.give(machine, frame));
        Err(error)
    }
}

/// Makes a list with room for the pages of a region.
fn list_for(region: Region) -> Result<Vec<Frame>, MmuError> {
    let mut frames = Vec::new();
    match frames.try_reserve_exact(region.pages().get() as usize) {
        Ok(()) => Ok(frames),
        Err(_) => Err(MmuError::HeapFull { doing: Operation::UnmapPayload }),
    }
}

/// Walks over the words that hold some bytes.
struct Words {
    start: VirtAddr,
    at: u64,
}

/// Bytes in one word of a mapped page.
struct BytesOfWord {
    /// Where the page is mapped, and its number in the mapping.
    page: VirtAddr,
    number: usize,
    index: Index,
    first: usize,
    len: usize,
}

impl Words {
    const fn from(start: VirtAddr, at: u64) -> Self {
        Self { start, at }
    }

    /// Returns where the next bytes are, at most `len`.
    fn next(&mut self, len: usize) -> BytesOfWord {
        let (number, first) = (self.at / PAGE_SIZE, (self.at % 8) as usize);
        let word = BytesOfWord {
            page: self.start + number * PAGE_SIZE,
            number: number as usize,
            index: Index::containing(self.at % PAGE_SIZE / 8),
            first,
            len: len.min(8 - first),
        };
        self.at += word.len as u64;
        word
    }
}
