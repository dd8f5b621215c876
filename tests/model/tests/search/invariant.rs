//! What must be true after every call.
//!
//! *What this is*: a walk through the live tables without the layer's help, compared with the ledger and with what the
//! payload holds. The first difference is a finding, one line.
//!
//! *What must hold*: no page has two owners. Nothing is writable and executable, by one mapping or by two. No live
//! table, no text and no constants of the kernel or of a module have a writable mapping. All that was asked for is
//! mapped, and nothing else. Every space has the mappings of the first. Lent bytes are unchanged. The payload's frames
//! hold what it wrote. The P2M, in both forms that the toolstack reads, has the frames the machine gave and the entries
//! the payload set, and agrees with the M2P.
//!
//! *What is not seen*: pages that only the layer knows. Only their number is checked.

use std::collections::BTreeMap;

use kit::module::{DATA_BYTE, RODATA_BYTE, TEXT_BYTE};
use mmu::layout::{FIXMAP, IO_MAP_PAGES, KERNEL_MAP, MODULES, PAYLOAD_PAGES};
use start_info::Mfn;
use xen_model::{Leaf, ModelMachine, audit};

use crate::contents::contents;
use crate::ledger::{Ledger, Owner, Owners};
use crate::payload::{Own, Payload};

/// Addresses of a page.
pub(crate) const PAGE: u64 = 4096;
/// Parts of both modules: their first bytes, and whether they may be executed and written.
pub(crate) const PARTS: [(u8, bool, bool); 5] = [
    (TEXT_BYTE, true, false),
    (RODATA_BYTE, false, false),
    (DATA_BYTE, false, true),
    (0, false, true),
    (0, false, true),
];

pub(crate) type Checked<T = ()> = Result<T, String>;

/// How a machine frame is mapped.
#[derive(Clone, Copy, Default)]
struct Rights {
    writable: bool,
    executable: bool,
    direct: bool,
}

fn wrong(leaf: &Leaf, why: &str) -> Checked {
    let Leaf { address, pte, .. } = leaf;
    Err(format!("{address:#x} maps mfn {} ({:#x}): {why}", pte.mfn(), pte.0))
}

/// One check of a guest.
struct Look<'p> {
    ledger: &'p Ledger,
    payload: &'p Payload,
    machine: &'p ModelMachine,
    rights: Vec<Rights>,
    first_frame: u64,
    /// Mappings of devices, by address.
    devices: BTreeMap<u64, Leaf>,
    linear: Vec<Option<Mfn>>,
    modules: Vec<Leaf>,
    own: BTreeMap<u64, Leaf>,
    in_image: u64,
}

/// Checks everything that needs no more frames.
///
/// # Errors
/// What is wrong, in a line.
pub(crate) fn check(ledger: &Ledger, payload: &Payload) -> Checked<Owners> {
    let look = Look::at(ledger, payload)?;
    look.spaces()?;
    look.protection()?;
    look.devices()?;
    look.own()?;
    look.modules()?;
    contents(ledger, payload)?;
    look.owners()
}

impl<'p> Look<'p> {
    /// Walks the first space, and sorts what is mapped.
    fn at(ledger: &'p Ledger, payload: &'p Payload) -> Checked<Self> {
        let machine = payload.subject.machine();
        let frames = machine.frame_numbers();
        let mut look = Self {
            ledger,
            payload,
            machine,
            rights: vec![Rights::default(); (frames.end - frames.start) as usize],
            first_frame: frames.start,
            devices: BTreeMap::new(),
            linear: vec![None; ledger.pages().div_ceil(512) as usize],
            modules: Vec::new(),
            own: BTreeMap::new(),
            in_image: 0,
        };
        let mut wrong = None;
        machine.each_leaf(ledger.root, |leaf| {
            if wrong.is_none() {
                wrong = look.sort(leaf).err();
            }
        });
        wrong.map_or(Ok(look), Err)
    }

    fn place(&self, mfn: Mfn) -> Option<usize> {
        let place = mfn.get().checked_sub(self.first_frame)? as usize;
        (place < self.rights.len()).then_some(place)
    }

