//! Builds a guest: memory, page tables, start_info.
//!
//! *What this is*: what Xen's two builders, GRUB or krata leave at entry, after [`Places`] has decided where.
//!
//! *What must hold*: everything in the boot mapping is mapped writable and executable, its page tables read-only; only
//! the root is pinned; events are masked; memory the builder promises nothing about holds leftovers. The tables are checked by the same
//! code that checks the guest's, except that they may be writable and executable.

use std::ops::Range;

use mmu::layout::KernelMap;
use start_info::{ENTRIES, KernelEntry, Mfn, Pfn, PfnRange};
use x86_64::VirtAddr;
use xen_guest::{Failure, Image, Kaslr, RandomWords, Source, choose_address};

use crate::event::SharedWords;
use crate::frames::FrameIndex;
use crate::grub;
use crate::guest::{Domain, GuestConfig, Loader};
use crate::machine::ModelMachine;
use crate::memory_map;
use crate::plan::{Places, TooSmall};
use crate::start_of_day;
use crate::walk::index;

/// The guest's VIRT_BASE note.
pub(crate) const VIRT_BASE: u64 = mmu::layout::KERNEL_MAP.as_u64();
/// What the tools write into the entries of tables above the lowest.
const TABLE: u64 = 0x67;
/// The entry of an ordinary page. Xen marks it as the kernel's.
const PAGE: u64 = 0x63;
/// The entry of a page table.
const READ_ONLY: u64 = 0x21;
/// What the tools leave after the last entry of the list. dom0's builder leaves what was there before.
const BEHIND_THE_LIST: u64 = 0;

/// A guest at entry.
#[derive(Clone, Debug)]
pub struct Built {
    /// The machine.
    pub machine: ModelMachine,
    /// What the kernel knows by itself.
    pub entry: KernelEntry,
    /// A copy of the start_info page.
    pub page: Box<[u8; 4096]>,
    /// The parts of the kernel image.
    pub image: Image,
    /// Where everything lies.
    pub places: Places,
}

/// A guest that was booted.
#[derive(Debug)]
pub struct Booted {
    /// The guest, which owns the machine.
    pub running: xen_guest::Guest<ModelMachine>,
    /// Where everything lay at entry.
    pub places: Places,
}

impl Booted {
    /// Returns the machine.
    #[must_use]
    pub const fn machine(&self) -> &ModelMachine {
        self.running.platform()
    }

    /// Returns the machine, to change it without the guest's knowledge.
    pub const fn machine_mut(&mut self) -> &mut ModelMachine {
        self.running.platform_mut()
    }
}

impl Built {
    /// Chooses the image's address by a random word, as the kernel's entry code does before the boot.
    pub fn slide(&mut self, word: u64) {
        let words = [
            word,
            !word,
            word.rotate_left(7) ^ 0x5555,
            word.wrapping_mul(3).wrapping_add(1),
            word ^ 0xf0f0_f0f0,
        ];
        let random = RandomWords { words, source: Source::Rdseed };
        self.image = choose_address(&mut self.machine, &self.page, &self.entry, &self.image, |_| random);
    }

    /// Boots the guest.
    ///
    /// # Errors
    /// The failure, and what was built, with the machine as the boot left it.
    pub fn boot(self) -> Result<Booted, (Box<Self>, Failure)> {
        let Self { machine, entry, page, image, places } = self;
        match xen_guest::boot(machine, &page, &entry, &image) {
            Ok(running) => Ok(Booted { running, places }),
            Err((machine, failure)) => Err((Box::new(Self { machine, entry, page, image, places }), failure)),
        }
    }
}

impl GuestConfig {
    /// Builds the guest.
    ///
    /// # Errors
    /// [`TooSmall`] if the builder would give up.
    ///
    /// # Panics
    /// When Xen's rules refuse the builder's own tables: a bug of the model.
    pub fn build(&self) -> Result<Built, TooSmall> {
        let places = Places::of(self)?;
        let told = memory_map::end_of([&self.memory_map, &self.machine_map]);
        let mut machine = ModelMachine::new(self.domain, self.pages, &self.holes, told, self.seed);
        machine.release = self.release;
        machine.build = self.build;
        machine.on_shim = self.on_shim;
        if self.on_shim {
            machine.limit_pages(machine.heap.held);
        }
        machine.set_maps(&self.memory_map, &self.machine_map);
        let mut work = Work { guest: self, places, machine };
        work.list();
        let root = work.boot_tables();
        if let Some(at) = self.init_p2m {
            work.list_tables(root, at);
        }
        work.rings_and_ramdisk();
        let page = start_of_day::page(self, &work.places, &work.machine);
        work.copy_in(work.places.start_info, &page);
        let Work { mut machine, places, .. } = work;
        machine.start(root);
        let address = |pfn: u64| VirtAddr::new(VIRT_BASE + pfn * 4096);
        let entry = KernelEntry {
            start_info: address(places.start_info),
            virt_base: address(0),
            image_start: address(places.image.start),
            image_end: address(places.image.end),
        };
        let image = image_of(&places.image);
        let mut built = Built { machine, entry, page, image, places };
        if let Some(word) = self.slide {
            built.slide(word);
        }
        Ok(built)
    }
}

