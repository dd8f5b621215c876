//! The part of the bench that takes frames from Xen and gives them back.
//!
//! *What must hold*: frames are taken for page numbers that the guest does not have, so the P2M is not touched.
//! [`Bench::give_back`] returns what a probe took and did not give back.

use arrayvec::ArrayVec;
use mmu::Errno;

use crate::{
    bench::Bench,
    exchange::Exchange,
    requests::Extents,
    subject::{Call, ProbeAnswer},
};

/// How far after the guest's last page the new ones begin.
const DISTANCE: u64 = 0x1000;
/// The most extents a probe may take.
const MOST: usize = 8;

/// The extents a probe took: first frame and order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(ArrayVec<(u64, u32), MOST>);

impl Taken {
    fn add(&mut self, extent: (u64, u32)) {
        // No probe takes more.
        let _full = self.0.try_push(extent);
    }

    fn remove(&mut self, mfn: u64) {
        self.0.retain(|&mut (taken, _)| taken != mfn);
    }
}

impl Bench<'_> {
    /// Returns the number of the `i`-th page that the guest does not have.
    pub(crate) fn new_page(&self, i: u64) -> u64 {
        self.running.context.facts.nr_pages().get() + DISTANCE + i
    }

    /// Takes frames for `N` extents of new pages. An extent that Xen did not give has number `u64::MAX`.
    pub(crate) fn populate<const N: usize>(&mut self, order: u32) -> [u64; N] {
        let mut numbers = core::array::from_fn(|i| self.new_page((i as u64) << order));
        let done = self.subject.populate(Extents::new(&mut numbers, order));
        self.transcript.add("populate", done);
        let done = usize::try_from(done).unwrap_or(0);
        numbers[done..].fill(u64::MAX);
        numbers[..done].iter().for_each(|&mfn| self.taken.add((mfn, order)));
        numbers
    }

    /// Gives extents of frames back.
    pub(crate) fn decrease<const N: usize>(&mut self, frames: [u64; N], order: u32) {
        let mut numbers = frames;
        let done = self.subject.decrease(Extents::new(&mut numbers, order));
        self.transcript.add("decrease", done);
        frames[..usize::try_from(done).unwrap_or(0)].iter().for_each(|&mfn| self.taken.remove(mfn));
    }

    /// Notes that an extent is gone although Xen did not count it.
    pub(crate) fn forget(&mut self, mfn: u64) {
        self.taken.remove(mfn);
    }

    /// Exchanges extents of frames for extents of new pages.
    pub(crate) fn exchange<const N: usize, const M: usize>(
        &mut self,
        (frames, order): ([u64; N], u32),
        new_order: u32,
    ) -> [u64; M] {
        let mut old = frames;
        let mut new = core::array::from_fn(|i| self.new_page((i as u64) << new_order));
        let answer = self.subject.exchange(Exchange {
            old: Extents::new(&mut old, order),
            new: Extents::new(&mut new, new_order),
        });
        self.transcript.add("exchange", answer);
        frames[..answer.done].iter().for_each(|&mfn| self.taken.remove(mfn));
        let done = (answer.done * M).checked_div(N).unwrap_or(0);
        new[done..].fill(u64::MAX);
        new[..done].iter().for_each(|&mfn| self.taken.add((mfn, new_order)));
        new
    }

    /// Records how many more frames the guest has than start_info says.
    pub(crate) fn more(&mut self) {
        let pages = self.running.context.facts.nr_pages().get() as i64;
        let held = self.subject.call(Call::Reservation);
        self.transcript.add("more", held - pages);
    }

    /// Records whether the guest may have as many frames as it has, and whether 256 more.
    pub(crate) fn may_have(&mut self) {
        let held = self.subject.call(Call::Reservation);
        let most = self.subject.call(Call::MaximumReservation);
        self.note("enough", most >= held);
        self.note("256-more", most == held + 256);
    }

    /// Records the number a call returns.
    pub(crate) fn count(&mut self, what: &str, call: Call) {
        match self.subject.call(call) {
            number @ 0.. => self.transcript.add(what, number),
            refused => self.transcript.add(what, ProbeAnswer::of(refused)),
        }
    }

    /// Records whether the guest's memory map ends with its last page.
    pub(crate) fn map_ends_with_memory(&mut self) {
        let pages = self.running.context.facts.nr_pages().get() as i64;
        let end = self.subject.call(Call::MemoryMapEnd);
        self.note("ends-with-memory", end == pages);
    }

    /// Gives back what a probe left.
    pub(crate) fn give_back(&mut self) {
        for (mfn, order) in core::mem::take(&mut self.taken).0 {
            let done = self.subject.decrease(Extents::new(&mut [mfn], order));
            self.must(
                "left-taken",
                ProbeAnswer { wanted: 1, done: usize::try_from(done).unwrap_or(0), errno: Errno(0) },
            );
        }
    }
}
