//! The builder's list of machine frames, one per PFN.
//!
//! *What this is*: where the list is mapped and which pages it lies in. A domain builder puts it after the kernel, in
//! the boot mapping, or, if `XEN_ELFNOTE_INIT_P2M` asks for it, at an address of the kernel's choice, with pages
//! outside the mapping.
//!
//! *What must hold*: the list starts on a page. It is given back page by page once it has been copied, so its pages may
//! hold nothing else.
//!
//! *What is not prevented*: wrong entries, and memory with holes. With vNUMA the list is longer than `nr_pages`; inside
//! the boot mapping that is detected and refused, outside it cannot be seen here.

use x86_64::VirtAddr;

use crate::area::Area;
use crate::mapping::{Mapping, pfn_of};
use crate::page::Fields;
use crate::{PAGE_SIZE, PageCount, PfnRange, StartInfoError};

/// Bytes of a list entry.
const ENTRY_BYTES: u64 = 8;

/// The addresses Xen keeps for itself (arch-x86/xen-x86_64.h, `HYPERVISOR_VIRT_START` and `_END`).
const HYPERVISOR_FIRST: VirtAddr = VirtAddr::new(xen_sys::__HYPERVISOR_VIRT_START.cast_unsigned());
const HYPERVISOR_LAST: VirtAddr = VirtAddr::new(xen_sys::__HYPERVISOR_VIRT_END.cast_unsigned() - 1);

/// The builder's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct P2mList {
    /// The address of the entry for PFN 0.
    pub at: VirtAddr,
    /// The pages to give back once the list has been copied.
    pub place: P2mPlace,
}

/// Where the builder took the list's pages from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum P2mPlace {
    /// From the boot mapping, between the image and start_info: exactly the pages of the list.
    Image(PfnRange),
    /// From after the boot mapping: the pages of the list and the tables that map it, in no particular order.
    Own(PfnRange),
}

impl P2mList {
    /// Finds the list and checks its whole extent.
    pub(crate) fn parse(
        fields: &Fields,
        nr_pages: PageCount,
        mapping: &Mapping,
    ) -> Result<Self, StartInfoError> {
        let at = VirtAddr::try_new(fields.mfn_list)
            .ok()
            .filter(|at| at.is_aligned(PAGE_SIZE))
            .ok_or(StartInfoError::ListAddress { found: fields.mfn_list })?;
        // Fewer than 2^40 entries, so this does not overflow.
        let pages = (nr_pages.get() * ENTRY_BYTES).div_ceil(PAGE_SIZE);
        let place = if fields.nr_p2m_frames == 0 {
            P2mPlace::Image(in_image(at, pages, nr_pages, mapping)?)
        } else {
            check_addresses(at, pages, mapping)?;
            P2mPlace::Own(own_pages(fields, pages, mapping)?)
        };
        Ok(Self { at, place })
    }
}

/// Finds a list in the boot mapping, where it ends at start_info.
///
/// `first_p2m_pfn` is ignored: without `INIT_P2M`, dom0's builder leaves a PFN there that means nothing.
fn in_image(
    at: VirtAddr,
    pages: u64,
    nr_pages: PageCount,
    mapping: &Mapping,
) -> Result<PfnRange, StartInfoError> {
    let start = pfn_of(mapping.virt_base, at)
        .ok_or(StartInfoError::ListOutside { at, virt_base: mapping.virt_base })?;
    let list = Area::P2mList.within(start.get(), pages, mapping.inner_room)?;
    if list.end() != mapping.inner_room.end() {
        return Err(StartInfoError::ListEnd { list, nr_pages, start_info: mapping.start_info });
    }
    Ok(list)
}

/// Checks that a list at an address of its own overlaps neither Xen's addresses nor the boot mapping.
fn check_addresses(at: VirtAddr, pages: u64, mapping: &Mapping) -> Result<(), StartInfoError> {
    let last = at
        .as_u64()
        .checked_add(pages * PAGE_SIZE - 1)
        .and_then(|last| VirtAddr::try_new(last).ok())
        .ok_or(StartInfoError::ListExtent { at, pages })?;
    if at <= HYPERVISOR_LAST && last >= HYPERVISOR_FIRST {
        return Err(StartInfoError::ListInHole { at, last, hole: (HYPERVISOR_FIRST, HYPERVISOR_LAST) });
    }
    if at <= mapping.last_byte && last >= mapping.virt_base {
        return Err(StartInfoError::ListInMapping {
            at,
            last,
            mapping: (mapping.virt_base, mapping.last_byte),
        });
    }
    Ok(())
}

/// Finds the pages of a list at an address of its own.
fn own_pages(fields: &Fields, pages: u64, mapping: &Mapping) -> Result<PfnRange, StartInfoError> {
    let (first, frames) = (fields.first_p2m_pfn, fields.nr_p2m_frames);
    if frames < pages {
        return Err(StartInfoError::FewListFrames { found: frames, needed: pages });
    }
    Area::P2mFrames.within(first, frames, mapping.outer_room)
}
