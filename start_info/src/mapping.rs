//! The domain builder's boot mapping: what lies where at entry.
//!
//! *What this is*: the kernel image, start_info, rings, page tables and boot stack, one after the other, as every
//! builder maps them (xen.h, "Start-of-day memory layout"). Only inside this mapping does a virtual address determine
//! its PFN.
//!
//! *What must hold*: elements are in Xen's order, without gaps from start_info to the boot stack. There are enough
//! tables to map all of this; a builder may have made more, because it mapped more (GRUB) or counted generously.
//!
//! *What is not prevented*: tables that map something else, and a mapping that ends elsewhere. The code that takes them
//! over walks them: it finds the end, and that every live table is one of these.

use x86_64::VirtAddr;

use crate::page::Fields;
use crate::{PAGE_SIZE, PageCount, Pfn, PfnRange, StartInfoError, flags::Flags};

/// The mapping starts and ends on a multiple of 4 MiB (xen.h, item 2).
const ALIGNMENT_BYTES: u64 = 4 << 20;
/// Xen's builders give one page (pv/dom0_build.c; xg_dom_core.c, `xc_dom_build_image`), GRUB 1 MiB. The kernel leaves
/// it with its first instruction, so only the first page counts as the stack.
const STACK_PAGES: u64 = 1;
/// One table of each level, the fewest that map anything.
const FEWEST_TABLES: u64 = 4;

/// What the kernel itself knows at entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelEntry {
    /// The address of start_info: what rsi held.
    pub start_info: VirtAddr,
    /// The address of PFN 0: the kernel's `XEN_ELFNOTE_VIRT_BASE`.
    pub virt_base: VirtAddr,
    /// The first byte of the kernel in memory, on a page boundary.
    pub image_start: VirtAddr,
    /// The first byte after the kernel in memory, `.bss` included, on a page boundary.
    pub image_end: VirtAddr,
}

/// The builder's page tables for the boot mapping; tables of a list placed by `INIT_P2M` are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageTables {
    /// The address of the level 4 table, which is the first of the pages.
    pub root: VirtAddr,
    /// The pages.
    pub pfns: PfnRange,
}

/// The elements of the boot mapping that every domain has, and the room they leave for the others.
pub(crate) struct Mapping {
    pub(crate) virt_base: VirtAddr,
    pub(crate) last_byte: VirtAddr,
    pub(crate) low_memory: PfnRange,
    pub(crate) image: PfnRange,
    pub(crate) start_info: Pfn,
    pub(crate) page_tables: PageTables,
    pub(crate) boot_stack: Pfn,
    /// The mapping ends here or later.
    pub(crate) least_end: Pfn,
    /// Between the image and start_info, for what the builder maps on request.
    pub(crate) inner_room: PfnRange,
    /// After the boot stack, to the end of memory.
    pub(crate) outer_room: PfnRange,
}

impl Mapping {
    /// Finds the elements, and compares `pt_base` with the expected place and `nr_pt_frames` with what the mapping
    /// takes.
    pub(crate) fn locate(
        fields: &Fields,
        entry: &KernelEntry,
        flags: Flags,
        nr_pages: PageCount,
    ) -> Result<Self, StartInfoError> {
        let KernelEntry { virt_base, start_info: address, .. } = *entry;
        let (image_start, image_end) = image(entry)?;
        let start_info = pfn_of(virt_base, address)
            .filter(|&pfn| pfn >= image_end)
            .ok_or(StartInfoError::StartInfoAddress { found: address, image_end: entry.image_end })?;
        let first = start_info.get() + 1 + ring_pages(flags);
        let root = address_of(virt_base, first)
            .ok_or(StartInfoError::AddressSpace { virt_base, start_info: address })?;
        let needed = first + FEWEST_TABLES + STACK_PAGES;
        let few_pages = StartInfoError::FewPages { nr_pages, needed };
        if needed > nr_pages.get() {
            return Err(few_pages);
        }
        if fields.pt_base != root.as_u64() {
            return Err(StartInfoError::PageTableBase { found: fields.pt_base, expected: root });
        }
        let tables = table_count(fields.nr_pt_frames, first, virt_base, nr_pages)?;
        let end = first + tables + STACK_PAGES;
        let last_byte = address_of(virt_base, end - 1).map(|page| page + (PAGE_SIZE - 1));
        let last_byte = last_byte.ok_or(StartInfoError::AddressSpace { virt_base, start_info: address })?;
        // Below `nr_pages`, as just checked, so these are frame numbers.
        let pfn = |number| Pfn::try_new(number).map_err(|_| few_pages);
        let (first, boot_stack, end) = (pfn(first)?, pfn(first + tables)?, pfn(end)?);
        Ok(Self {
            virt_base,
            last_byte,
            low_memory: PfnRange::between(Pfn::new(0), image_start),
            image: PfnRange::between(image_start, image_end),
            start_info,
            page_tables: PageTables { root, pfns: PfnRange::between(first, boot_stack) },
            boot_stack,
            least_end: end,
            inner_room: PfnRange::between(image_end, start_info),
            outer_room: PfnRange::between(end, pfn(nr_pages.get())?),
        })
    }
}