    /// Checks a mapping against what may be there.
    fn sort(&mut self, leaf: Leaf) -> Checked {
        let Leaf { pte, writable, executable, .. } = leaf;
        let mfn = pte.mfn();
        // Even if a table above removes one of the two.
        if pte.is_executable() && pte.is_writable() {
            return wrong(&leaf, "writable and executable");
        }
        if pte.0 & xen_model::pte::GUEST_KERNEL == 0 {
            return wrong(&leaf, "for user mode");
        }
        let record = self.machine.record(mfn);
        if writable && let Some(level) = record.and_then(xen_model::PageInfo::table_level) {
            return wrong(&leaf, &format!("a live L{level} table is writable"));
        }
        if let Some(place) = self.place(mfn) {
            self.rights[place].writable |= writable;
            self.rights[place].executable |= executable;
        }
        self.note(leaf)
    }

    /// Checks a mapping by the region it is in, and notes it there.
    fn note(&mut self, leaf: Leaf) -> Checked {
        let Leaf { address, pte, writable, executable } = leaf;
        let mfn = pte.mfn();
        let within = |start: u64, pages: u64| (start..start + pages * PAGE).contains(&address);
        let (ledger, bases) = (self.ledger, self.payload.subject.bases());
        let (direct, linear) = (bases.direct_map().as_u64(), bases.linear_p2m().as_u64());
        if within(direct, ledger.pages()) {
            let pfn = (address - direct) / PAGE;
            if ledger.frame(pfn) != Some(mfn) || executable {
                return wrong(&leaf, &format!("pfn {pfn:#x} of the direct map is {:?}", ledger.frame(pfn)));
            }
            if let Some(place) = self.place(mfn) {
                self.rights[place].direct = writable;
            }
        } else if within(
            KERNEL_MAP.as_u64() + ledger.image.start * PAGE,
            ledger.image.end - ledger.image.start,
        ) {
            let pfn = (address - KERNEL_MAP.as_u64()) / PAGE;
            let may = (ledger.text.contains(&pfn), pfn >= ledger.constant_end);
            if ledger.frame(pfn) != Some(mfn) || (executable, writable) != may || pfn == ledger.guard {
                return wrong(&leaf, "no such page in the image");
            }
            self.in_image += 1;
        } else if within(linear, self.linear.len() as u64) {
            if writable || executable {
                return wrong(&leaf, "a leaf of the P2M is not read only");
            }
            self.linear[((address - linear) / PAGE) as usize] = Some(mfn);
        } else if (MODULES.as_u64()..FIXMAP.as_u64()).contains(&address) {
            self.modules.push(leaf);
        } else if within(bases.payload().as_u64(), PAYLOAD_PAGES.get()) {
            self.own.insert(address, leaf);
        } else if address == FIXMAP.as_u64() && mfn == self.machine.shared_info() {
        } else if address == FIXMAP.as_u64() + PAGE && !writable && !executable {
            // A page mapped for a look stays mapped only if Xen refuses to unmap it.
            if !self.payload.refused {
                return wrong(&leaf, "a page that was looked at is still shown");
            }
        } else if address < 1 << 47 || within(bases.io_map().as_u64(), IO_MAP_PAGES.get()) {
            if executable {
                return wrong(&leaf, "device memory is executable");
            }
            self.devices.insert(address, leaf);
        } else {
            return wrong(&leaf, "nobody asked for it");
        }
        Ok(())
    }

    /// Checks that the processor uses an existing space, and that all spaces have the same mappings.
    fn spaces(&self) -> Checked {
        let first = self.machine.peek_page(self.ledger.root).unwrap_or([0; 512]);
        let roots =
            || self.payload.spaces.iter().filter_map(|space| self.machine.held_mfn(space.page().get()));
        let current = self.machine.root();
        if current != Some(self.ledger.root) && !roots().any(|root| Some(root) == current) {
            return Err(format!("the processor uses {current:?}, which is no space the payload holds"));
        }
        for root in roots() {
            let entries = self.machine.peek_page(root).unwrap_or([0; 512]);
            let xens = 256..272;
            let differs = |slot: &usize| !xens.contains(slot) && first[*slot] != entries[*slot];
            if let Some(slot) = (0..512).find(differs) {
                let [first, entry] = [first[slot], entries[slot]];
                return Err(format!(
                    "the space of mfn {root} has {entry:#x} in slot {slot}, the first {first:#x}"
                ));
            }
            let record = self.machine.record(root);
            if record.and_then(xen_model::PageInfo::table_level) != Some(4) {
                return Err(format!("the space of mfn {root} is no table: {record:?}"));
            }
        }
        Ok(())
    }

