//! Uses of a guest's memory after a boot, until all of it is used.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use mmu::{Access, ModulePart};
use p2m::{Frame, P2mEntry};
use start_info::{Index, Mfn, PageCount};
use xen_model::{GuestConfig, Ramdisk, audit};

use crate::after::{Booted, booted};

/// A ramdisk that ends in the middle of a page.
pub(crate) fn ramdisk() -> Ramdisk {
    Ramdisk::of((0..0x1_2345_u32).map(|i| (i * 7) as u8).collect())
}

/// Boots, loads a module, uses all memory, and checks that no frame was lost or used twice.
pub(crate) fn fully_used(guest: GuestConfig) -> Booted {
    let mut booted = booted(guest);
    booted.read_ramdisk();
    booted.load_module(5);
    booted.check();
    booted.use_and_check();
    booted
}

impl Booted {
    /// Reads the ramdisk and compares it with what the builder was given.
    pub(crate) fn read_ramdisk(&mut self) {
        let found = self.running.ramdisk().unwrap();
        let Some(ramdisk) = self.guest.ramdisk.as_ref().filter(|ramdisk| ramdisk.len > 0) else {
            return assert_eq!(found, None);
        };
        let found = found.unwrap();
        assert!(found.starts_with(&ramdisk.content) && found.len() as u64 >= ramdisk.len);
        assert!(found.len() as u64 - ramdisk.len < 4096);
    }

    /// Maps a module of three parts, as the loader does, and checks the protection of each.
    pub(crate) fn load_module(&mut self, part_pages: u64) {
        let window = &mut self.running.parts_mut().1.window;
        let reservation = window.reserve(PageCount::new(part_pages * 3), 4096).unwrap();
        let kinds = [Access::Execute, Access::Read, Access::ReadWrite];
        let mut parts = Vec::new();
        for access in kinds {
            let mut frames: Vec<Frame> = Vec::new();
            for _ in 0..part_pages {
                let mut frame = self.running.take_frame().unwrap();
                self.running.write(&mut frame, Index::FIRST, 0x1234);
                frames.push(frame);
            }
            parts.push(ModulePart { frames, access });
        }
        let (machine, running) = self.running.parts_mut();
        let mapped = running.window.map(machine, &mut running.map, &running.p2m, reservation, parts).unwrap();
        let start = mapped.region().start().as_u64();
        for page in 0..part_pages * 3 {
            let leaf = machine.live_leaf(start + page * 4096).unwrap();
            let access = kinds[(page / part_pages) as usize];
            let expected = (access == Access::Execute, access == Access::ReadWrite);
            assert_eq!((leaf.pte.is_executable(), leaf.writable), expected, "{leaf:?}");
            assert_eq!(machine.read(leaf.address), Ok(0x1234));
        }
    }

    /// Uses all memory and checks that the ramdisk is unchanged and all rules still hold.
    pub(crate) fn use_and_check(&mut self) {
        self.use_all_memory();
        self.read_ramdisk();
        self.check();
    }

    /// Takes all free frames and accounts for every page of the guest.
    pub(crate) fn use_all_memory(&mut self) {
        let taken = self.take_all();
        let owners = self.owners();
        let mut free = HashSet::new();
        for &pfn in &taken {
            assert!(free.insert(pfn), "pfn {pfn:#x} was handed out twice");
            assert_eq!(owners.get(&pfn), None, "pfn {pfn:#x} was handed out and is in use");
        }
        let memory = self.machine().held(0..self.pages());
        let unaccounted: Vec<u64> =
            memory.filter(|pfn| !free.contains(pfn) && !owners.contains_key(pfn)).collect();
        let unaccounted = self.without_shared_leaves(unaccounted);
        assert_eq!(unaccounted.len() as u64, self.tree_pages() + self.module_pages(), "{unaccounted:x?}");
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

/// The owner of each page.
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
        // What stays in use keeps its frame, under whatever number.
        let now = |page| {
            let pfn = machine.held_pfn(machine.built_mfn(page).unwrap()).unwrap().get();
            pfn..pfn + 1
        };
        places.image.clone().for_each(|page| own(now(page), "image"));
        // dom0's start_info goes back if the machine has no RAM there.
        if places.console.is_some() || machine.held_mfn(places.start_info).is_some() {
            own(now(places.start_info), "start_info");
        }
        for ring in [places.xenstore, places.console].into_iter().flatten() {
            own(now(ring), "ring");
        }
        let ramdisk = self.running.ramdisk_pages().unwrap_or(start_info::PfnRange::EMPTY);
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
        for word in [P2mEntry::MISSING, P2mEntry::Identity.encode()] {
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
