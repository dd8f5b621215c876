//! The owner of each page of the guest.
//!
//! *What this is*: one owner for every page, from the builder's places, the live tables, the published P2M and its
//! pages' contents; then the free pages, by draining the allocator.
//!
//! *What must hold*: a page has one owner. A page with none is lost; a page with two will be overwritten.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use p2m::P2mEntry;
use start_info::Mfn;
use xen_model::{Booted, ModelMachine, audit};

/// The owners found so far.
#[derive(Debug)]
pub(crate) struct Account {
    owners: HashMap<u64, &'static str>,
    direct_map: u64,
}

impl Account {
    fn own(&mut self, pages: Range<u64>, what: &'static str) {
        for pfn in pages {
            if let Some(other) = self.owners.insert(pfn, what) {
                panic!("pfn {pfn:#x} is used as {other} and as {what}");
            }
        }
    }

    /// Finds the owners of all pages but the free ones after a boot.
    pub(crate) fn of(booted: &Booted) -> Self {
        let (machine, places, running) = (booted.machine(), &booted.places, booted.running.parts());
        let direct_map = running.layout.bases().direct_map().as_u64();
        let mut account = Self { owners: HashMap::new(), direct_map };
        account.own(0..1, "page 0");
        account.own(places.image.clone(), "image");
        account.own(places.start_info..places.start_info + 1, "start_info");
        for ring in [places.xenstore, places.console].into_iter().flatten() {
            account.own(ring..ring + 1, "ring");
        }
        account.own(places.ramdisk.clone().unwrap_or_default(), "ramdisk");
        for (mfn, _) in audit::tables(machine) {
            let pfn = machine.built_pfn(mfn).unwrap().get();
            account.own(pfn..pfn + 1, "page table");
        }
        account.p2m(booted);
        let window = &running.window;
        for address in (window.region().start().as_u64()..window.end().as_u64()).step_by(4096) {
            if let Ok(leaf) = machine.live_leaf(address) {
                let pfn = machine.built_pfn(leaf.pte.mfn()).unwrap().get();
                account.own(pfn..pfn + 1, "module");
            }
        }
        // Some of these may still be hooked or mapped.
        for pfn in window.pending_pages().chain(running.map.pending_pages(machine)) {
            account.owners.entry(pfn.get()).or_insert("waiting to be given back");
        }
        account
    }

    /// Finds the pages of tree and frame list.
    fn p2m(&mut self, booted: &Booted) {
        let (machine, running) = (booted.machine(), booted.running.parts());
        let leaves: Vec<u64> = (0..running.p2m.leaves())
            .map(|leaf| running.p2m.leaf_address(machine, leaf).unwrap().as_u64())
            .collect();
        if running.publication.is_some() {
            let mut seen = HashSet::new();
            for &leaf in leaves.iter().filter(|&&leaf| seen.insert(leaf)) {
                let pfn = (leaf - self.direct_map) / 4096;
                self.own(pfn..pfn + 1, "P2M leaf");
            }
            self.frame_list(machine);
        } else {
            // With INIT_P2M the live tables that map the list are among its pages.
            for pfn in booted.places.list.clone() {
                self.owners.entry(pfn).or_insert("builder's list");
            }
        }
        self.inner_pages(machine, leaves);
        for (value, what) in
            [(P2mEntry::MISSING, "missing leaf"), (P2mEntry::Identity.encode(), "identity leaf")]
        {
            // The missing leaf may be in use and already found.
            if let Some(pfn) = self.page_that_holds(machine, &[value; 512]) {
                self.own(pfn..pfn + 1, what);
            }
        }
    }

    /// Finds the pages above the leaves, level by level, by their contents.
    fn inner_pages(&mut self, machine: &ModelMachine, mut below: Vec<u64>) {
        let mut levels = 0;
        while below.len() > 1 || levels < 2 {
            let mut level = Vec::new();
            for addresses in below.chunks(512) {
                let mut words = [0; 512];
                words[..addresses.len()].copy_from_slice(addresses);
                let found = self.page_that_holds(machine, &words);
                let pfn =
                    found.unwrap_or_else(|| panic!("no page of level {levels} leads to {addresses:x?}"));
                self.own(pfn..pfn + 1, "P2M inner page");
                level.push(self.direct_map + pfn * 4096);
            }
            (below, levels) = (level, levels + 1);
        }
    }

    /// Finds a page without an owner that holds these words. Of two such pages either may be found first, so the order
    /// of pages that lead to them is not compared.
    fn page_that_holds(&self, machine: &ModelMachine, words: &[u64; 512]) -> Option<u64> {
        let sorted = |mut words: [u64; 512]| {
            words.sort_unstable();
            words
        };
        let wanted = sorted(*words);
        (0..machine.pages()).filter(|pfn| !self.owners.contains_key(pfn)).find(|&pfn| {
            let Some(mfn) = machine.built_mfn(pfn) else { return false };
            let word = |index| machine.peek(mfn, index).unwrap();
            wanted.binary_search(&word(0)).is_ok() && sorted(std::array::from_fn(word)) == wanted
        })
    }

    fn frame_list(&mut self, machine: &ModelMachine) {
        let Ok(top) = Mfn::try_new(machine.published().unwrap().frame_list_list) else { return };
        let middles = (0..512).filter_map(|index| Mfn::try_new(machine.peek(top, index).unwrap()).ok());
        for mfn in std::iter::once(top).chain(middles) {
            let pfn = machine.built_pfn(mfn).unwrap().get();
            self.own(pfn..pfn + 1, "frame list");
        }
    }

    /// Returns the pages with memory that have no owner and are not free.
    pub(crate) fn nobodys(mut self, machine: &ModelMachine, free: &[u64]) -> Vec<u64> {
        free.iter().for_each(|&pfn| self.own(pfn..pfn + 1, "free"));
        (0..machine.pages())
            .filter(|&pfn| machine.built_mfn(pfn).is_some() && !self.owners.contains_key(&pfn))
            .collect()
    }

    /// Returns how many pages have an owner.
    pub(crate) fn len(&self) -> u64 {
        self.owners.len() as u64
    }
}

/// Takes every free frame and writes its number into it; returns them in ascending order.
///
/// This maps a lazy map to its end, so the account is made afterwards.
pub(crate) fn drain(booted: &mut Booted) -> Vec<u64> {
    let mut free = Vec::new();
    while let Ok(mut frame) = booted.running.take_frame() {
        let pfn = frame.pfn().get();
        booted.running.fill(&mut frame, pfn);
        free.push(pfn);
    }
    let machine = booted.machine();
    for &pfn in &free {
        let mfn = machine.built_mfn(pfn).unwrap();
        assert_eq!(
            machine.peek(mfn, 5),
            Some(pfn),
            "pfn {pfn:#x} was handed out and written by somebody else"
        );
    }
    free.sort_unstable();
    assert!(free.windows(2).all(|pair| pair[0] < pair[1]), "a page was handed out twice");
    free
}
