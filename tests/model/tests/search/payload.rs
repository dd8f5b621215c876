//! The payload: what it holds, and which calls it can make with it.
//!
//! *What this is*: every call with every handle, and every number it ever saw.

use std::fmt::{self, Write};

use mmu::{Access, AddressSpace, IoPages, MappedPages};
use p2m::{Frame, Mapped, P2mEntry, Span};
use start_info::{Mfn, PAGE_SIZE, PageCount, Pfn, PfnRange};
use xen_model::Built;

use crate::action::{Action, Alphabet, Device, Meaning, Page, SPANS};
use crate::guests::Shape;
use crate::ledger::Changes;
use crate::subject::Subject;

/// Words of a frame that the payload writes: those the allocator uses for itself, and others.
pub(crate) const WRITTEN: [u16; 5] = [0, 1, 2, 255, 511];
pub(crate) const MODULES: [&str; 2] = ["small", "other"];
/// The frames of a device, two pages.
const REGISTERS: PageCount = PageCount::new(2);

/// Device memory that is mapped.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) pages: IoPages,
    pub(crate) first: Mfn,
    pub(crate) count: u64,
    /// Xen refused to unmap it, so part of it may be unmapped.
    pub(crate) partial: bool,
    pub(crate) shared_info: bool,
}

/// Pages of the payload's own that are mapped once more.
#[derive(Debug)]
pub(crate) enum Own {
    Frame(MappedPages<Frame>, Frames),
    Span(MappedPages<Span<Mapped>>, Frames),
}

/// What a mapping of the payload's own pages must show.
#[derive(Clone, Debug)]
pub(crate) struct Frames {
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// Xen refused to unmap it, so part of it may be unmapped.
    pub(crate) partial: bool,
}

/// A payload on its guest.
pub(crate) struct Payload {
    pub(crate) subject: Subject,
    pub(crate) frames: Vec<Frame>,
    pub(crate) spans: Vec<Span<Mapped>>,
    pub(crate) devices: Vec<Mapping>,
    pub(crate) identities: Vec<Mapping>,
    pub(crate) own: Vec<Own>,
    pub(crate) spaces: Vec<AddressSpace>,
    /// Where the modules are.
    pub(crate) modules: [Option<u64>; 2],
    /// Numbers of the last frames that were held.
    pub(crate) kept: Vec<(Pfn, Mfn)>,
    pub(crate) changes: Changes,
    pub(crate) lent: bool,
    /// Xen refused something at some time, so pages waiting to be given back may remain.
    pub(crate) refused: bool,
    pub(crate) heap: Vec<PfnRange>,
    numbers: Numbers,
}

/// What the actions' names stand for.
#[derive(Clone, Copy)]
struct Numbers {
    hole: u64,
    gap: u64,
    registers: u64,
    ramdisk: u64,
}

/// The result of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Refused,
}

impl Payload {
    /// Boots, and gives the heap its pages.
    pub(crate) fn booted(shape: &Shape, built: &Built) -> Self {
        let mut subject = Subject::booted(built);
        let heap = shape.heap.iter().map(|&pages| subject.init_heap(pages).unwrap()).collect();
        let ramdisk = built.places.ramdisk.clone().unwrap_or_default().start;
        // After the first frame that is not memory: that one is denied to all.
        let registers = built.machine.device_frame().get() + 1;
        Self {
            subject,
            frames: Vec::new(),
            spans: Vec::new(),
            devices: Vec::new(),
            identities: Vec::new(),
            own: Vec::new(),
            spaces: Vec::new(),
            modules: [None; 2],
            kept: Vec::new(),
            changes: Changes::new(),
            lent: false,
            refused: false,
            heap,
            numbers: Numbers { hole: shape.hole, gap: shape.gap, registers, ramdisk },
        }
    }

