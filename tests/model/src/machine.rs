//! The machine: memory, what Xen knows about it, and one PV domain with one processor.
//!
//! *What this is*: the state that the hypercalls change, and what tests ask about it.
//!
//! *What must hold*: a machine frame number is the guest's, shared_info's, another domain's, a free frame's, or no
//! memory at all, and the model can tell. Frames below the guest's are another domain's, or a device's where a test's
//! machine map has no memory. So a PFN used as an MFN always names somebody else's frame. A frame with a record in the
//! model is memory, whatever a map says.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use mmu::{Errno, Region, layout::Bases};
use start_info::{ENTRIES, Mfn, Pfn};
use xen_guest::Published;

use crate::contents::Contents;
use crate::event_state::EventState;
use crate::frames::{Found, FrameIndex, Frames, Owner, PageInfo};
use crate::gdt::LocalTable;
use crate::guest::{Build, Domain, Release};
use crate::heap::Heap;
use crate::hypercall::Refusal;
use crate::memory_map::Maps;
use crate::shared::Daemons;
use crate::shuffle::Shuffle;
use crate::stale::Stale;
use crate::tlb::Tlb;
use crate::trace::Trace;

/// Frames after the guest's: shared_info, then a few of another domain, then free ones.
const EXTRA: u64 = 4 * ENTRIES;
const OTHERS: Range<u64> = 1..9;

/// A machine that runs one PV guest.
#[derive(Clone)]
pub struct ModelMachine {
    pub(crate) domain: Domain,
    pub(crate) release: Release,
    pub(crate) build: Build,
    pub(crate) on_shim: bool,
    pub(crate) shuffle: Shuffle,
    pub(crate) pages: u64,
    holes: Vec<Range<u64>>,
    pub(crate) heap: Heap,
    pub(crate) maps: Maps,
    pub(crate) contents: Contents,
    pub(crate) frames: Frames,
    /// Entries of the M2P that are not as the builder left them.
    pub(crate) m2p: HashMap<u64, u64>,
    /// Frames given to pages since then, by page.
    pub(crate) moved: BTreeMap<u64, u64>,
    pub(crate) root: Option<FrameIndex>,
    pub(crate) user_root: Option<FrameIndex>,
    pub(crate) gdt: Vec<FrameIndex>,
    pub(crate) ldt: Option<LocalTable>,
    /// The domain builder is at work: its mappings may be writable and executable.
    pub(crate) building: bool,
    pub(crate) tlb: Tlb,
    pub(crate) stale: Stale,
    pub(crate) calls: u64,
    pub(crate) refused: u64,
    pub(crate) refusals: Vec<Refusal>,
    /// How often a frame was asked for, and the requests that are denied.
    pub(crate) frames_asked: std::cell::Cell<u64>,
    pub(crate) denials: Vec<u64>,
    pub(crate) trace: Trace,
    pub(crate) within_multicall: bool,
    pub(crate) traps: BTreeMap<u8, u64>,
    pub(crate) stopped: Option<u8>,
    pub(crate) console: String,
    pub(crate) xens_console: String,
    pub(crate) ring: Option<Mfn>,
    pub(crate) ring_at: Option<u64>,
    pub(crate) daemons: Daemons,
    pub(crate) shared_info_at: Option<u64>,
    pub(crate) published: Option<Published>,
    /// Never freed, because the guest may keep it.
    pub(crate) ramdisk: &'static [u8],
    pub(crate) ramdisk_pages: Range<u64>,
    /// Where the guest was lent the ramdisk's bytes.
    pub(crate) lent: std::cell::Cell<Option<u64>>,
    /// Time stands still.
    pub(crate) timeless: bool,
    pub(crate) ticks: std::cell::Cell<u64>,
    /// How often memory was read or written, a word or a page at a time.
    pub(crate) accesses: std::cell::Cell<u64>,
    /// The port with which the console ring was attached.
    pub(crate) ring_port: Option<u32>,
    /// How often a module's exit function was called.
    pub(crate) modules_ended: u64,
    /// Where a trap would be reported to be, of the regions that can move.
    pub(crate) bases_noted: Option<Bases>,
    /// The modules whose names a trap would be reported with.
    pub(crate) modules_noted: Vec<(String, Region)>,
    /// What the next module's init function returns.
    pub(crate) init_code: i32,
    pub(crate) events: EventState,
}

