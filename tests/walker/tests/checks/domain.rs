//! A made-up domain, small and complete, written as `xl dump-core` would.
//!
//! *What this is*: a few hundred pages with shuffled frames, tables filled in by plain code, and both published lists.
//! Memory has a hole from 1.2 MiB to the image and ends in a ballooned tail. Tests change one thing and write the file.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use kit::core_file::{CONTEXT, core_file};
use kit::elf::{LoadSegment, Symbol, kernel};

pub(crate) const P: u64 = 1;
pub(crate) const RW: u64 = 1 << 1;
pub(crate) const PSE: u64 = 1 << 7;
pub(crate) const NX: u64 = 1 << 63;
/// What Xen adds to a kernel page it validated.
const XEN_BITS: u64 = 1 << 52 | 0x64;

pub(crate) const DIRECT_MAP: u64 = 0xffff_8800_0000_0000;
pub(crate) const IMAGE: u64 = 0xffff_ffff_8100_0000;
pub(crate) const IMAGE_END: u64 = IMAGE + 0x7000;
pub(crate) const MODULES: u64 = 0xffff_ffff_a000_0000;
pub(crate) const MODULE_END: u64 = MODULES + 0x2000;
pub(crate) const FIXMAP: u64 = 0xffff_ffff_ff00_0000;
pub(crate) const PAYLOAD: u64 = 0xffff_cb00_0000_0000;
pub(crate) const LIST: u64 = 0xffff_c900_0000_0000;

pub(crate) const LOW_PAGES: u64 = 300;
pub(crate) const IMAGE_PFN: u64 = 0x1000;
pub(crate) const PFN_END: u64 = IMAGE_PFN + 8;
pub(crate) const RENUMBERED: u64 = LOW_PAGES + 9;
/// The last page but one of the image.
const MAY_MOVE: u64 = 5;
pub(crate) const MAX_PFN: u64 = PFN_END + 2;
pub(crate) const FOREIGN: u64 = 0x50;
/// A number in the memory hole, not at the start of a leaf, and the mark of an identity entry.
pub(crate) const DEVICES: u64 = 0x3fd;
pub(crate) const IDENTITY: u64 = 1 << 62;
/// Offsets of the image's parts: two pages of code, one of constants, four of data of which the second is a guard.
pub(crate) const RODATA: u64 = 0x2000;
pub(crate) const DATA: u64 = 0x3000;
pub(crate) const GUARD: u64 = 0x4000;

/// Where the linear list is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListRoot {
    Shared,
    Separate,
}

/// What to build.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) list: u64,
    pub(crate) list_root: ListRoot,
    /// Give the second PFN the frame of the first.
    pub(crate) twins: Option<(u64, u64)>,
    /// How many numbers from [`DEVICES`] on have identity entries.
    pub(crate) identity: u64,
    /// How far the image is from where the kernel was linked.
    pub(crate) slide: u64,
    pub(crate) direct_map: u64,
    /// How many pages of the image, from the last but one on, have numbers that the machine has no RAM for: they have
    /// got those from [`RENUMBERED`] on.
    pub(crate) renumbered: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            list: LIST,
            list_root: ListRoot::Shared,
            twins: None,
            identity: 0,
            slide: 0,
            direct_map: DIRECT_MAP,
            renumbered: 0,
        }
    }
}

/// The domain before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    pub(crate) p2m: BTreeMap<u64, u64>,
    pages: BTreeMap<u64, Vec<u64>>,
    /// Table PFNs with their levels, of all roots.
    pub(crate) tables: BTreeMap<u64, u64>,
    next_free: u64,
    pub(crate) root: u64,
    pub(crate) list_root: u64,
    pub(crate) gdt: u64,
    /// PFNs of the list's leaves, in order, and of the two levels above them.
    pub(crate) list_leaves: Vec<u64>,
    pub(crate) list_mid: u64,
    pub(crate) list_top: u64,
    pub(crate) module_pages: [u64; 2],
    pub(crate) plain: u64,
    /// The contexts of all vCPUs, one after the other.
    pub(crate) context: Vec<u8>,
    pub(crate) shared_info: Vec<u8>,
    pub(crate) padding: u64,
    identity: std::ops::Range<u64>,
    direct_map: u64,
}