/// Returns the PFN of a page-aligned address, mapped or not.
pub(crate) fn pfn_of(virt_base: VirtAddr, address: VirtAddr) -> Option<Pfn> {
    let offset = address.as_u64().checked_sub(virt_base.as_u64())?;
    if offset.is_multiple_of(PAGE_SIZE) { Pfn::try_new(offset / PAGE_SIZE).ok() } else { None }
}

/// A domU has two ring pages after start_info, first xenstore's, then the console's; dom0 has none (items e and f).
fn ring_pages(flags: Flags) -> u64 {
    if flags.contains(Flags::INITDOMAIN) { 0 } else { 2 }
}

/// Checks what the linker script and the entry code say about the kernel.
fn image(entry: &KernelEntry) -> Result<(Pfn, Pfn), StartInfoError> {
    let KernelEntry { virt_base, image_start, image_end, .. } = *entry;
    if !virt_base.is_aligned(ALIGNMENT_BYTES) {
        return Err(StartInfoError::VirtBase { found: virt_base, alignment: ALIGNMENT_BYTES });
    }
    match (pfn_of(virt_base, image_start), pfn_of(virt_base, image_end)) {
        (Some(start), Some(end)) if start < end => Ok((start, end)),
        _ => Err(StartInfoError::Image { start: image_start, end: image_end, virt_base }),
    }
}

/// Returns the address of a page of the mapping; `None` beyond its half of the address space.
fn address_of(virt_base: VirtAddr, page: u64) -> Option<VirtAddr> {
    VirtAddr::try_new(virt_base.as_u64().checked_add(page.checked_mul(PAGE_SIZE)?)?).ok()
}

/// Checks `nr_pt_frames`: the tables and the stack lie in memory and in the address space, and the tables suffice to
/// map themselves and everything before them.
fn table_count(
    found: u64,
    first: u64,
    virt_base: VirtAddr,
    nr_pages: PageCount,
) -> Result<u64, StartInfoError> {
    let half_end = if virt_base.as_u64() >> 63 == 0 { 1 << 47 } else { 0_u64 };
    let addresses = half_end.wrapping_sub(virt_base.as_u64()) / PAGE_SIZE;
    let most = nr_pages.get().min(addresses).saturating_sub(first + STACK_PAGES);
    let tables = found.min(most);
    let last = address_of(virt_base, first + tables).map_or(virt_base, |stack| stack - 1);
    let least = tables_for(virt_base, last);
    if found == tables && found >= least {
        Ok(found)
    } else {
        Err(StartInfoError::PageTableCount { found, least, most })
    }
}

/// Returns how many tables map `first..=last` in 4 KiB pages: the root, and one of each lower level for every 512 GiB,
/// 1 GiB and 2 MiB touched.
fn tables_for(first: VirtAddr, last: VirtAddr) -> u64 {
    let touched = |shift: u32| (last.as_u64() >> shift) - (first.as_u64() >> shift) + 1;
    1 + touched(39) + touched(30) + touched(21)
}