    /// Writes down the state of the payload and the layer.
    pub(crate) fn write_state(&self, out: &mut impl Write) -> fmt::Result {
        self.subject.write_state(out)?;
        let Self {
            frames,
            spans,
            devices,
            identities,
            own,
            spaces,
            modules,
            kept,
            changes,
            lent,
            refused,
            ..
        } = self;
        write!(out, "{frames:?}{spans:?}{devices:?}{identities:?}{own:?}{spaces:?}")?;
        write!(out, "{modules:?}{kept:?}{changes:?}")?;
        write!(out, "{lent}{refused}")
    }

    /// Returns every call that can be made now.
    pub(crate) fn actions(&self, alphabet: Alphabet) -> Vec<Action> {
        let each = |len: usize| 0..len;
        let mut all = vec![Action::Take, Action::Space, Action::Ramdisk];
        all.extend(SPANS.map(Action::Span));
        all.extend(each(self.frames.len()).map(Action::Give));
        all.extend(each(self.spans.len()).map(Action::GiveSpan));
        for access in [Access::Read, Access::ReadWrite, Access::Execute] {
            all.extend(each(self.frames.len()).map(|at| Action::MapFrame(at, access)));
            all.extend(each(self.spans.len()).map(|at| Action::MapSpan(at, access)));
            all.extend(each(self.own.len()).map(|at| Action::Protect(at, access)));
        }
        all.extend(each(self.own.len()).map(Action::UnmapOwn));
        let kept = || each(self.kept.len());
        for page in [Page::Hole, Page::Gap] {
            all.extend(
                [Meaning::Missing, Meaning::Identity, Meaning::Foreign].map(|to| Action::Set(page, to)),
            );
            all.extend(kept().map(|kept| Action::Set(page, Meaning::Ram(kept))));
        }
        let taken = [Page::Last, Page::Beyond, Page::Ramdisk, Page::Table].into_iter();
        for page in taken.chain(kept().map(Page::Kept)) {
            all.extend([Meaning::Missing, Meaning::Foreign].map(|to| Action::Set(page, to)));
            all.extend(kept().map(|kept| Action::Set(page, Meaning::Ram(kept))));
        }
        let devices = [Device::Registers, Device::SharedInfo, Device::Foreign, Device::Table].into_iter();
        all.extend(devices.chain(kept().map(Device::Kept)).map(Action::Map));
        all.extend(each(self.devices.len()).map(Action::Unmap));
        let pages = [Page::Registers, Page::Hole, Page::Gap, Page::Ramdisk, Page::Table].into_iter();
        all.extend(pages.chain(kept().map(Page::Kept)).map(Action::MapIdentity));
        all.extend(each(self.identities.len()).map(Action::UnmapIdentity));
        all.push(Action::Enter(None));
        all.extend(each(self.spaces.len()).flat_map(|at| [Action::Enter(Some(at)), Action::Retire(at)]));
        // Searching both orders of the two is not worth it.
        let modules = if alphabet != Alphabet::Core || self.modules[0].is_some() { 0..2 } else { 0..1 };
        all.extend(modules.flat_map(|which| [Action::Load(which), Action::Unload(which)]));
        all.extend([Action::Read(Device::Registers), Action::Read(Device::Table), Action::Audit]);
        if !self.subject.machine().refuses_next() {
            all.push(Action::Refuse);
        }
        all.retain(|&action| alphabet.has(action));
        all
    }

    pub(crate) fn page(&self, page: Page) -> Option<Pfn> {
        let machine = self.subject.machine();
        let number = match page {
            Page::Hole => self.numbers.hole,
            Page::Gap => self.numbers.gap,
            Page::Last => machine.pages_now() - 1,
            Page::Beyond => machine.pages_now(),
            Page::Registers => self.numbers.registers,
            Page::Ramdisk => self.numbers.ramdisk,
            Page::Table => machine.held_pfn(machine.root()?)?.get(),
            Page::Kept(at) => return self.kept.get(at).map(|&(pfn, _)| pfn),
        };
        Pfn::try_new(number).ok()
    }