    /// Checks what two mappings of one frame allow together.
    fn protection(&self) -> Checked {
        for (number, rights) in (self.first_frame..).zip(&self.rights) {
            if rights.writable && rights.executable {
                return Err(format!("mfn {number:#x} is writable by one mapping and executable by another"));
            }
        }
        let ledger = self.ledger;
        for pfn in ledger.image.start..ledger.constant_end {
            if let Some(place) = ledger.frame(pfn).and_then(|mfn| self.place(mfn))
                && self.rights[place].writable
            {
                return Err(format!("pfn {pfn:#x}, text or constants of the kernel, is mapped writable"));
            }
        }
        if self.in_image != ledger.image.end - ledger.image.start - 1 {
            return Err(format!("{} pages of the image are mapped", self.in_image));
        }
        let frames = self.payload.frames.iter().map(|frame| frame.pfn().get());
        let pages = self.payload.heap.iter().map(|heap| heap.start().get()..heap.end().get());
        let pages = pages.chain(self.payload.spans.iter().map(Payload::pages_of)).flatten();
        // Numbers in a run need not have memory, a frame must.
        let pages = pages.filter(|&pfn| ledger.frame(pfn).is_some());
        for pfn in frames.chain(pages) {
            let mfn = ledger.frame(pfn);
            let place = mfn.and_then(|mfn| self.place(mfn));
            if !place.is_some_and(|place| self.rights[place].direct) {
                return Err(format!("pfn {pfn:#x} (mfn {mfn:?}) is the payload's and not mapped writable"));
            }
        }
        Ok(())
    }

    /// Checks that exactly the device memory that the payload holds is mapped.
    fn devices(&self) -> Checked {
        let mut asked = BTreeMap::new();
        for mapping in self.payload.devices.iter().chain(&self.payload.identities) {
            for (address, mfn) in mapping.pages() {
                asked.insert(address, mfn);
                match self.devices.get(&address) {
                    // shared_info is lent for reading only.
                    Some(leaf) if leaf.pte.mfn() == mfn && leaf.writable != mapping.shared_info => {}
                    None if mapping.partial => {}
                    found => return Err(format!("{mapping:?} is mapped as {found:?} at {address:#x}")),
                }
            }
        }
        for (address, leaf) in &self.devices {
            if asked.get(address) != Some(&leaf.pte.mfn()) {
                return Err(format!(
                    "{address:#x} maps mfn {}, which the payload does not hold",
                    leaf.pte.mfn()
                ));
            }
            if self.machine.held_pfn(leaf.pte.mfn()).is_some() {
                return Err(format!("{address:#x} maps the guest's own memory as a device: {leaf:?}"));
            }
        }
        Ok(())
    }

    /// Checks that exactly the payload's own pages that it mapped are mapped, as it asked, and that what cannot be
    /// written there can be written nowhere.
    fn own(&self) -> Checked {
        let mut asked = BTreeMap::new();
        for own in &self.payload.own {
            for (address, pfn) in own.pages() {
                asked.insert(address, pfn);
                let Some(leaf) = self.own.get(&address) else {
                    if own.frames().partial {
                        continue;
                    }
                    return Err(format!("{own:?} is not mapped at {address:#x}"));
                };
                let direct = self.place(leaf.pte.mfn()).is_some_and(|place| self.rights[place].direct);
                let right = match own.access() {
                    Some(mmu::Access::Read) => {
                        (leaf.writable, leaf.executable, direct) == (false, false, false)
                    }
                    Some(mmu::Access::ReadWrite) => {
                        (leaf.writable, leaf.executable, direct) == (true, false, true)
                    }
                    Some(mmu::Access::Execute) => {
                        (leaf.writable, leaf.executable, direct) == (false, true, false)
                    }
                    None => true,
                };
                if !right || self.ledger.frame(pfn) != Some(leaf.pte.mfn()) {
                    return Err(format!("{own:?} is {leaf:?}, at __va writable: {direct}"));
                }
            }
        }
        match self.own.keys().find(|address| !asked.contains_key(address)) {
            // What could not be undone waits.
            Some(address) if !self.payload.refused => {
                Err(format!("{address:#x} is mapped and was not asked for"))
            }
            _ => Ok(()),
        }
    }