impl ModelMachine {
    /// Pins the root and lets the guest run on it.
    fn start(&mut self, root: FrameIndex) {
        let mfn = self.frames.mfn(root);
        let pinned = self.extended(xen_sys::MMUEXT_PIN_L4_TABLE, mfn.get(), 0);
        let used = self.extended(xen_sys::MMUEXT_NEW_BASEPTR, mfn.get(), 0);
        assert!(pinned.is_ok() && used.is_ok(), "the builder's own tables were refused: {pinned:?} {used:?}");
        SharedWords(self).set_mask(true);
        self.building = false;
    }
}

struct Work<'g> {
    guest: &'g GuestConfig,
    places: Places,
    machine: ModelMachine,
}

impl Work<'_> {
    fn mfn(&self, pfn: u64) -> Mfn {
        let hole = || panic!("the builder was told to put pfn {pfn:#x} into a hole");
        self.machine.built_mfn(pfn).unwrap_or_else(hole)
    }

    fn frame(&self, pfn: u64) -> FrameIndex {
        let Some(frame) = self.machine.frame(self.mfn(pfn)) else { panic!("pfn {pfn:#x} has no frame") };
        frame
    }

    /// Writes the list of machine frames.
    fn list(&mut self) {
        let pages: Vec<u64> = self.list_places().collect();
        for (number, pfn) in (0..).zip(pages) {
            let (frame, first) = (self.frame(pfn), number * ENTRIES);
            let absent = |hole: &Range<u64>| hole.start <= first && hole.end >= first + ENTRIES;
            if self.guest.holes.iter().any(absent) {
                self.machine.contents.fill(frame, u64::MAX);
                continue;
            }
            let whole = first + ENTRIES <= self.guest.pages
                && !self.guest.holes.iter().any(|hole| hole.start < first + ENTRIES && hole.end > first);
            if whole {
                self.machine.contents.list(frame, first);
                continue;
            }
            for offset in 0..ENTRIES {
                let word = match self.machine.built_mfn(first + offset) {
                    Some(mfn) => mfn.get(),
                    None if first + offset < self.guest.pages => u64::MAX,
                    None if self.guest.domain == Domain::Dom0 => continue,
                    None => BEHIND_THE_LIST,
                };
                self.machine.contents.set(frame, offset as usize, word);
            }
        }
    }

    /// Returns the pages of the list in order. With INIT_P2M dom0's builder takes a table whenever it needs one, so
    /// tables lie between them; the tools put the tables after them.
    fn list_places(&self) -> impl Iterator<Item = u64> + use<> {
        let (start, pages) = (self.places.list.start, self.places.list_pages);
        let at = match self.guest.domain {
            Domain::Dom0 => self.guest.init_p2m,
            Domain::Guest => None,
        };
        let mut next = start;
        (0..pages).map(move |number| {
            if let Some(at) = at {
                next += tables_opened(at, at + number * 4096);
            }
            next += 1;
            next - 1
        })
    }

    /// Makes the tables of the boot mapping.
    fn boot_tables(&mut self) -> FrameIndex {
        let mut free = self.places.tables.clone();
        let tables: Vec<u64> = free.clone().collect();
        for &pfn in &tables {
            let frame = self.frame(pfn);
            self.machine.contents.fill(frame, 0);
        }
        // Xen takes the root and then the first L1, L2 and L3 table; the tools take them from the top down.
        let root = self.frame(tables[0]);
        if self.guest.domain == Domain::Dom0 {
            let (l1, l2, l3) = (tables[1], tables[2], tables[3]);
            self.hook(root, 4, VIRT_BASE, l3);
            let l3 = self.frame(l3);
            self.hook(l3, 3, VIRT_BASE, l2);
            let l2 = self.frame(l2);
            self.hook(l2, 2, VIRT_BASE, l1);
            free.start += 4;
        } else {
            free.start += 1;
        }
        let is_grubs = self.guest.loader == Loader::Grub;
        let (page, table) = if is_grubs { (grub::PAGE, grub::READ_ONLY) } else { (PAGE, READ_ONLY) };
        if is_grubs {
            free.end -= grub::LOW_TABLES;
        }
        for pfn in 0..self.places.end {
            let flags = if self.places.tables.contains(&pfn) { table } else { page };
            self.map(root, VIRT_BASE + pfn * 4096, pfn, flags, &mut free);
        }
        if is_grubs {
            self.low_tables(root, free.end);
        }
        assert!(free.is_empty(), "the builder counted more tables than it used");
        root
    }

    /// Hooks GRUB's three tables for address 0.
    fn low_tables(&mut self, root: FrameIndex, first: u64) {
        let mut table = root;
        for (level, below) in [4, 3, 2].into_iter().zip(first..) {
            self.hook(table, level, 0, below);
            table = self.frame(below);
        }
    }

    /// Makes the tables of a list with INIT_P2M.
    fn list_tables(&mut self, root: FrameIndex, at: u64) {
        let data: Vec<u64> = self.list_places().collect();
        let all = self.places.list.clone();
        let mut free: Box<dyn Iterator<Item = u64>> = match self.guest.domain {
            Domain::Guest => Box::new(all.start + self.places.list_pages..all.end),
            Domain::Dom0 => {
                let data: std::collections::HashSet<u64> = data.iter().copied().collect();
                Box::new(all.filter(move |pfn| !data.contains(pfn)))
            }
        };
        let page = if self.guest.loader == Loader::Grub { grub::PAGE } else { PAGE };
        for (number, pfn) in (0..).zip(data) {
            self.map(root, at + number * 4096, pfn, page, &mut free);
        }
        assert!(free.next().is_none(), "the builder counted more tables for the list than it used");
    }

    fn map(
        &mut self,
        root: FrameIndex,
        address: u64,
        pfn: u64,
        flags: u64,
        free: &mut impl Iterator<Item = u64>,
    ) {
        let mut table = root;
        for level in [4, 3, 2] {
            let entry = self.machine.contents.word(table, index(address, level));
            table = if entry == 0 {
                let Some(new) = free.next() else { panic!("the builder counted too few tables") };
                let frame = self.frame(new);
                self.machine.contents.fill(frame, 0);
                self.hook(table, level, address, new);
                frame
            } else {
                let mfn = crate::Pte(entry).mfn();
                let Some(frame) = self.machine.frame(mfn) else { panic!("the builder lost table {mfn}") };
                frame
            };
        }
        let entry = self.mfn(pfn).maddr().get() | flags;
        self.machine.contents.set(table, index(address, 1), entry);
    }

    fn hook(&mut self, table: FrameIndex, level: u8, address: u64, below: u64) {
        let flags = if self.guest.loader == Loader::Grub { grub::TABLE } else { TABLE };
        let entry = self.mfn(below).maddr().get() | flags;
        self.machine.contents.set(table, index(address, level), entry);
    }

    fn rings_and_ramdisk(&mut self) {
        for ring in [self.places.xenstore, self.places.console].into_iter().flatten() {
            let frame = self.frame(ring);
            self.machine.contents.fill(frame, 0);
        }
        self.machine.daemons.store_ring = self.places.xenstore.map(|xenstore| self.mfn(xenstore));
        self.machine.ring = self.places.console.map(|console| self.mfn(console));
        let (Some(ramdisk), Some(pages)) = (&self.guest.ramdisk, self.places.ramdisk.clone()) else { return };
        for (pfn, bytes) in pages.clone().zip(ramdisk.content.chunks(4096).chain(std::iter::repeat(&[][..])))
        {
            let mut page = [0; 4096];
            page[..bytes.len()].copy_from_slice(bytes);
            self.copy_in(pfn, &page);
        }
        let mut content = vec![0; (pages.end - pages.start) as usize * 4096];
        content[..ramdisk.content.len()].copy_from_slice(&ramdisk.content);
        (self.machine.ramdisk, self.machine.ramdisk_pages) = (content.leak(), pages);
    }

    fn copy_in(&mut self, pfn: u64, page: &[u8; 4096]) {
        let frame = self.frame(pfn);
        let (words, _) = page.as_chunks::<8>();
        self.machine
            .contents
            .set_words(frame, &std::array::from_fn(|index| u64::from_le_bytes(words[index])));
        self.machine.contents.compact(frame);
    }
}

/// Divides an image into code, constants and variables, with the guard page among the variables.
fn image_of(pages: &Range<u64>) -> Image {
    let part = |from: u64, to: u64| PfnRange::between(Pfn::new(from), Pfn::new(to));
    let len = pages.end - pages.start;
    let (constant, data) = (pages.start + len / 2, pages.start + len * 3 / 4);
    Image {
        text: part(pages.start, constant),
        constant: part(constant, data),
        data: part(data, pages.end),
        guard: Pfn::new(data + (pages.end - data) / 2),
        relocations: PfnRange::EMPTY,
        map: KernelMap::BUILDER,
        drawn: None,
        kaslr: Kaslr::OFF,
    }
}

/// Returns how many new tables below the root a mapping that began at `start` needs at `address`.
fn tables_opened(start: u64, address: u64) -> u64 {
    [39, 30, 21].iter().filter(|&&reach| address == start || address.is_multiple_of(1 << reach)).count()
        as u64
}