    pub(crate) fn frames_of(&self, device: Device) -> Option<(Mfn, PageCount)> {
        let machine = self.subject.machine();
        let one = PageCount::new(1);
        Some(match device {
            Device::Registers => (Mfn::new(self.numbers.registers), REGISTERS),
            Device::SharedInfo => (machine.shared_info(), one),
            Device::Foreign => (machine.other_domains_frame(), one),
            Device::Table => (machine.root()?, one),
            Device::Kept(at) => (self.kept.get(at)?.1, one),
        })
    }

    pub(crate) fn meaning(&self, meaning: Meaning) -> Option<P2mEntry> {
        Some(match meaning {
            Meaning::Missing => P2mEntry::Missing,
            Meaning::Identity => P2mEntry::Identity,
            Meaning::Foreign => P2mEntry::Foreign(self.subject.machine().other_domains_frame()),
            Meaning::Ram(at) => P2mEntry::Ram(self.kept.get(at)?.1),
        })
    }

    /// Returns the pages of a run.
    pub(crate) fn pages_of(span: &Span<Mapped>) -> std::ops::Range<u64> {
        span.range().start().get()..span.range().end().get()
    }

    /// Reads what the payload has, in its own way: what it wrote to its frames, and shared_info.
    pub(crate) fn read_back(&self) -> Result<(), String> {
        let machine = self.subject.machine();
        for frame in &self.frames {
            for index in WRITTEN {
                let at = frame.address().as_u64() + u64::from(index) * 8;
                let found = machine.read(at).map_err(|why| format!("{frame:?} is not mapped: {why}"))?;
                if found != written(frame.pfn(), index) {
                    return Err(format!("word {index} of {frame:?} was overwritten with {found:#x}"));
                }
            }
        }
        for own in &self.own {
            let Own::Frame(pages, frames) = own else { continue };
            for index in WRITTEN.into_iter().filter(|_| !frames.partial) {
                let found = self.subject.read_mapped(pages, u64::from(index) * 8)?;
                if found != written(Pfn::new(frames.first), index) {
                    return Err(format!("word {index} of {own:?} was overwritten with {found:#x}"));
                }
            }
        }
        for mapping in self.devices.iter().filter(|mapping| mapping.shared_info && !mapping.partial) {
            let max_pfn = self.subject.read_device(&mapping.pages, 0xc10).ok();
            if max_pfn != Some(machine.pages_now()) {
                return Err(format!("{mapping:?} shows {max_pfn:x?} for max_pfn"));
            }
        }
        Ok(())
    }
}

impl Own {
    pub(crate) const fn frames(&self) -> &Frames {
        match self {
            Self::Frame(_, frames) | Self::Span(_, frames) => frames,
        }
    }

    /// Returns the addresses and the pages there.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (u64, u64)> {
        let region = match self {
            Self::Frame(pages, _) => pages.region(),
            Self::Span(pages, _) => pages.region(),
        };
        let Frames { first, count, .. } = *self.frames();
        (0..count).map(move |page| (region.start().as_u64() + page * PAGE_SIZE, first + page))
    }

    /// Returns what may be done with the pages, if that is sure.
    pub(crate) const fn access(&self) -> Option<Access> {
        match self {
            Self::Frame(pages, _) => pages.access(),
            Self::Span(pages, _) => pages.access(),
        }
    }
}

impl Mapping {
    /// Returns the addresses and their machine frames.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (u64, Mfn)> {
        let start = self.pages.region().start().as_u64();
        let frames =
            (self.first.get()..self.first.get() + self.count).filter_map(|mfn| Mfn::try_new(mfn).ok());
        (0..self.count).map(move |page| start + page * PAGE_SIZE).zip(frames)
    }
}

/// Returns what the payload writes to a word of a frame.
pub(crate) const fn written(pfn: Pfn, index: u16) -> u64 {
    (pfn.get() << 16 | index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
