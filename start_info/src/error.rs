//! The ways in which a start_info page can be wrong.
//!
//! *What this is*: one variant per contradiction, with its numbers. Each prints as one line: what was found, what was
//! expected, and what to change on the host.
//!
//! *What is not prevented*: a wrong diagnosis. If two numbers disagree, the line can only name both.

use core::fmt;

use x86_64::VirtAddr;

use crate::{Area, Mfn, PageCount, Pfn, PfnRange, RingName};

/// Why start_info was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartInfoError {
    /// The page does not begin like start_info.
    #[error(
        "the page begins with \"{}\", not with \"xen-\"; start the kernel as a PV guest (type=\"pv\") or as dom0",
        .found.escape_ascii()
    )]
    Magic {
        /// Its first bytes.
        found: [u8; 4],
    },
    /// Flags that no known Xen sets.
    #[error(
        "flags {flags:#x} contain {unknown:#x}, which no Xen known to this kernel sets; update the kernel"
    )]
    UnknownFlags {
        /// The whole word.
        flags: u32,
        /// The unknown bits.
        unknown: u32,
    },
    /// The flags name the initial domain, but not a privileged one.
    #[error(
        "flags {flags:#x} name the initial domain (0x2) but not a privileged one (0x1); set both or neither"
    )]
    UnprivilegedDom0 {
        /// The whole word.
        flags: u32,
    },
    /// A memory size that no domain can have.
    #[error(
        "nr_pages is {found:#x}, but a domain has at least 1 page and fewer than {limit:#x}; \
         change memory= or dom0_mem="
    )]
    NrPages {
        /// `nr_pages`.
        found: u64,
        /// The first number that is too large.
        limit: u64,
    },
    /// No boot mapping can start at the kernel's base address.
    #[error(
        "VIRT_BASE {found:#x} is not a multiple of {alignment:#x}; change it in the kernel's linker script and notes"
    )]
    VirtBase {
        /// The base.
        found: VirtAddr,
        /// What it must be a multiple of.
        alignment: u64,
    },
    /// The kernel's bounds are not whole pages above its base, in ascending order.
    #[error(
        "the kernel's bounds {start:#x}..{end:#x} are not whole pages above VIRT_BASE {virt_base:#x}; \
         change its linker script"
    )]
    Image {
        /// The first byte.
        start: VirtAddr,
        /// The first byte after it.
        end: VirtAddr,
        /// The base.
        virt_base: VirtAddr,
    },
    /// start_info is not on a page boundary after the kernel.
    #[error(
        "start_info at {found:#x} is not on a page at or above the kernel's end {image_end:#x}; \
         check that rsi is passed on and .bss is inside the kernel's bounds"
    )]
    StartInfoAddress {
        /// What rsi held.
        found: VirtAddr,
        /// The first byte after the kernel.
        image_end: VirtAddr,
    },
    /// The boot mapping would leave its half of the address space.
    #[error(
        "a boot mapping from {virt_base:#x} with start_info at {start_info:#x} leaves the address space; \
         use a smaller ramdisk, or INIT_P2M and MOD_START_PFN"
    )]
    AddressSpace {
        /// Its start.
        virt_base: VirtAddr,
        /// The address of start_info in it.
        start_info: VirtAddr,
    },
    /// Memory is smaller than what is already mapped.
    #[error(
        "{:#x} pages of memory are fewer than the {needed:#x} or more of the boot mapping; give the guest more memory",
        .nr_pages.get()
    )]
    FewPages {
        /// `nr_pages`.
        nr_pages: PageCount,
        /// The fewest pages that the boot mapping can have with start_info where it is.
        needed: u64,
    },
    /// The page tables are not at their place.
    #[error(
        "pt_base is {found:#x}, but the pages before it end at {expected:#x}; build the domain with Xen's own tools"
    )]
    PageTableBase {
        /// `pt_base`.
        found: u64,
        /// The first address after start_info and the rings.
        expected: VirtAddr,
    },
    /// The page tables are too few or too many.
    #[error(
        "nr_pt_frames is {found:#x}, but the pages up to the tables' end take {least:#x} at least, and {most:#x} have \
         room after start_info; check what builds the domain"
    )]
    PageTableCount {
        /// `nr_pt_frames`.
        found: u64,
        /// How many are needed to map them and everything before them.
        least: u64,
        /// How many have room in memory and in the address space.
        most: u64,
    },
    /// The P2M list does not start on a page.
    #[error(
        "mfn_list {found:#x} is not a multiple of 0x1000 in the address space; change INIT_P2M in the kernel's notes"
    )]
    ListAddress {
        /// `mfn_list`.
        found: u64,
    },
    /// The P2M list is below the boot mapping, but has no pages of its own.
    #[error(
        "mfn_list {at:#x} is below the boot mapping at {virt_base:#x}, but nr_p2m_frames is 0; \
         build the domain with Xen's own tools"
    )]
    ListOutside {
        /// `mfn_list`.
        at: VirtAddr,
        /// The start of the boot mapping.
        virt_base: VirtAddr,
    },
    /// The P2M list in the boot mapping does not end where start_info begins.
    #[error(
        "a P2M list of {:#x} entries takes pfn {list}, but should end at start_info, pfn {start_info}; \
         remove vnuma= from the guest's configuration",
        .nr_pages.get()
    )]
    ListEnd {
        /// The pages of a list of `nr_pages` entries.
        list: PfnRange,
        /// `nr_pages`.
        nr_pages: PageCount,
        /// Where it should end.
        start_info: Pfn,
    },
    /// The P2M list extends beyond its half of the address space.
    #[error(
        "a P2M list of {pages:#x} pages at {at:#x} leaves the address space; change INIT_P2M in the kernel's notes"
    )]
    ListExtent {
        /// `mfn_list`.
        at: VirtAddr,
        /// The pages of the list.
        pages: u64,
    },
    /// The P2M list covers addresses that belong to Xen.
    #[error(
        "the P2M list {at:#x}-{last:#x} covers Xen's addresses {:#x}-{:#x}; change INIT_P2M in the kernel's notes",
        .hole.0, .hole.1
    )]
    ListInHole {
        /// `mfn_list`.
        at: VirtAddr,
        /// The last byte of the list.
        last: VirtAddr,
        /// Xen's first and last byte.
        hole: (VirtAddr, VirtAddr),
    },
    /// The P2M list has pages of its own, but its addresses overlap the boot mapping.
    #[error(
        "the P2M list {at:#x}-{last:#x} has pages of its own, but covers the boot mapping {:#x}-{:#x}; \
         change INIT_P2M in the kernel's notes",
        .mapping.0, .mapping.1
    )]
    ListInMapping {
        /// `mfn_list`.
        at: VirtAddr,
        /// The last byte of the list.
        last: VirtAddr,
        /// The first and last byte of the mapping.
        mapping: (VirtAddr, VirtAddr),
    },
    /// The pages named for the P2M list cannot hold it.
    #[error(
        "nr_p2m_frames is {found:#x}, but the P2M list alone takes {needed:#x} pages; \
         build the domain with Xen's own tools"
    )]
    FewListFrames {
        /// `nr_p2m_frames`.
        found: u64,
        /// The pages of the list without its tables.
        needed: u64,
    },
    /// Pages lie outside the room the builder had for them.
    #[error("{area}, pfn {start:#x} + {pages:#x} pages, is not in pfn {room}, {}", .area.advice())]
    Misplaced {
        /// Whose pages.
        area: Area,
        /// The first page.
        start: u64,
        /// How many.
        pages: u64,
        /// The room.
        room: PfnRange,
    },
    /// A mapped ramdisk does not start on a page of the boot mapping.
    #[error(
        "mod_start {found:#x} is not on a page at or above VIRT_BASE {virt_base:#x}; \
         change ramdisk=, or MOD_START_PFN in the kernel's notes"
    )]
    RamdiskAddress {
        /// `mod_start`.
        found: u64,
        /// The start of the boot mapping.
        virt_base: VirtAddr,
    },
    /// The ramdisk and the P2M list have pages in common.
    #[error(
        "the ramdisk, pfn {ramdisk}, overlaps the P2M list, pfn {list}; \
         start the guest without ramdisk= to see which is wrong"
    )]
    RamdiskInList {
        /// The ramdisk's pages.
        ramdisk: PfnRange,
        /// The list's pages.
        list: PfnRange,
    },
    /// The address of shared_info is not that of a page below 2^52.
    #[error(
        "shared_info {found:#x} is not the machine address of a page below 2^52; \
         build the domain with Xen's own tools"
    )]
    SharedInfo {
        /// `shared_info`.
        found: u64,
    },
    /// A ring has no machine frame, or one beyond 2^40.
    #[error(
        "the {ring} ring is in machine frame {found:#x}, not in 1..0x10000000000; \
         build the domain with Xen's own tools"
    )]
    RingFrame {
        /// Which ring.
        ring: RingName,
        /// The frame number.
        found: u64,
    },
    /// A ring has no event channel, or one that cannot exist yet.
    #[error(
        "the {ring} ring has event channel {found}, not one of 1..{limit}; build the domain with Xen's own tools"
    )]
    RingPort {
        /// Which ring.
        ring: RingName,
        /// The port.
        found: u32,
        /// The first number that is too large.
        limit: u32,
    },
    /// Two of shared_info, xenstore's ring and the console's are the same page.
    #[error(
        "the {ring} ring is in machine frame {mfn}, which is already taken; build the domain with Xen's own tools"
    )]
    SharedFrame {
        /// The later of the two.
        ring: RingName,
        /// The frame.
        mfn: Mfn,
    },
    /// A ring's frame is not that of a page the builder took for rings.
    #[error(
        "the {ring} ring is in machine frame {mfn}, {}, not in pfn {allowed} right after start_info; \
         build the domain with Xen's own tools",
        in_m2p(*.back)
    )]
    RingElsewhere {
        /// Which ring.
        ring: RingName,
        /// The frame.
        mfn: Mfn,
        /// What Xen's M2P holds for it; `None` where the M2P has no page there.
        back: Option<u64>,
        /// The pages for rings.
        allowed: PfnRange,
    },
    /// A ring's frame belongs to another domain, in which it has the number of a page for rings.
    #[error(
        "the {ring} ring is in machine frame {mfn}, by Xen's M2P pfn {pfn}, but the P2M list has {} there; \
         build the domain with Xen's own tools",
        in_list(*.listed)
    )]
    RingNotListed {
        /// Which ring.
        ring: RingName,
        /// The frame.
        mfn: Mfn,
        /// The page.
        pfn: Pfn,
        /// The frame that the P2M list has for that page.
        listed: Option<Mfn>,
    },
    /// Both rings have the same event channel.
    #[error(
        "xenstore and the console have the same event channel {port}; build the domain with Xen's own tools"
    )]
    SharedPort {
        /// The port.
        port: u32,
    },
    /// dom0 has a ring to xenstore.
    #[error(
        "the initial domain has a xenstore ring (frame {mfn:#x}, event channel {port}); \
         start it from Xen's boot line, not with xl"
    )]
    XenstoreInDom0 {
        /// `store_mfn`.
        mfn: u64,
        /// `store_evtchn`.
        port: u32,
    },
    /// The description of the screen is not between start_info and the end of the page.
    #[error(
        "the screen's description, {size:#x} bytes at {offset:#x}, is not in {first:#x}..0x1000; \
         boot Xen with vga=text-80x25"
    )]
    VgaInfo {
        /// `info_off`.
        offset: u32,
        /// `info_size`.
        size: u32,
        /// The first byte after start_info.
        first: usize,
    },
    /// The command line has no final NUL.
    #[error("the command line has no NUL in its {limit} bytes; shorten extra= or the dom0 kernel's line")]
    CommandLine {
        /// The size of its field.
        limit: usize,
    },
}

/// Describes what Xen's M2P has for a frame.
fn in_m2p(back: Option<u64>) -> impl fmt::Display {
    fmt::from_fn(move |f| match back {
        Some(back) => write!(f, "by Xen's M2P pfn {back:#x}"),
        None => f.write_str("for which Xen's M2P has no entry"),
    })
}

/// Describes which frame the P2M list has for a page.
fn in_list(listed: Option<Mfn>) -> impl fmt::Display {
    fmt::from_fn(move |f| match listed {
        Some(listed) => write!(f, "frame {listed}"),
        None => f.write_str("no frame"),
    })
}
