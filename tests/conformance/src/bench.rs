//! The workbench of a probe: spare frames, and all actions on them.
//!
//! *What this is*: each action makes one hypercall and records the answer. Preparations record only failures.
//!
//! *What must hold*: at the start of a probe every spare frame is zero and mapped writable by the direct map alone, and
//! the guest has no descriptor table and no root for user mode; [`Bench::finish`] restores that, gives back the frames
//! the probe took, and records what it could not restore.

use p2m::Frame;
use start_info::{Index, Mfn};
use xen_guest::Running;

use crate::{
    request::{Change, ExtendedOperation, Flush, Request},
    requests::Step,
    reserve::Taken,
    segments::Tables,
    subject::{Call, ProbeAnswer, Special, Subject},
    transcript::Transcript,
};

/// How many spare frames a probe may use, the window among them.
pub const PAGES: usize = 8;

/// No-execute: what is writable must not be executable, on the model too.
pub(crate) const NX: u64 = 1 << 63;
/// A writable page.
pub(crate) const RW: u64 = NX | 0x63;
/// A read-only page.
pub(crate) const RO: u64 = NX | 0x61;
/// A table.
pub(crate) const TABLE: u64 = 0x67;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// A spare frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page(usize);

/// Where other frames are mapped: the address of a spare frame that has no other use.
const WINDOW: Page = Page(0);

