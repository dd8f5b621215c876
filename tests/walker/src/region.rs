//! Which part of the address space a mapping lies in.
//!
//! *What this is*: one classification for every check, so that all draw the same borders.

use std::{fmt, ops::Range};

use start_info::{ENTRIES, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{CoreFile, ExpectedTables, expected::BUILDERS_MAP};

/// A part of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WalkedRegion {
    /// The first page, where null pointers lead.
    PageZero,
    /// A range the caller allows.
    Allowed,
    /// The direct map, from PFN 0 to the highest.
    DirectMap,
    /// The rest of the L4 slots the direct map reaches into.
    BesideDirectMap,
    /// The published linear list.
    P2mList,
    /// Device memory: frames that are not the guest's.
    Devices,
    /// The kernel mapping below the image.
    BelowImage,
    /// Pages that a payload has mapped once more.
    Payload,
    /// The image.
    Image,
    /// Where the domain builder mapped an image that is elsewhere now.
    OldImage,
    /// Between the image and the module window, where the builder left its ramdisk, list and tables.
    BehindImage,
    /// The modules.
    Modules,
    /// The rest of the module window, after the modules.
    BehindModules,
    /// The fixmap.
    Fixmap,
    /// Everything else.
    Elsewhere,
}

impl WalkedRegion {
    /// Tells whether nothing may be mapped there.
    #[must_use]
    pub const fn is_forbidden(self) -> bool {
        matches!(
            self,
            Self::PageZero
                | Self::BesideDirectMap
                | Self::BelowImage
                | Self::OldImage
                | Self::BehindImage
                | Self::BehindModules
                | Self::Elsewhere
        )
    }
}

impl fmt::Display for WalkedRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PageZero => "page zero",
            Self::Allowed => "an allowed range",
            Self::DirectMap => "the direct map",
            Self::BesideDirectMap => "the direct map's slots beside it",
            Self::P2mList => "the published list",
            Self::Devices => "device memory",
            Self::BelowImage => "the kernel mapping below the image",
            Self::Payload => "the payload's pages",
            Self::Image => "the image",
            Self::OldImage => "the place that the image was moved from",
            Self::BehindImage => "the kernel mapping behind the image",
            Self::Modules => "the modules",
            Self::BehindModules => "the module window behind the modules",
            Self::Fixmap => "the fixmap",
            Self::Elsewhere => "no region",
        })
    }
}

/// The borders between regions, for one core.
#[derive(Debug)]
pub(crate) struct Borders {
    /// First match wins, so a range may lie inside another one that follows.
    ranges: Vec<(Range<VirtAddr>, WalkedRegion)>,
}

/// Bytes an L4 slot covers.
pub(crate) const SLOT: u64 = 1 << 39;

impl Borders {
    pub(crate) fn new(core: &CoreFile, expected: &ExpectedTables) -> Self {
        let ExpectedTables { direct_map, devices, payload, image, modules, fixmap, allowed, .. } = expected;
        let direct_end = after(*direct_map, core.pfn_end().saturating_mul(PAGE_SIZE));
        let slots = direct_map.align_down(SLOT)..round_up(direct_end, SLOT);
        let mut ranges = vec![(VirtAddr::zero()..after(VirtAddr::zero(), PAGE_SIZE), WalkedRegion::PageZero)];
        ranges.extend(allowed.iter().map(|range| (range.clone(), WalkedRegion::Allowed)));
        if !expected.own_list {
            // The builder may have put it after the image.
            ranges.push((list_range(core), WalkedRegion::P2mList));
        }
        ranges.extend([
            (*direct_map..direct_end, WalkedRegion::DirectMap),
            (slots, WalkedRegion::BesideDirectMap),
            (devices.clone(), WalkedRegion::Devices),
            (payload.clone(), WalkedRegion::Payload),
            (image.clone(), WalkedRegion::Image),
            (expected.old_image(), WalkedRegion::OldImage),
            (BUILDERS_MAP..image.start, WalkedRegion::BelowImage),
            (image.end..modules.start, WalkedRegion::BehindImage),
            (modules.clone(), WalkedRegion::Modules),
            (modules.end..fixmap.start, WalkedRegion::BehindModules),
            (fixmap.clone(), WalkedRegion::Fixmap),
            // Last, because the guest chooses its place: a list published after the image still counts as after the
            // image.
            (list_range(core), WalkedRegion::P2mList),
        ]);
        Self { ranges }
    }

    pub(crate) fn region(&self, va: VirtAddr) -> WalkedRegion {
        self.ranges
            .iter()
            .find(|(range, _)| range.contains(&va))
            .map_or(WalkedRegion::Elsewhere, |(_, region)| *region)
    }
}

/// The linear list's addresses. They count under every root: the published root may differ from the vCPUs', as in
/// Linux.
fn list_range(core: &CoreFile) -> Range<VirtAddr> {
    let published = core.published();
    let start = VirtAddr::new_truncate(published.p2m_vaddr);
    start..after(start, published.max_pfn.div_ceil(ENTRIES).saturating_mul(PAGE_SIZE))
}

/// The highest page of the address space. No region of ours reaches it, so it serves as an end that cannot be passed.
const LAST_PAGE: VirtAddr = VirtAddr::new_truncate(u64::MAX - (PAGE_SIZE - 1));

/// The address `bytes` higher, or the last page.
pub(crate) fn after(start: VirtAddr, bytes: u64) -> VirtAddr {
    start.as_u64().checked_add(bytes).and_then(|end| VirtAddr::try_new(end).ok()).unwrap_or(LAST_PAGE)
}

/// The next multiple of `unit`, or the last page.
pub(crate) fn round_up(va: VirtAddr, unit: u64) -> VirtAddr {
    let end = va.as_u64().checked_next_multiple_of(unit);
    end.and_then(|end| VirtAddr::try_new(end).ok()).unwrap_or(LAST_PAGE)
}
