//! What must be true after every boot.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use mmu::layout::{DIRECT_MAP, FIXMAP, KERNEL_MAP, LINEAR_P2M};
use p2m::Entry;
use start_info::{Mfn, Pfn, PfnRange};
use xen_guest::{Mapping, Platform, Revector};
use xen_model::audit::{self, Complaints};
use xen_model::{Guest, Machine, Places, toolstack};

/// A guest that was booted.
pub(crate) struct Booted {
    pub(crate) guest: Guest,
    pub(crate) places: Places,
    pub(crate) running: xen_guest::Guest<Machine>,
}

/// Builds and boots a guest and checks everything.
pub(crate) fn booted(guest: Guest) -> Booted {
    match guest.build().unwrap().boot() {
        Ok(booted) => checked(guest, booted),
        Err((built, failure)) => panic!("{failure}\n{}", built.machine.trace()),
    }
}

/// Checks everything after a boot.
pub(crate) fn checked(guest: Guest, booted: xen_model::Booted) -> Booted {
    let mut booted = Booted { guest, places: booted.places, running: booted.running };
    // The model looks where the ring is mapped: the old mapping is gone.
    booted.machine_mut().write_console("booted\n");
    booted.check();
    booted
}

impl Booted {
    pub(crate) fn machine(&self) -> &Machine {
        self.running.platform()
    }

    pub(crate) const fn machine_mut(&mut self) -> &mut Machine {
        self.running.platform_mut()
    }

    /// Returns how many page numbers there are now.
    pub(crate) fn pages(&self) -> u64 {
        self.machine().pages_now()
    }

    /// Checks the state of machine and guest. Can be called again after the payload did something.
    pub(crate) fn check(&self) {
        let machine = self.machine();
        audit::references(machine).assert_none();
        audit::protection(machine, 0..0).assert_none();
        audit::stale(machine).assert_none();
        self.modules_are_noted();
        self.direct_map().assert_none();
        self.nothing_else_is_mapped().assert_none();
        self.p2m_is_right().assert_none();
        if self.running.options().revector == Revector::On {
            toolstack::check(machine).unwrap();
        }
    }

    /// A trap in a loaded module is told with its name, and with no other's.
    fn modules_are_noted(&self) {
        let loaded = self.running.modules().loaded().iter();
        let mut loaded: Vec<_> = loaded.map(|module| (module.name().to_owned(), module.region())).collect();
        let mut noted = self.machine().modules_noted().to_vec();
        loaded.sort_unstable_by_key(|(_, region)| region.start());
        noted.sort_unstable_by_key(|(_, region)| region.start());
        assert_eq!(noted, loaded);
    }

    /// Every page with memory is mapped once in the direct map, never executable, and nothing else is.
    fn direct_map(&self) -> Complaints {
        let mut complaints = Complaints::default();
        let (machine, mapped) = (self.machine(), self.running.mapped().get());
        if self.running.options().mapping == Mapping::Eager && mapped != self.pages() {
            complaints.add(|| format!("{mapped:#x} of {:#x} pages are mapped", self.pages()));
        }
        // Leaves and pages with memory come in ascending order, and a guest may have millions: neither is written down.
        let mut held = machine.held(0..mapped).peekable();
        machine.each_leaf(machine.root().unwrap(), |leaf| {
            let offset = leaf.address.checked_sub(DIRECT_MAP.as_u64());
            let Some(pfn) = offset.map(|offset| offset / 4096).filter(|&pfn| pfn < mapped) else { return };
            while let Some(pfn) = held.next_if(|&next| next < pfn) {
                complaints.add(|| format!("pfn {pfn:#x} has memory and is not mapped"));
            }
            let mfn = held.next_if_eq(&pfn).and_then(|pfn| machine.held_mfn(pfn));
            if mfn != Some(leaf.pte.mfn()) || leaf.pte.is_executable() {
                complaints.add(|| format!("pfn {pfn:#x} is mfn {mfn:?}, and mapped {leaf:?}"));
            }
        });
        for pfn in held {
            complaints.add(|| format!("pfn {pfn:#x} has memory and is not mapped"));
        }
        complaints
    }

