//! What must be true after every boot.

use std::collections::HashSet;
use std::ops::Range;

use mmu::layout::{Bases, FIXMAP, KERNEL_MAP};
use p2m::P2mEntry;
use start_info::Pfn;
use xen_guest::{Mapping, Platform, Revector};
use xen_model::audit::{self, Complaints};
use xen_model::{GuestConfig, ModelMachine, Places, toolstack};

/// A guest that was booted.
pub(crate) struct Booted {
    pub(crate) guest: GuestConfig,
    pub(crate) places: Places,
    pub(crate) running: xen_guest::Guest<ModelMachine>,
}

/// Builds and boots a guest and checks everything.
pub(crate) fn booted(guest: GuestConfig) -> Booted {
    match guest.build().unwrap().boot() {
        Ok(booted) => checked(guest, booted),
        Err((built, failure)) => panic!("{failure}\n{}", built.machine.trace()),
    }
}

/// Checks everything after a boot.
pub(crate) fn checked(guest: GuestConfig, booted: xen_model::Booted) -> Booted {
    let mut booted = Booted { guest, places: booted.places, running: booted.running };
    // The model checks where the ring is mapped: the old mapping is gone.
    booted.machine_mut().write_console("booted\n");
    booted.check();
    booted
}

impl Booted {
    pub(crate) fn machine(&self) -> &ModelMachine {
        self.running.platform()
    }

    pub(crate) const fn machine_mut(&mut self) -> &mut ModelMachine {
        self.running.platform_mut()
    }

    /// Returns where the regions start that can move.
    pub(crate) fn bases(&self) -> &Bases {
        self.running.parts().layout.bases()
    }

    /// Returns how many page numbers there are now.
    pub(crate) fn pages(&self) -> u64 {
        self.machine().pages_now()
    }

    /// Checks that Xen's counts are right, that every mapping is allowed, and that no translation is stale.
    pub(crate) fn audit(&self) {
        let machine = self.machine();
        audit::references(machine).assert_none();
        audit::protection(machine, 0..0).assert_none();
        audit::stale(machine).assert_none();
    }

    /// Checks the state of machine and guest. It can be called again after the payload has run.
    pub(crate) fn check(&self) {
        let machine = self.machine();
        self.audit();
        self.modules_are_noted();
        assert_eq!(self.machine().bases_noted(), Some(self.bases()));
        self.direct_map().assert_none();
        self.nothing_else_is_mapped().assert_none();
        self.p2m_is_right().assert_none();
        // What goes back to Xen is no longer counted. A number that the builder's list calls missing may be.
        let (memory, audit) = (self.running.parts().map.memory().get(), self.running.audit().unwrap());
        let most = audit.ram + audit.missing;
        assert!((audit.ram..=most).contains(&memory), "{memory} pages of memory, {audit:?}");
        match self.running.options().revector {
            Revector::On => toolstack::check(machine).unwrap(),
            Revector::Off => {
                toolstack::check_left(machine, self.running.facts().p2m_list().at.as_u64()).unwrap()
            }
        }
    }

    /// A trap in a loaded module is reported with that module's name.
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
        let image = &self.running.parts().context.image;
        let constant = image.text.iter().chain(image.constant.iter());
        let constant: HashSet<_> = constant.filter_map(|pfn| machine.built_mfn(pfn.get())).collect();
        if self.running.options().mapping == Mapping::Eager && mapped != self.pages() {
            complaints.add(|| format!("{mapped:#x} of {:#x} pages are mapped", self.pages()));
        }
        // Leaves and pages with memory come in ascending order, and a guest may have millions: neither list is stored.
        let mut held = machine.held(0..mapped).peekable();
        machine.each_leaf(machine.root().unwrap(), |leaf| {
            let offset = leaf.address.checked_sub(self.bases().direct_map().as_u64());
            let Some(pfn) = offset.map(|offset| offset / 4096).filter(|&pfn| pfn < mapped) else { return };
            while let Some(pfn) = held.next_if(|&next| next < pfn) {
                complaints.add(|| format!("pfn {pfn:#x} has memory and is not mapped"));
            }
            let mfn = held.next_if_eq(&pfn).and_then(|pfn| machine.held_mfn(pfn));
            if mfn != Some(leaf.pte.mfn()) || leaf.pte.is_executable() {
                complaints.add(|| format!("pfn {pfn:#x} is mfn {mfn:?}, and mapped {leaf:?}"));
            }
            if leaf.writable && constant.contains(&leaf.pte.mfn()) {
                complaints.add(|| format!("pfn {pfn:#x} is never written in the image, and mapped {leaf:?}"));
            }
        });
        for pfn in held {
            complaints.add(|| format!("pfn {pfn:#x} has memory and is not mapped"));
        }
        complaints
    }

    /// Outside the direct map only these are mapped: the image without its guard page, our P2M or the builder's,
    /// shared_info, modules.
    fn nothing_else_is_mapped(&self) -> Complaints {
        let mut complaints = Complaints::default();
        let (machine, setting) = (self.machine(), &self.running.parts().context);
        let places = &self.places;
        let pages = |base: u64, pages: Range<u64>| base + pages.start * 4096..base + pages.end * 4096;
        let leaves = self.pages().div_ceil(512);
        let old_list = match (setting.options.revector, self.guest.init_p2m) {
            (Revector::On, _) => None,
            (Revector::Off, None) => Some(pages(KERNEL_MAP.as_u64(), places.list.clone())),
            (Revector::Off, Some(at)) => Some(pages(at, 0..places.list_pages)),
        };
        // The builder's list has the builder's numbers only.
        let leaves = if old_list.is_some() { places.list_pages } else { leaves };
        let linear = old_list.unwrap_or(pages(self.bases().linear_p2m().as_u64(), 0..leaves));
        let base = setting.image.map.base().as_u64();
        let image = pages(base, places.image.clone());
        let guard = base + setting.image.guard.get() * 4096;
        let modules =
            self.running.parts().window.region().start().as_u64()..self.running.modules_end().as_u64();
        let shared_info = FIXMAP.as_u64();
        let direct = pages(self.bases().direct_map().as_u64(), 0..self.running.mapped().get());
        let (mut in_image, mut in_linear, mut in_fixmap) = (0, 0, 0);
        machine.each_leaf(machine.root().unwrap(), |leaf| {
            let address = leaf.address;
            if direct.contains(&address) || modules.contains(&address) {
            } else if image.contains(&address) && address != guard {
                in_image += 1;
                // Whatever number the page has now, its address and its frame are the builder's.
                let pfn = Pfn::new((address - base) / 4096);
                let image = &setting.image;
                let expected = (
                    image.text.contains(pfn),
                    image.data.contains(pfn),
                    machine.built_mfn(pfn.get()).unwrap(),
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
        // Leaves without memory that were checked, and what they must say: one page may be many leaves.
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
                    Some(mfn) => P2mEntry::Ram(mfn),
                    None if machine.is_device(pfn) => P2mEntry::Identity,
                    None => P2mEntry::Missing,
                };
                let found = self.running.entry(Pfn::new(pfn));
                if found != expected {
                    complaints.add(|| format!("pfn {pfn:#x} is {found:?}, not {expected:?}"));
                }
            }
        }
        complaints
    }
}
