//! What Xen makes of the notes, defaults included.

use crate::features::Features;
use crate::image::Image;
use crate::note::{
    ENTRY, FEATURES, GUEST_OS, HYPERCALL_PAGE, INIT_P2M, LOADER, Note, PADDR_OFFSET, PHYS32_ENTRY,
    SUPPORTED_FEATURES, VIRT_BASE, XEN_VERSION,
};

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) virt_base: Option<u64>,
    pub(crate) paddr_offset: Option<u64>,
    pub(crate) entry: u64,
    pub(crate) hypercall_page: Option<u64>,
    pub(crate) init_p2m: Option<u64>,
    pub(crate) loader: Option<String>,
    pub(crate) xen_version: Option<String>,
    pub(crate) guest_os: Option<String>,
    pub(crate) features: Features,
    /// The bitmap of SUPPORTED_FEATURES, if that note is there.
    pub(crate) bitmap: Option<u64>,
    has_pvh_entry: bool,
    /// The first address of the image, and the first after it, as Xen computes them: from load addresses.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Settings {
    pub(crate) fn of(image: &Image<'_>) -> Self {
        let number = |kind| image.note(kind).map(|note| note.value().unwrap_or(0));
        let text = |kind| image.note(kind).and_then(Note::text);
        let (virt_base, paddr_offset) = (number(VIRT_BASE), number(PADDR_OFFSET));
        // libelf, `elf_xen_addr_calc_check`.
        let offset = virt_base.unwrap_or(0).wrapping_sub(paddr_offset.unwrap_or(0));
        let loads = image.segments.iter().map(|segment| segment.load);
        let ends = image.segments.iter().map(|segment| segment.load.saturating_add(segment.len));
        Self {
            virt_base,
            paddr_offset,
            entry: number(ENTRY).unwrap_or(image.entry),
            hypercall_page: number(HYPERCALL_PAGE),
            init_p2m: number(INIT_P2M),
            loader: text(LOADER),
            xen_version: text(XEN_VERSION),
            guest_os: text(GUEST_OS),
            features: text(FEATURES).map(|text| Features::parse(&text)).unwrap_or_default(),
            bitmap: number(SUPPORTED_FEATURES),
            has_pvh_entry: image.note(PHYS32_ENTRY).is_some(),
            start: loads.min().unwrap_or(0).wrapping_add(offset),
            end: ends.max().unwrap_or(0).wrapping_add(offset),
        }
    }

    /// Where Xen puts what is linked at `load` of physical memory.
    pub(crate) fn address_of(&self, load: u64) -> u64 {
        load.wrapping_add(self.virt_base.unwrap_or(0)).wrapping_sub(self.paddr_offset.unwrap_or(0))
    }

    /// Whether anything in it is for PV.
    pub(crate) fn is_pv(&self) -> bool {
        !self.has_pvh_entry || self.loader.is_some() || self.xen_version.is_some() || self.virt_base.is_some()
    }

    pub(crate) fn is_linux(&self) -> bool {
        self.guest_os.as_deref().is_some_and(|name| name.starts_with("linux"))
    }
}
