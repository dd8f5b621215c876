//! The owner of each page, and what every P2M entry must say.
//!
//! *What this is*: a record kept without the layer, from what the builder placed where, what the payload was given and
//! gave back, and the types that the model's Xen gives to frames. It uses nothing that the layer says about itself.
//!
//! *What must hold*: a page has one owner; a second one is a finding.

use std::collections::BTreeMap;
use std::fmt;

use p2m::P2mEntry;
use start_info::{Mfn, Pfn, PfnRange};
use xen_model::{Built, ModelMachine};

/// The owner of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Page 0 never has an owner.
    Nobody,
    /// The kernel's image.
    Image,
    /// start_info.
    StartInfo,
    /// A ring shared with another domain.
    Ring,
    /// The ramdisk, whose bytes may be lent.
    Ramdisk,
    /// The payload's heap.
    Heap,
    /// A live table of this level.
    Table(u8),
    /// A leaf of the P2M, as the toolstack reads it.
    Leaf,
    /// A page of the list of frames that the toolstack reads.
    FrameList,
    /// A module, or what is left of one.
    Module,
    /// A frame that the payload holds.
    Frame,
    /// A run that the payload holds.
    Span,
    /// The payload, which has it mapped once more.
    Mapped,
    /// The allocator: it hands the page out when asked for all.
    Free,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What the payload's calls do not change.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    /// Owners of pages that never change hands.
    fixed: Vec<Option<Owner>>,
    /// The machine frames of the pages.
    frames: Vec<Option<Mfn>>,
    /// The words of the P2M, whole leaves of it.
    words: Vec<u64>,
    pub(crate) text: std::ops::Range<u64>,
    pub(crate) image: std::ops::Range<u64>,
    /// The end of what must not be written in the image.
    pub(crate) constant_end: u64,
    pub(crate) guard: u64,
    pub(crate) root: Mfn,
    /// How many pages with memory have no known owner: the layer's own.
    pub(crate) own: usize,
}

impl Ledger {
    /// Opens the ledger of a guest that has just booted.
    pub(crate) fn of(built: &Built, machine: &ModelMachine, heap: &[PfnRange]) -> Self {
        let places = &built.places;
        let pages = machine.pages_now();
        let frames: Vec<Option<Mfn>> = (0..pages).map(|pfn| machine.held_mfn(pfn)).collect();
        let words = (0..pages.next_multiple_of(512)).map(|pfn| match frames.get(pfn as usize) {
            Some(Some(mfn)) => mfn.get(),
            Some(None) if machine.is_device(pfn) => P2mEntry::Identity.encode(),
            _ => P2mEntry::MISSING,
        });
        let mut fixed = vec![None; pages as usize];
        let rings = [places.xenstore, places.console].into_iter().flatten();
        let ranges = [
            (0..1, Owner::Nobody),
            (places.image.clone(), Owner::Image),
            (places.start_info..places.start_info + 1, Owner::StartInfo),
            (places.ramdisk.clone().unwrap_or_default(), Owner::Ramdisk),
        ];
        let rings = rings.map(|ring| (ring..ring + 1, Owner::Ring));
        let heap = heap.iter().map(|range| (range.start().get()..range.end().get(), Owner::Heap));
        for (range, owner) in ranges.into_iter().chain(rings).chain(heap) {
            for pfn in range {
                let before = fixed[pfn as usize].replace(owner);
                assert_eq!(before, None, "pfn {pfn:#x} is {owner}'s as well");
            }
        }
        Self {
            fixed,
            words: words.collect(),
            frames,
            text: built.image.text.start().get()..built.image.text.end().get(),
            image: places.image.clone(),
            constant_end: built.image.data.start().get(),
            guard: built.image.guard.get(),
            root: machine.root().unwrap(),
            own: 0,
        }
    }

    /// Returns how many pages there are.
    pub(crate) fn pages(&self) -> u64 {
        self.frames.len() as u64
    }

    /// Returns the machine frame that a page has and keeps.
    pub(crate) fn frame(&self, pfn: u64) -> Option<Mfn> {
        self.frames.get(pfn as usize).copied().flatten()
    }

    /// Returns the words of a leaf of the P2M, as they were when the guest had booted.
    pub(crate) fn leaf(&self, leaf: u64) -> &[u64] {
        &self.words[leaf as usize * 512..][..512]
    }

    /// Opens the list of owners.
    pub(crate) fn owners(&self) -> Owners {
        Owners { owners: self.fixed.clone() }
    }
}

/// The owners of all pages at one moment.
#[derive(Debug)]
pub(crate) struct Owners {
    owners: Vec<Option<Owner>>,
}

impl Owners {
    /// Enters an owner.
    pub(crate) fn claim(&mut self, pfn: u64, owner: Owner) -> Result<(), String> {
        let Some(place) = self.owners.get_mut(pfn as usize) else {
            return Err(format!("pfn {pfn:#x} is {owner}'s and there is no such page"));
        };
        match place.replace(owner) {
            None => Ok(()),
            Some(other) => Err(format!("pfn {pfn:#x} has two owners: {other} and {owner}")),
        }
    }

    /// Enters the owner of a machine frame of the guest's.
    pub(crate) fn claim_frame(
        &mut self,
        machine: &ModelMachine,
        mfn: Mfn,
        owner: Owner,
    ) -> Result<(), String> {
        match machine.held_pfn(mfn) {
            Some(pfn) => self.claim(pfn.get(), owner),
            None => Err(format!("mfn {mfn} is {owner}'s and no page of the guest")),
        }
    }

    /// Returns the pages with memory that have no owner.
    pub(crate) fn nobodys(&self, ledger: &Ledger) -> Vec<u64> {
        (0..ledger.pages())
            .filter(|&pfn| ledger.frame(pfn).is_some() && self.owners[pfn as usize].is_none())
            .collect()
    }
}

/// The entries that the payload set, by page.
pub(crate) type Changes = BTreeMap<u64, P2mEntry>;

/// Tells whether an entry may be a page's: only memory may be called memory, and the M2P must name that page.
pub(crate) fn agrees(machine: &ModelMachine, ledger: &Ledger, pfn: u64, entry: P2mEntry) -> bool {
    match (ledger.frame(pfn), entry.ram()) {
        (Some(own), Some(mfn)) => own == mfn,
        (None, Some(mfn)) => machine.held_pfn(mfn) == Pfn::try_new(pfn).ok(),
        (Some(_), None) => false,
        (None, None) => true,
    }
}
