//! The ramdisk.
//!
//! *What this is*: the first module the builder loaded. It lies in the boot mapping, or, if `XEN_ELFNOTE_MOD_START_PFN`
//! asks for it, after the mapping, where the kernel must map it before reading it.
//!
//! *What must hold*: it starts on a page and shares no page with anything else; it is given back page by page.
//!
//! *What is not prevented*: an unmapped ramdisk whose length is too long by part of a page. A domU's builder rounds
//! that length up (xg_dom_core.c, `xc_dom_build_image`), so readers must accept zeros at the end.

use x86_64::VirtAddr;

use crate::area::Area;
use crate::mapping::{Mapping, pfn_of};
use crate::p2m_list::{P2mList, P2mPlace};
use crate::page::Fields;
use crate::{PAGE_SIZE, PfnRange, StartInfoError, flags::Flags};

/// The pages of the ramdisk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamdiskPlace {
    /// The pages; the last may be used in part.
    pub pfns: PfnRange,
    /// The length in bytes.
    pub len: u64,
    /// Whether the boot mapping covers it.
    pub mapped: bool,
}

impl RamdiskPlace {
    /// Finds the ramdisk under either meaning of `mod_start`. A length of zero means no ramdisk, whatever else is set.
    pub(crate) fn parse(
        fields: &Fields,
        flags: Flags,
        mapping: &Mapping,
        list: &P2mList,
    ) -> Result<Option<Self>, StartInfoError> {
        let len = fields.mod_len;
        if len == 0 {
            return Ok(None);
        }
        let pages = len.div_ceil(PAGE_SIZE);
        let mapped = !flags.contains(Flags::MOD_START_PFN);
        let pfns = if mapped {
            let start =
                VirtAddr::try_new(fields.mod_start).ok().and_then(|at| pfn_of(mapping.virt_base, at)).ok_or(
                    StartInfoError::RamdiskAddress { found: fields.mod_start, virt_base: mapping.virt_base },
                )?;
            Area::MappedRamdisk.within(start.get(), pages, mapping.inner_room)?
        } else {
            Area::UnmappedRamdisk.within(fields.mod_start, pages, mapping.outer_room)?
        };
        let (P2mPlace::Image(listed) | P2mPlace::Own(listed)) = list.place;
        if pfns.overlaps(listed) {
            return Err(StartInfoError::RamdiskInList { ramdisk: pfns, list: listed });
        }
        Ok(Some(Self { pfns, len, mapped }))
    }
}