/// A machine holds too much to print. [`ModelMachine::fingerprint`] tells two apart.
impl std::fmt::Debug for ModelMachine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}

/// Returns the owner of each frame before the builder begins, and how many the guest has.
fn frames_at_start(shuffle: &Shuffle, pages: u64, holes: &[Range<u64>]) -> (Frames, u64) {
    let mut frames = Frames::new(shuffle.base(), shuffle.frames() + EXTRA);
    let place = |number: u64| FrameIndex::numbered(number as u32);
    for extra in 0..EXTRA {
        let owner = match extra {
            0 => Owner::Lent,
            _ if OTHERS.contains(&extra) => Owner::Other,
            _ => Owner::Nobody,
        };
        frames.give(place(shuffle.frames() + extra), owner);
    }
    // Nobody owns the frames of holes and of page numbers after the last page.
    let mut held = pages;
    for absent in merged(holes, pages).chain(std::iter::once(pages..shuffle.frames())) {
        held -= absent.end.min(pages).saturating_sub(absent.start);
        let mut pfn = absent.start;
        while pfn < absent.end {
            let block = shuffle.block(pfn / ENTRIES);
            if pfn % ENTRIES == 0 && absent.end - pfn >= ENTRIES {
                frames.give_block(place(block * ENTRIES), Owner::Nobody);
                pfn += ENTRIES;
            } else {
                frames.give(place(shuffle.mfn(pfn) - shuffle.base()), Owner::Nobody);
                pfn += 1;
            }
        }
    }
    (frames, held)
}

impl ModelMachine {
    /// Makes a machine whose guest has `pages` pages, except those in `holes`. The domain builder is at work. The
    /// guest's maps describe memory and devices below page `told`.
    pub(crate) fn new(domain: Domain, pages: u64, holes: &[Range<u64>], told: u64, seed: u64) -> Self {
        let shuffle = Shuffle::new(pages, told, seed);
        let (mut frames, held) = frames_at_start(&shuffle, pages, holes);
        // shared_info is always writable (common/domain.c, share_xen_page_with_guest).
        let shared_info = FrameIndex::numbered(shuffle.frames() as u32);
        let record = frames.get(shared_info).used_once_as(crate::PageType::Writable).held_once_more();
        frames.set(shared_info, record);
        let mut contents = Contents::new(shuffle.clone(), shuffle.frames() + EXTRA, seed);
        contents.fill(shared_info, 0);
        Self {
            domain,
            release: Release::V4_17,
            build: Build::Release,
            on_shim: false,
            shuffle,
            pages,
            holes: holes.to_vec(),
            heap: Heap::new(domain, held),
            maps: Maps::default(),
            contents,
            frames,
            m2p: HashMap::new(),
            moved: BTreeMap::new(),
            root: None,
            user_root: None,
            gdt: Vec::new(),
            ldt: None,
            building: true,
            tlb: Tlb::new(),
            stale: Stale::default(),
            calls: 0,
            refused: 0,
            refusals: Vec::new(),
            frames_asked: std::cell::Cell::new(0),
            denials: Vec::new(),
            trace: Trace::default(),
            within_multicall: false,
            traps: BTreeMap::new(),
            stopped: None,
            console: String::new(),
            xens_console: String::new(),
            ring: None,
            ring_at: None,
            daemons: Daemons::new(),
            shared_info_at: None,
            published: None,
            ramdisk: &[],
            ramdisk_pages: 0..0,
            lent: std::cell::Cell::new(None),
            timeless: false,
            ticks: std::cell::Cell::new(0),
            accesses: std::cell::Cell::new(0),
            ring_port: None,
            modules_ended: 0,
            bases_noted: None,
            modules_noted: Vec::new(),
            init_code: 0,
            events: EventState::new(domain),
        }
    }