    /// Outside the direct map there is the image without its guard page, our P2M or the builder's, shared_info, modules.
    fn nothing_else_is_mapped(&self) -> Complaints {
        let mut complaints = Complaints::default();
        let (machine, setting) = (self.machine(), &self.running.parts().setting);
        let places = &self.places;
        let pages = |base: u64, pages: Range<u64>| base + pages.start * 4096..base + pages.end * 4096;
        let leaves = self.pages().div_ceil(512);
        let old_list = match (setting.options.revector, self.guest.init_p2m) {
            (Revector::On, _) => None,
            (Revector::Off, None) => Some(pages(KERNEL_MAP.as_u64(), places.list.clone())),
            (Revector::Off, Some(at)) => Some(pages(at, 0..places.list_pages)),
        };
        let linear = old_list.unwrap_or(pages(LINEAR_P2M.as_u64(), 0..leaves));
        let image = pages(KERNEL_MAP.as_u64(), places.image.clone());
        let guard = KERNEL_MAP.as_u64() + setting.image.guard.get() * 4096;
        let modules =
            self.running.parts().window.region().start().as_u64()..self.running.modules_end().as_u64();
        let shared_info = FIXMAP.as_u64();
        let direct = pages(DIRECT_MAP.as_u64(), 0..self.running.mapped().get());
        let (mut in_image, mut in_linear, mut in_fixmap) = (0, 0, 0);
        machine.each_leaf(machine.root().unwrap(), |leaf| {
            let address = leaf.address;
            if direct.contains(&address) || modules.contains(&address) {
            } else if image.contains(&address) && address != guard {
                in_image += 1;
                let pfn = Pfn::new((address - KERNEL_MAP.as_u64()) / 4096);
                let image = &setting.image;
                let expected = (
                    image.text.contains(pfn),
                    image.data.contains(pfn),
                    machine.held_mfn(pfn.get()).unwrap(),
                );
                if (leaf.pte.is_executable(), leaf.writable, leaf.pte.mfn()) != expected {
                    complaints.add(|| format!("image page {pfn} is mapped {leaf:?}"));
                }
            } else if linear.contains(&address) {
                in_linear += 1;
            } else if address == shared_info && leaf.pte.mfn() == machine.shared_info() {
                in_fixmap += 1;
            } else {
                complaints.add(|| format!("{address:#x} is mapped and should not be: {:?}", leaf.pte));
            }
        });
        let counts = (in_image, in_linear, in_fixmap);
        let expected = (self.guest.image_pages - 1, leaves, 1);
        if counts != expected {
            complaints.add(|| format!("pages mapped in image, P2M, fixmap: {counts:?}, not {expected:?}"));
        }
        complaints
    }

    fn p2m_is_right(&self) -> Complaints {
        let mut complaints = Complaints::default();
        let machine = self.machine();
        // Leaves without memory that were looked at, and what they must say: one leaf may stand for many.
        let mut known = HashSet::new();
        for leaf in 0..self.pages().div_ceil(512) {
            let pages = leaf * 512..(leaf * 512 + 512).min(self.pages());
            let device = machine.is_device(pages.start);
            let at = self.running.parts().p2m.leaf_address(machine, leaf);
            let alike = machine.device_run_end(pages.start) >= pages.end
                && machine.held(pages.clone()).next().is_none();
            if alike && pages.end - pages.start == 512 && !known.insert((at, device)) {
                continue;
            }
            for pfn in pages {
                let expected = match machine.held_mfn(pfn) {
                    Some(mfn) => Entry::Ram(mfn),
                    None if machine.is_device(pfn) => Entry::Identity,
                    None => Entry::Missing,
                };
                let found = self.running.entry(Pfn::new(pfn));
                if found != expected {
                    complaints.add(|| format!("pfn {pfn:#x} is {found:?}, not {expected:?}"));
                }
            }
        }
        complaints
    }

    /// Takes every free frame and writes it: none may be a table, hold the image, or be handed out twice. Returns the
    /// pages that were handed out.
    pub(crate) fn take_all(&mut self) -> Vec<u64> {
        let mut taken = Vec::new();
        while let Ok(mut frame) = self.running.take_frame() {
            let pfn = frame.pfn().get();
            self.running.fill(&mut frame, pfn);
            taken.push(pfn);
        }
        let machine = self.machine();
        for &pfn in &taken {
            let mfn = machine.held_mfn(pfn).unwrap();
            assert_eq!(machine.peek(mfn, 7), Some(pfn), "something else was written to free pfn {pfn:#x}");
        }
        taken.sort_unstable();
        taken
    }
}