    /// Checks that each part of a module has its protection, and that no other mapping allows writing to it.
    fn modules(&self) -> Checked {
        let mut known = Vec::new();
        for start in self.payload.modules.into_iter().flatten() {
            for ((_, executable, writable), page) in PARTS.into_iter().zip(0..) {
                let address = start + page * PAGE;
                known.push(address);
                let leaf = self.machine.live_leaf(address);
                if !leaf.is_ok_and(|leaf| (leaf.executable, leaf.writable) == (executable, writable)) {
                    return Err(format!("page {page} of the module at {start:#x} is {leaf:?}"));
                }
            }
        }
        for leaf in &self.modules {
            if !known.contains(&leaf.address) && !self.payload.refused {
                return Err(format!("{:#x} is mapped, and no module is there", leaf.address));
            }
            if !leaf.writable
                && let Some(place) = self.place(leaf.pte.mfn())
                && self.rights[place].writable
            {
                return Err(format!(
                    "{:#x}, text or constants of a module, is writable elsewhere",
                    leaf.address
                ));
            }
        }
        Ok(())
    }

    /// Enters every page whose owner is known.
    fn owners(&self) -> Checked<Owners> {
        let (machine, payload) = (self.machine, self.payload);
        let mut owners = self.ledger.owners();
        for (mfn, level) in audit::tables(machine) {
            owners.claim_frame(machine, mfn, Owner::Table(level))?;
        }
        let mut leaves: Vec<Mfn> = self.linear.iter().copied().flatten().collect();
        leaves.sort_unstable();
        leaves.dedup();
        leaves.into_iter().try_for_each(|mfn| owners.claim_frame(machine, mfn, Owner::Leaf))?;
        frame_list(machine).try_for_each(|mfn| owners.claim_frame(machine, mfn, Owner::FrameList))?;
        self.modules
            .iter()
            .try_for_each(|leaf| owners.claim_frame(machine, leaf.pte.mfn(), Owner::Module))?;
        payload.frames.iter().try_for_each(|frame| owners.claim(frame.pfn().get(), Owner::Frame))?;
        for (_, pfn) in payload.own.iter().flat_map(Own::pages) {
            owners.claim(pfn, Owner::Mapped)?;
        }
        let mut spans = payload.spans.iter().flat_map(Payload::pages_of);
        spans.try_for_each(|pfn| owners.claim(pfn, Owner::Span))?;
        Ok(owners)
    }
}

/// Returns the pages of the list of frames: its top and what that leads to.
fn frame_list(machine: &ModelMachine) -> impl Iterator<Item = Mfn> {
    let top = machine.published().and_then(|published| Mfn::try_new(published.frame_list_list).ok());
    let middles = top.and_then(|top| machine.peek_page(top)).into_iter().flatten();
    top.into_iter().chain(middles.filter_map(|word| Mfn::try_new(word).ok()))
}

/// Takes every free frame: each must be free and have no other owner, and writing to it must change nothing that has an
/// owner. Returns how many pages are then left without one.
///
/// # Errors
/// What is wrong, in a line.
pub(crate) fn drain(ledger: &Ledger, payload: &mut Payload, mut owners: Owners) -> Checked<usize> {
    let held = payload.frames.len();
    payload.subject.machine_mut().hinder_no_more();
    while payload.take().is_ok() {}
    for frame in payload.frames.iter().skip(held) {
        owners.claim(frame.pfn().get(), Owner::Free)?;
    }
    contents(ledger, payload)?;
    Ok(owners.nobodys(ledger).len())
}