    /// Returns how often the guest read or wrote memory, a word or a page at a time: the steps of a boot.
    #[must_use]
    pub const fn accesses(&self) -> u64 {
        self.accesses.get()
    }

    /// Returns how many pages the guest was built with, holes included.
    #[must_use]
    pub const fn pages(&self) -> u64 {
        self.pages
    }

    /// Returns the machine frame the builder gave a page; `None` for a hole and after the last page.
    #[must_use]
    pub fn built_mfn(&self, pfn: u64) -> Option<Mfn> {
        if pfn >= self.pages || self.holes.iter().any(|hole| hole.contains(&pfn)) {
            return None;
        }
        Mfn::try_new(self.shuffle.mfn(pfn)).ok()
    }

    /// Returns the page that the builder gave a machine frame.
    #[must_use]
    pub fn built_pfn(&self, mfn: Mfn) -> Option<Pfn> {
        match self.frames.find(mfn) {
            Found::Frame(frame)
                if self.frames.get(frame).owner() == Owner::Guest
                    && mfn.get() < self.shuffle.base() + self.shuffle.frames() =>
            {
                Pfn::try_new(self.shuffle.pfn(mfn.get())).ok()
            }
            _ => None,
        }
    }

    /// Sets the frame that the console's daemon reads, if it is not the builder's.
    pub const fn set_ring(&mut self, mfn: Mfn) {
        self.ring = Some(mfn);
    }

    /// Returns where the guest writes to its console ring.
    #[must_use]
    pub const fn console_at(&self) -> Option<u64> {
        self.ring_at
    }

    /// Sets the M2P entry of a frame.
    pub fn set_machine_to_phys(&mut self, mfn: Mfn, pfn: u64) {
        self.m2p.insert(mfn.get(), pfn);
    }

    /// Returns the machine frame of shared_info.
    #[must_use]
    pub fn shared_info(&self) -> Mfn {
        Mfn::try_new(self.shuffle.base() + self.shuffle.frames()).unwrap_or(Mfn::new(0))
    }

    /// Returns a frame that belongs to another domain.
    #[must_use]
    pub fn other_domains_frame(&self) -> Mfn {
        Mfn::try_new(self.shared_info().get() + OTHERS.start).unwrap_or(Mfn::new(0))
    }

    /// Returns a frame that belongs to nobody and is never given out.
    #[must_use]
    pub fn free_frame(&self) -> Mfn {
        Mfn::try_new(self.shared_info().get() + OTHERS.end).unwrap_or(Mfn::new(0))
    }

    /// Returns a machine frame number without memory.
    #[must_use]
    pub fn device_frame(&self) -> Mfn {
        Mfn::try_new(self.shared_info().get() + EXTRA).unwrap_or(Mfn::new(0))
    }

    /// Returns what Xen knows about a frame; `None` if it has no record.
    #[must_use]
    pub fn record(&self, mfn: Mfn) -> Option<PageInfo> {
        self.frame(mfn).map(|frame| self.frames.get(frame))
    }

    /// Reads a word of a machine frame, without page tables.
    #[must_use]
    pub fn peek(&self, mfn: Mfn, index: usize) -> Option<u64> {
        self.frame(mfn).map(|frame| self.contents.word(frame, index))
    }

    /// Writes a word of a machine frame, ignoring page tables and rules: for tests that damage things.
    pub fn poke(&mut self, mfn: Mfn, index: usize, value: u64) {
        if let Some(frame) = self.frame(mfn) {
            self.contents.set(frame, index, value);
            self.tlb.flush();
        }
    }

