//! The domain builder's boot mapping: what lies where at entry.
//!
//! *What this is*: the kernel image, start_info, rings, page tables and boot stack, one after the other, as every
//! builder maps them (xen.h, "Start-of-day memory layout"). Only inside this mapping does a virtual address determine
//! its PFN.
//!
//! *What must hold*: elements are in Xen's order, without gaps from start_info on, and there are exactly as many tables
//! as the mapping needs. So the position of start_info alone determines the tables, the stack and the end; the fields
//! that repeat them are compared with that.
//!
//! *What is not prevented*: tables that map something else. The code that takes them over walks them.

use x86_64::VirtAddr;

use crate::page::Fields;
use crate::{PAGE_SIZE, PageCount, Pfn, PfnRange, StartInfoError, flags::Flags};

/// The mapping ends on a multiple of 4 MiB (xen.h, item 2) ...
const END_ALIGNMENT_BYTES: u64 = 4 << 20;
/// ... at least 512 KiB after the boot stack (item 7).
const PADDING_PAGES: u64 = (512 << 10) / PAGE_SIZE;
/// Both builders give one page (pv/dom0_build.c; xg_dom_core.c, `xc_dom_build_image`).
const STACK_PAGES: u64 = 1;

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
    pub(crate) end: Pfn,
    /// Between the image and start_info, for what the builder maps on request.
    pub(crate) inner_room: PfnRange,
    /// After the mapping, to the end of memory.
    pub(crate) outer_room: PfnRange,
}

impl Mapping {
    /// Finds the elements, and compares `pt_base` and `nr_pt_frames` with the expected place and number of tables.
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
        let plan = Plan::after(start_info.get() + 1 + ring_pages(flags), virt_base)
            .ok_or(StartInfoError::AddressSpace { virt_base, start_info: address })?;
        let few_pages = StartInfoError::FewPages { nr_pages, needed: plan.end };
        if plan.end > nr_pages.get() {
            return Err(few_pages);
        }
        if fields.pt_base != plan.root.as_u64() {
            return Err(StartInfoError::PageTableBase { found: fields.pt_base, expected: plan.root });
        }
        if fields.nr_pt_frames != plan.tables {
            let (found, expected) = (fields.nr_pt_frames, plan.tables);
            return Err(StartInfoError::PageTableCount { found, expected, mapped: plan.end });
        }
        // Below `nr_pages`, as just checked, so these are frame numbers.
        let pfn = |number| Pfn::try_new(number).map_err(|_| few_pages);
        let (root, boot_stack, end) = (pfn(plan.first)?, pfn(plan.first + plan.tables)?, pfn(plan.end)?);
        Ok(Self {
            virt_base,
            last_byte: plan.last_byte,
            low_memory: PfnRange::between(Pfn::new(0), image_start),
            image: PfnRange::between(image_start, image_end),
            start_info,
            page_tables: PageTables { root: plan.root, pfns: PfnRange::between(root, boot_stack) },
            boot_stack,
            end,
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
    if !virt_base.is_aligned(END_ALIGNMENT_BYTES) {
        return Err(StartInfoError::VirtBase { found: virt_base, alignment: END_ALIGNMENT_BYTES });
    }
    match (pfn_of(virt_base, image_start), pfn_of(virt_base, image_end)) {
        (Some(start), Some(end)) if start < end => Ok((start, end)),
        _ => Err(StartInfoError::Image { start: image_start, end: image_end, virt_base }),
    }
}

/// How many tables the mapping takes and where it ends. Each depends on the other, because the tables are mapped too.
struct Plan {
    first: u64,
    root: VirtAddr,
    tables: u64,
    end: u64,
    last_byte: VirtAddr,
}

impl Plan {
    /// Plans the mapping whose tables begin at page number `first`; `None` if it would leave its half of the address
    /// space.
    ///
    /// Both builders search upward for the smallest number of tables that suffices (xg_dom_x86.c, `alloc_pgtables_pv`;
    /// pv/dom0_build.c, the loop over `nr_pt_pages`). This loop takes larger steps to the same number: a mapping with
    /// room for `tables` tables needs `needed`, so no number below `needed` suffices.
    fn after(first: u64, virt_base: VirtAddr) -> Option<Self> {
        let address = |offset| VirtAddr::try_new(virt_base.as_u64().checked_add(offset)?).ok();
        let mut tables = 1;
        loop {
            let end = (first + tables + STACK_PAGES + PADDING_PAGES)
                .checked_next_multiple_of(END_ALIGNMENT_BYTES / PAGE_SIZE)?;
            let last_byte = address(end.checked_mul(PAGE_SIZE)? - 1)?;
            let needed = tables_for(virt_base, last_byte);
            if needed <= tables {
                return Some(Self { first, root: address(first * PAGE_SIZE)?, tables, end, last_byte });
            }
            tables = needed;
        }
    }
}

/// Returns how many tables map `first..=last` in 4 KiB pages: the root, and one of each lower level for every 512 GiB,
/// 1 GiB and 2 MiB touched.
fn tables_for(first: VirtAddr, last: VirtAddr) -> u64 {
    let touched = |shift: u32| (last.as_u64() >> shift) - (first.as_u64() >> shift) + 1;
    1 + touched(39) + touched(30) + touched(21)
}