/// Accounting: whose each page is.
impl Booted {
    /// Returns the pages that are known to be in use, and for what.
    pub(crate) fn owners(&self) -> HashMap<u64, &'static str> {
        let mut owners = HashMap::new();
        let (machine, places) = (self.machine(), &self.places);
        let mut own = |pages: Range<u64>, what| {
            for pfn in pages {
                if let Some(other) = owners.insert(pfn, what) {
                    panic!("pfn {pfn:#x} is used as {other} and as {what}");
                }
            }
        };
        own(0..1, "page 0");
        own(places.image.clone(), "image");
        // dom0's start_info goes if the machine has no RAM where it is.
        if machine.held_mfn(places.start_info).is_some() {
            own(places.start_info..places.start_info + 1, "start_info");
        }
        for ring in [places.xenstore, places.console].into_iter().flatten() {
            own(ring..ring + 1, "ring");
        }
        let ramdisk = self.running.ramdisk_pages().unwrap_or(PfnRange::EMPTY);
        own(ramdisk.start().get()..ramdisk.end().get(), "ramdisk");
        for (mfn, _) in audit::tables(machine) {
            let pfn = machine.held_pfn(mfn).unwrap().get();
            own(pfn..pfn + 1, "page table");
        }
        for leaf in self.own_leaves() {
            own(leaf..leaf + 1, "P2M leaf");
        }
        if self.running.parts().publication.is_none() {
            // With INIT_P2M the tables that map the list are among its pages.
            for pfn in places.list.clone().filter(|&pfn| machine.held_mfn(pfn).is_some()) {
                owners.entry(pfn).or_insert("builder's P2M");
            }
            return owners;
        }
        for pfn in self.frame_list_pages() {
            own(pfn..pfn + 1, "frame list");
        }
        owners
    }

    fn frame_list_pages(&self) -> Vec<u64> {
        let machine = self.machine();
        let top = machine.published().unwrap().frame_list_list;
        let Ok(top) = Mfn::try_new(top) else { return Vec::new() };
        let middles = (0..512).filter_map(|index| Mfn::try_new(machine.peek(top, index).unwrap()).ok());
        std::iter::once(top).chain(middles).map(|mfn| machine.held_pfn(mfn).unwrap().get()).collect()
    }

    /// Returns how many inner pages the tree has.
    pub(crate) fn tree_pages(&self) -> u64 {
        let leaves = self.pages().div_ceil(512);
        (1..=self.running.parts().p2m.inner_levels()).map(|level| leaves.div_ceil(512u64.pow(level))).sum()
    }

    /// Takes the shared leaves that are not in use out of a list of pages: at most one of each kind.
    pub(crate) fn without_shared_leaves(&self, mut pages: Vec<u64>) -> Vec<u64> {
        for word in [Entry::MISSING, Entry::Identity.encode()] {
            if let Some(found) = pages.iter().position(|&pfn| self.holds_only(pfn, word)) {
                pages.remove(found);
            }
        }
        pages
    }

    /// Returns the pages of leaves that are reached through the direct map: all but the builder's list.
    fn own_leaves(&self) -> HashSet<u64> {
        let direct = self.running.parts().map.view().direct();
        let leaf = |index| self.running.parts().p2m.leaf_pfn(self.machine(), direct, index);
        (0..self.pages().div_ceil(512)).filter_map(|index| Some(leaf(index).ok()?.get())).collect()
    }

    fn holds_only(&self, pfn: u64, word: u64) -> bool {
        let mfn = self.machine().held_mfn(pfn).unwrap();
        (0..512).all(|index| self.machine().peek(mfn, index) == Some(word))
    }

    /// Returns how many pages modules have.
    pub(crate) fn module_pages(&self) -> u64 {
        let window = &self.running.parts().window;
        let range = window.region().start().as_u64()..window.end().as_u64();
        range.step_by(4096).filter(|&address| self.machine().live_leaf(address).is_ok()).count() as u64
    }
}