    /// Returns the top-level table the processor uses.
    #[must_use]
    pub fn root(&self) -> Option<Mfn> {
        self.root.map(|frame| self.frames.mfn(frame))
    }

    /// Returns all the guest wrote to its console.
    #[must_use]
    pub fn console(&self) -> &str {
        &self.console
    }

    /// Returns what the guest published, if it did.
    #[must_use]
    pub const fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    /// Returns the trace of the last hypercalls.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Returns how many hypercalls were made.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// Returns how many hypercalls were refused.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Returns how many pages the model keeps word by word: how much memory it takes.
    #[must_use]
    pub fn full_pages(&self) -> usize {
        self.contents.full_pages()
    }

    /// Refuses the `n`-th hypercall from now on (1 is the next), with nothing of it done.
    pub fn refuse_at(&mut self, n: u64, errno: Errno) {
        self.cut_at(n, 0, errno);
    }

    /// Stops the `n`-th hypercall from now on after `done` of its requests, if it has that many.
    pub fn cut_at(&mut self, n: u64, done: usize, errno: Errno) {
        self.refusals.push(Refusal { at: self.calls + n, done, errno });
    }

    /// Denies the `n`-th frame the guest takes from now on (1 is the next), as if there were none.
    pub fn deny_frame_at(&mut self, n: u64) {
        self.denials.push(self.frames_asked.get() + n);
    }

    /// Tells whether the next hypercall will be refused or cut.
    #[must_use]
    pub fn refuses_next(&self) -> bool {
        self.refusals.iter().any(|refusal| refusal.at == self.calls + 1)
    }

    /// Clears all refusals and denials.
    pub fn hinder_no_more(&mut self) {
        self.refusals.clear();
        self.denials.clear();
    }

    /// Returns how often the guest asked its allocator for a frame or a run of frames.
    #[must_use]
    pub const fn frames_asked(&self) -> u64 {
        self.frames_asked.get()
    }

    /// Returns the port with which the console ring was attached last.
    #[must_use]
    pub const fn console_port(&self) -> Option<u32> {
        self.ring_port
    }

    /// Returns where the regions start that can move, as a trap would be reported; `None` before the boot has said so.
    #[must_use]
    pub const fn bases_noted(&self) -> Option<&Bases> {
        self.bases_noted.as_ref()
    }

    /// Returns the modules whose names a trap would be reported with, and their addresses.
    #[must_use]
    pub fn modules_noted(&self) -> &[(String, Region)] {
        &self.modules_noted
    }

    /// Sets what the init function of a module returns from now on.
    pub const fn set_init_code(&mut self, code: i32) {
        self.init_code = code;
    }

    /// Returns how often the exit function of a module was called.
    #[must_use]
    pub const fn modules_ended(&self) -> u64 {
        self.modules_ended
    }

    pub(crate) fn frame(&self, mfn: Mfn) -> Option<FrameIndex> {
        match self.frames.find(mfn) {
            Found::Frame(frame) => Some(frame),
            Found::Elsewhere | Found::NoMemory => None,
        }
    }

    /// Returns the frame with that number if the guest may hold it (mm.c, `get_page_from_mfn`).
    pub(crate) fn own_frame(&self, mfn: Mfn) -> Option<FrameIndex> {
        self.frame(mfn).filter(|&frame| matches!(self.frames.get(frame).owner(), Owner::Guest | Owner::Lent))
    }

    /// Fails the test with a message and the trace.
    pub(crate) fn guest_bug(&self, what: &str) -> ! {
        panic!("the guest {what}\nlast hypercalls:\n{}", self.trace);
    }
}

/// Joins ranges that overlap or touch, and cuts them off at `end`.
fn merged(ranges: &[Range<u64>], end: u64) -> impl Iterator<Item = Range<u64>> + use<> {
    let mut sorted: Vec<_> = ranges.iter().map(|range| range.start.min(end)..range.end.min(end)).collect();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted.into_iter().filter(|range| range.start < range.end) {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined.into_iter()
}