/// What a probe works with.
#[derive(Debug)]
pub struct Bench<'a> {
    pub(crate) subject: &'a mut dyn Subject,
    pub(crate) running: &'a Running,
    frames: &'a mut [Frame; PAGES],
    used: usize,
    pinned: [bool; PAGES],
    switched: bool,
    pub(crate) tables: Tables,
    pub(crate) taken: Taken,
    pub(crate) transcript: Transcript,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(
        subject: &'a mut dyn Subject,
        running: &'a Running,
        frames: &'a mut [Frame; PAGES],
    ) -> Self {
        let mut bench = Self {
            subject,
            running,
            frames,
            used: 1,
            pinned: [false; PAGES],
            switched: false,
            tables: Tables::default(),
            taken: Taken::default(),
            transcript: Transcript::default(),
        };
        (0..PAGES).for_each(|page| bench.wipe(Page(page)));
        bench
    }

    // Preparations.

    /// Takes a page that is mapped writable.
    pub(crate) fn page(&mut self) -> Page {
        let page = Page(self.used);
        self.used += 1;
        page
    }

    /// Takes a page that is mapped read-only and so may become a table, zero except for the given entries.
    pub(crate) fn table(&mut self, entries: &[(usize, u64)]) -> Page {
        let page = self.page();
        entries.iter().for_each(|&(index, value)| self.store(page, index, value));
        self.freeze(page);
        page
    }

    /// Makes a filled page ready to be a table, by mapping it read-only.
    pub(crate) fn freeze(&mut self, page: Page) {
        let answer = self.remap(page, RO);
        self.must("freeze", answer);
    }

    /// Takes tables, L1 to L4, that lead to `leaf` by their entries with index 1.
    pub(crate) fn chain(&mut self, leaf: u64) -> [Page; 4] {
        let l1 = self.table(&[(1, leaf)]);
        let l2 = self.table(&[(1, self.entry(l1, TABLE))]);
        let l3 = self.table(&[(1, self.entry(l2, TABLE))]);
        let l4 = self.table(&[(1, self.entry(l3, TABLE))]);
        [l1, l2, l3, l4]
    }

    /// Takes a table and pins it.
    pub(crate) fn pinned(&mut self, level: u32, entries: &[(usize, u64)]) -> Page {
        let page = self.table(entries);
        let answer = self.operate(level - 1, self.mfn(page), 0);
        self.pinned[page.0] = true;
        self.must("pinned", answer);
        page
    }

    /// Stores a word of a page that is mapped writable.
    pub(crate) fn store(&mut self, page: Page, index: usize, value: u64) {
        self.subject.store(self.frames[page.0].word_mut(Index::containing(index as u64)), value);
    }

    /// Copies the entries of the live top-level table.
    pub(crate) fn copy_root(&mut self, page: Page) {
        for index in Index::all() {
            let word = self.view().direct().word(self.view().root_frame().0, index);
            let value = word.map_or(0, |word| self.subject.load(word));
            self.subject.store(self.frames[page.0].word_mut(index), value);
        }
    }

    // Known numbers.

    pub(crate) fn mfn(&self, page: Page) -> u64 {
        let frame = self.subject.frame_of(self.running, self.frames[page.0].pfn());
        frame.map_or(u64::MAX, Mfn::get)
    }

    pub(crate) fn pfn(&self, page: Page) -> u64 {
        self.frames[page.0].pfn().get()
    }

    pub(crate) fn address(&self, page: Page) -> u64 {
        self.frames[page.0].address().as_u64()
    }

    pub(crate) fn root(&self) -> u64 {
        self.view().root_frame().1.get()
    }

    pub(crate) fn entry(&self, page: Page, flags: u64) -> u64 {
        self.mfn(page) << 12 | flags
    }

    pub(crate) fn special(&self, special: Special) -> u64 {
        self.subject.special(special)
    }

    pub(crate) fn special_entry(&self, special: Special, flags: u64) -> u64 {
        self.special(special) << 12 | flags
    }

    /// Returns the machine address of an entry of a page.
    pub(crate) fn slot(&self, page: Page, index: usize) -> u64 {
        (self.mfn(page) << 12) + index as u64 * 8
    }

    /// Returns the machine address of the entry that maps a page in the direct map.
    pub(crate) fn own_slot(&self, page: Page) -> u64 {
        let address = self.address(page);
        let mut table = self.view().root_frame().1;
        for shift in [39, 30, 21] {
            let pfn = self.subject.pfn_of(table);
            let index = Index::containing(address >> shift);
            let word = pfn.and_then(|pfn| self.view().direct().word(pfn, index));
            let value = word.map_or(0, |word| self.subject.load(word));
            table = Mfn::try_new((value & ADDRESS) >> 12).unwrap_or(Mfn::new(0));
        }
        table.maddr().get() + (address >> 12) % 512 * 8
    }

    pub(crate) fn word(&self, page: Page, index: usize) -> u64 {
        self.subject.load(self.frames[page.0].word(Index::containing(index as u64)))
    }

    /// Reads a word of the page whose spare frame is the window.
    pub(crate) fn window_word(&self, index: usize) -> u64 {
        self.word(WINDOW, index)
    }

    // Actions.

    /// Pins a page as a table.
    pub(crate) fn pin(&mut self, level: u32, page: Page) {
        let answer = self.operate(level - 1, self.mfn(page), 0);
        self.pinned[page.0] |= answer.is_ok();
        self.transcript.add(format_args!("pin{level}"), answer);
    }

    /// Pins any frame, which must fail.
    pub(crate) fn pin_frame(&mut self, level: u32, mfn: u64) {
        let answer = self.operate(level - 1, mfn, 0);
        self.transcript.add(format_args!("pin{level}"), answer);
    }

    /// Notes that a page was pinned in another way.
    pub(crate) fn mark_pinned(&mut self, page: Page) {
        self.pinned[page.0] = true;
    }

    pub(crate) fn unpin(&mut self, page: Page) {
        let answer = self.operate(xen_sys::MMUEXT_UNPIN_TABLE, self.mfn(page), 0);
        self.pinned[page.0] &= !answer.is_ok();
        self.transcript.add("unpin", answer);
    }

    /// Makes a page the top-level table.
    pub(crate) fn base(&mut self, page: Page) {
        let answer = self.operate(xen_sys::MMUEXT_NEW_BASEPTR, self.mfn(page), 0);
        self.switched |= answer.is_ok();
        self.transcript.add("base", answer);
    }

    /// Makes the boot's top-level table the top-level table again.
    pub(crate) fn base_back(&mut self) {
        let answer = self.operate(xen_sys::MMUEXT_NEW_BASEPTR, self.root(), 0);
        self.switched &= !answer.is_ok();
        self.transcript.add("back", answer);
    }

    /// Makes another extended operation.
    pub(crate) fn extended(&mut self, command: u32, first: u64, second: u64) {
        let answer = self.operate(command, first, second);
        self.transcript.add(format_args!("op{command}"), answer);
    }

    /// Makes a list of extended operations.
    pub(crate) fn extended_list(&mut self, operations: &[ExtendedOperation]) {
        let answer = self.subject.extended(operations);
        self.transcript.add("ops", answer);
    }

    /// Maps a page writable at its own address.
    pub(crate) fn rw(&mut self, page: Page) {
        let answer = self.remap(page, RW);
        self.transcript.add("rw", answer);
    }

    /// Maps a page read-only at its own address.
    pub(crate) fn ro(&mut self, page: Page) {
        let answer = self.remap(page, RO);
        self.transcript.add("ro", answer);
    }

    /// Maps something at the window.
    pub(crate) fn map(&mut self, entry: u64) {
        self.map_at("map", self.address(WINDOW), entry, Flush::Address);
    }

    /// Maps something at any address.
    pub(crate) fn map_at(&mut self, what: &str, address: u64, entry: u64, flush: Flush) {
        let answer = self.subject.update_address(Change::new(address, entry, flush));
        self.transcript.add(what, answer);
    }

    /// Writes an entry of a table.
    pub(crate) fn put(&mut self, table: Page, index: usize, value: u64) {
        self.request("put", self.slot(table, index), value);
    }

    /// Clears an entry of a table.
    pub(crate) fn clear(&mut self, table: Page, index: usize) {
        self.request("clear", self.slot(table, index), 0);
    }

    /// Clears an entry of a table, as a preparation.
    pub(crate) fn clear_quietly(&mut self, table: Page, index: usize) {
        let answer = self.subject.update_entries(&[Request::new(self.slot(table, index), 0)]);
        self.must("clear", answer);
    }

    /// Makes any single update.
    pub(crate) fn request(&mut self, what: &str, target: u64, value: u64) {
        self.batch(what, &[Request::new(target, value)]);
    }

    /// Makes a list of updates.
    pub(crate) fn batch(&mut self, what: &str, requests: &[Request]) {
        let answer = self.subject.update_entries(requests);
        self.transcript.add(what, answer);
    }

    /// Makes another hypercall.
    pub(crate) fn call(&mut self, what: &str, call: Call) {
        let result = self.subject.call(call);
        self.transcript.add(what, ProbeAnswer::of(result));
    }

    /// Makes several hypercalls at once.
    pub(crate) fn multicall(&mut self, entries: &[Step]) {
        let mut results = [77; PAGES];
        let result = self.subject.multicall(entries, &mut results[..entries.len()]);
        self.transcript.add("multicall", ProbeAnswer::of(result));
        results[..entries.len()]
            .iter()
            .for_each(|&result| self.transcript.add("entry", ProbeAnswer::of(result)));
    }

    /// Returns a change of how a page is mapped at its own address.
    pub(crate) fn change(&self, page: Page, flags: u64) -> Change {
        Change::new(self.address(page), self.entry(page, flags), Flush::Address)
    }

    // Observations.

    /// Records whether something is true.
    pub(crate) fn note(&mut self, what: &str, is: bool) {
        self.transcript.add(what, if is { "yes" } else { "no" });
    }

    /// Records an entry without its frame.
    pub(crate) fn flags(&mut self, table: Page, index: usize) {
        let flags = self.word(table, index) & !ADDRESS;
        self.transcript.add("flags", format_args!("{flags:#x}"));
    }

    /// Records whose page number the M2P holds for a page.
    pub(crate) fn m2p(&mut self, page: Page) {
        let held = Mfn::try_new(self.mfn(page)).ok().and_then(|mfn| self.subject.machine_to_phys(mfn));
        let owner = (0..PAGES).find(|&other| Some(self.pfn(Page(other))) == held);
        match owner {
            Some(owner) if owner == page.0 => self.transcript.add("m2p", "own"),
            Some(_) => self.transcript.add("m2p", "another"),
            None => self.transcript.add("m2p", "other"),
        }
    }

    /// Records whether the M2P holds no page number for a frame.
    pub(crate) fn m2p_is_empty(&mut self, mfn: u64) {
        let held = self.page_of(mfn);
        self.note("m2p-empty", held == Some(u64::MAX));
    }

    /// Returns what the M2P holds for a frame.
    pub(crate) fn page_of(&self, mfn: u64) -> Option<u64> {
        Mfn::try_new(mfn).ok().and_then(|mfn| self.subject.machine_to_phys(mfn))
    }

    // Helpers.

    fn view(&self) -> &mmu::LiveTables {
        self.running.map.view()
    }

    pub(crate) fn must(&mut self, what: &str, answer: ProbeAnswer) {
        if !answer.is_ok() {
            self.transcript.add(what, answer);
        }
    }

    pub(crate) fn operate(&mut self, command: u32, first: u64, second: u64) -> ProbeAnswer {
        self.subject.extended(&[ExtendedOperation::new(command, first, second)])
    }

    fn remap(&mut self, page: Page, flags: u64) -> ProbeAnswer {
        self.subject.update_address(self.change(page, flags))
    }

    fn wipe(&mut self, page: Page) {
        Index::all().for_each(|index| self.subject.store(self.frames[page.0].word_mut(index), 0));
    }

    /// Undoes everything and returns the transcript.
    pub(crate) fn finish(mut self) -> Transcript {
        if self.switched {
            let answer = self.operate(xen_sys::MMUEXT_NEW_BASEPTR, self.root(), 0);
            self.must("left-root", answer);
        }
        for page in (0..PAGES).map(Page) {
            if self.pinned[page.0] {
                let answer = self.operate(xen_sys::MMUEXT_UNPIN_TABLE, self.mfn(page), 0);
                self.must("left-pinned", answer);
            }
        }
        self.drop_tables();
        // Xen takes a large tree apart during the next call (`mm.c`, `put_old_guest_table`).
        let _done = self.operate(xen_sys::MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
        for page in (0..PAGES).map(Page) {
            let answer = self.remap(page, RW);
            self.must("left-page", answer);
        }
        self.give_back();
        self.transcript
    }
}