pub(crate) fn direct(pfn: u64) -> u64 {
    DIRECT_MAP + pfn * 4096
}

pub(crate) fn put(bytes: &mut [u8], offset: usize, value: u64) {
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

impl Domain {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut domain = Self::empty(plan);
        domain.identity = DEVICES..DEVICES + plan.identity;
        domain.make_lists();
        domain.map_kernel(plan);
        domain.map_list(plan);
        domain.map_ram();
        domain.make_xen_slots();
        domain.make_context();
        domain.publish(plan);
        domain
    }

    fn empty(plan: Plan) -> Self {
        // 389 and 4111, more than there are pages, have no common factor: every PFN gets a frame of its own, and no two
        // neighbours have contiguous frames.
        let frame = |pfn: u64| (pfn, 0x1000 + (pfn * 389 + 17) % 4111);
        let mut p2m: BTreeMap<_, _> =
            (0..LOW_PAGES).map(frame).chain((IMAGE_PFN..PFN_END).map(frame)).collect();
        if let Some((first, second)) = plan.twins {
            p2m.insert(second, p2m[&first]);
        }
        for number in 0..plan.renumbered {
            let frame = p2m.remove(&(IMAGE_PFN + MAY_MOVE + number)).unwrap();
            p2m.insert(RENUMBERED + number, frame);
        }
        let mut domain = Self {
            p2m,
            pages: BTreeMap::new(),
            tables: BTreeMap::new(),
            next_free: 16,
            root: 0,
            list_root: 0,
            gdt: 0,
            list_leaves: Vec::new(),
            list_mid: 0,
            list_top: 0,
            module_pages: [0; 2],
            plain: 0,
            context: vec![0; CONTEXT],
            shared_info: vec![0; 4096],
            padding: 0,
            identity: 0..0,
            direct_map: plan.direct_map,
        };
        domain.root = domain.take();
        domain.tables.insert(domain.root, 4);
        domain.list_root = domain.root;
        if plan.list_root == ListRoot::Separate {
            domain.list_root = domain.take();
            domain.tables.insert(domain.list_root, 4);
        }
        domain.gdt = domain.take();
        domain.plain = domain.take();
        domain.module_pages = [domain.take(), domain.take()];
        domain
    }

    pub(crate) fn take(&mut self) -> u64 {
        self.next_free += 1;
        assert!(self.next_free < LOW_PAGES);
        self.next_free
    }

    /// The word of the P2M for a number.
    fn word(&self, pfn: u64) -> u64 {
        let hole = if self.identity.contains(&pfn) { IDENTITY } else { u64::MAX };
        self.p2m.get(&pfn).copied().unwrap_or(hole)
    }

    pub(crate) fn mfn(&self, pfn: u64) -> u64 {
        self.p2m[&pfn]
    }

    fn pfn(&self, mfn: u64) -> u64 {
        *self.p2m.iter().find(|(_, other)| **other == mfn).unwrap().0
    }

    pub(crate) fn page(&mut self, pfn: u64) -> &mut Vec<u64> {
        self.pages.entry(pfn).or_insert_with(|| vec![0; 512])
    }

    /// Makes an entry for a page, as Xen leaves it after validating `flags`.
    pub(crate) fn pte(&self, pfn: u64, flags: u64) -> u64 {
        self.mfn(pfn) << 12 | flags | P | XEN_BITS
    }

    /// Returns the entry for `va` at `level` under `root`; makes the tables above it if they are absent.
    pub(crate) fn entry_under(&mut self, root: u64, va: u64, level: u64) -> &mut u64 {
        let mut table = root;
        for above in (level + 1..=4).rev() {
            let index = (va >> (3 + 9 * above)) % 512;
            let entry = self.page(table)[index as usize];
            if entry & P == 0 {
                let new = self.take();
                self.tables.insert(new, above - 1);
                let entry = self.mfn(new) << 12 | 0x67;
                self.page(table)[index as usize] = entry;
                table = new;
            } else {
                table = self.pfn(entry << 12 >> 24);
            }
        }
        let index = (va >> (3 + 9 * level)) % 512;
        &mut self.page(table)[index as usize]
    }

    /// Where a page is in this domain's direct map.
    pub(crate) const fn direct(&self, pfn: u64) -> u64 {
        self.direct_map + pfn * 4096
    }

    pub(crate) fn entry(&mut self, va: u64, level: u64) -> &mut u64 {
        self.entry_under(self.root, va, level)
    }

    /// Maps a page at `va` and gives every table made on the way a read-only direct mapping.
    pub(crate) fn map(&mut self, va: u64, pfn: u64, flags: u64) {
        let pte = self.pte(pfn, flags);
        *self.entry(va, 1) = pte;
        self.seal();
    }

    pub(crate) fn seal(&mut self) {
        for pfn in self.tables.keys().copied().collect::<Vec<_>>() {
            *self.entry(self.direct(pfn), 1) &= !RW;
        }
    }

    fn make_lists(&mut self) {
        self.list_top = self.take();
        self.list_mid = self.take();
        let missing = self.take();
        self.page(missing).fill(u64::MAX);
        for leaf in 0..MAX_PFN.div_ceil(512) {
            let numbers = leaf * 512..(leaf + 1) * 512;
            let entries: Vec<_> = numbers.map(|pfn| self.word(pfn)).collect();
            let is_hole = entries.iter().all(|entry| *entry == u64::MAX);
            let page = if is_hole { missing } else { self.take() };
            *self.page(page) = entries;
            self.list_leaves.push(page);
        }
        let (top, mid) = (self.list_top, self.list_mid);
        let mid_mfn = self.mfn(mid);
        let leaf_mfns: Vec<_> = self.list_leaves.iter().map(|pfn| self.mfn(*pfn)).collect();
        self.page(top)[0] = mid_mfn;
        self.page(mid)[..leaf_mfns.len()].copy_from_slice(&leaf_mfns);
    }

    fn map_kernel(&mut self, plan: Plan) {
        for (page, flags) in [(0, 0), (1, 0), (2, NX), (3, NX | RW), (5, NX | RW), (6, NX | RW)] {
            let has_moved = (MAY_MOVE..MAY_MOVE + plan.renumbered).contains(&page);
            let pfn = if has_moved { RENUMBERED + page - MAY_MOVE } else { IMAGE_PFN + page };
            *self.entry(IMAGE + plan.slide + page * 4096, 1) = self.pte(pfn, flags);
        }
        let [code, data] = self.module_pages;
        *self.entry(MODULES, 1) = self.pte(code, 0);
        *self.entry(MODULES + 4096, 1) = self.pte(data, NX | RW);
        *self.entry(FIXMAP + 4096, 1) = FOREIGN << 12 | NX | RW | P | XEN_BITS;
    }

    fn map_list(&mut self, plan: Plan) {
        for (index, leaf) in (0..).zip(self.list_leaves.clone()) {
            let pte = self.pte(leaf, NX | RW);
            *self.entry_under(self.list_root, plan.list + index * 4096, 1) = pte;
        }
    }

    fn map_ram(&mut self) {
        for pfn in self.p2m.keys().copied().collect::<Vec<_>>() {
            let is_code = matches!(pfn.wrapping_sub(IMAGE_PFN), 0 | 1) || pfn == self.module_pages[0];
            let flags = if is_code || pfn == self.gdt { NX } else { NX | RW };
            *self.entry(self.direct(pfn), 1) = self.pte(pfn, flags);
        }
        self.seal();
    }

    fn make_xen_slots(&mut self) {
        for root in [self.root, self.list_root] {
            let own = self.mfn(root) << 12 | 0x63;
            let page = self.page(root);
            page[256] = 0x60 << 12 | 0x25;
            page[258] = own;
            page[271] = 0x61 << 12 | 0x63;
        }
    }

    fn make_context(&mut self) {
        let (root, gdt) = (self.mfn(self.root), self.mfn(self.gdt));
        put(&mut self.context, 0x12e0, gdt);
        put(&mut self.context, 0x1360, 8);
        put(&mut self.context, 0x1378 + 24, root << 12);
    }

    fn publish(&mut self, plan: Plan) {
        let (top, root) = (self.mfn(self.list_top), self.mfn(self.list_root));
        let fields = [(0xc10, MAX_PFN), (0xc18, top), (0xc28, root << 12), (0xc30, plan.list), (0xc38, 2)];
        for (offset, value) in fields {
            put(&mut self.shared_info, offset, value);
        }
    }

    /// Prints what `xen-mfndump dump-p2m` would.
    pub(crate) fn listing(&self) -> String {
        let mut text = format!(
            " --- Dumping P2M for domain 1 ---\n Guest Width: 8, PT Levels: 4 P2M size: = {MAX_PFN}\n"
        );
        for pfn in 0..MAX_PFN {
            let mfn = self.word(pfn);
            let kind = match self.tables.get(&pfn) {
                Some(4) => String::from("(type 0xc) pinned L4"),
                Some(level) => format!("(type {level:#x}) L{level}"),
                None if mfn >= IDENTITY => String::from("(type 0xf) invalid"),
                None => String::from("(type 0x0)"),
            };
            text += &format!("  pfn={pfn:#x} ==> mfn={mfn:#x} {kind}\n");
        }
        text + " --- End of P2M for domain 1 ---\n"
    }

    /// Returns the bytes of the core.
    pub(crate) fn core(&self) -> Vec<u8> {
        let empty = vec![0; 512];
        let mut pairs: Vec<_> = self.p2m.iter().map(|(pfn, mfn)| [*pfn, *mfn]).collect();
        let mut pages: Vec<_> =
            self.p2m.keys().map(|pfn| self.pages.get(pfn).unwrap_or(&empty).clone()).collect();
        for _ in 0..self.padding {
            pairs.push([u64::MAX; 2]);
            pages.push(empty.clone());
        }
        core_file(&self.context, &self.shared_info, &pages.concat(), &pairs.concat())
    }
}

/// The kernel that belongs to the domain.
pub(crate) fn domain_kernel() -> Vec<u8> {
    // A function, as in every Rust kernel: it does not excuse a missing page.
    let function = symbol("drop_guard", IMAGE, 64, 2);
    kernel(&segments(0x3f00), &[symbol("boot_stack_guard", IMAGE + GUARD, 4096, 1), function])
}

/// The parts of the image, the last of which is `data` bytes long.
pub(crate) const fn segments(data: u64) -> [LoadSegment; 3] {
    [
        LoadSegment { start: IMAGE, len: RODATA, flags: 5 },
        LoadSegment { start: IMAGE + RODATA, len: 0x1000, flags: 4 },
        LoadSegment { start: IMAGE + DATA, len: data, flags: 6 },
    ]
}

/// A symbol of the image: 1 is data, 2 a function, 0 a label of the linker's.
pub(crate) fn symbol(name: &str, value: u64, size: u64, info: u8) -> Symbol {
    Symbol { name: name.into(), info, section: 1, value, size }
}

/// A file that is deleted when the test ends.
#[derive(Debug)]
pub(crate) struct TempFile(pub(crate) PathBuf);

impl TempFile {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("core-{}-{number}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
