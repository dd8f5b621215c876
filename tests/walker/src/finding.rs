//! Promises that the guest in a core has broken.
//!
//! *What this is*: one variant per broken promise, with the numbers needed to find the place in the core. Each prints
//! as one line that starts with its [`Finding::name`].

use std::fmt;

use start_info::{Mfn, Pfn};
use x86_64::VirtAddr;

use crate::{DumpedType, KernelAccess, Level, ListForm, ListPart, Slot, WalkedLeaf, WalkedRegion};

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A writable mapping of a page table.
    #[error("writable-table: {leaf} allows writing to an {table} table")]
    WritableTable {
        /// The mapping.
        leaf: WalkedLeaf,
        /// What the frame is.
        table: Level,
    },
    /// A writable mapping of a page of a vCPU's descriptor table.
    #[error("writable-gdt: {leaf} allows writing to a descriptor table")]
    WritableGdt {
        /// The mapping.
        leaf: WalkedLeaf,
    },
    /// A page that is writable and executable.
    #[error("write-execute: {leaf} is writable and executable")]
    WriteExecute {
        /// The mapping.
        leaf: WalkedLeaf,
    },
    /// An executable page where no code belongs.
    #[error("executable: {leaf} is executable in {region}")]
    Executable {
        /// The mapping.
        leaf: WalkedLeaf,
        /// Where.
        region: WalkedRegion,
    },
    /// A direct-map page of executable memory is writable.
    #[error("writable-alias: {leaf} is writable and executable at {code:#x}")]
    WritableAlias {
        /// The direct-map mapping.
        leaf: WalkedLeaf,
        /// Where the frame is executable.
        code: VirtAddr,
    },
    /// A page of RAM is not in the direct map.
    #[error("direct-map-missing: va {va:#x} is unmapped, pfn {pfn} mfn {mfn}")]
    DirectMapMissing {
        /// Where it should be.
        va: VirtAddr,
        /// The page.
        pfn: Pfn,
        /// Its frame.
        mfn: Mfn,
    },
    /// A page of the direct map is another frame than the P2M's, or the P2M has none for it.
    #[error("direct-map-wrong: {leaf}, but the P2M has mfn {} for the address", Maybe(*.expected))]
    DirectMapWrong {
        /// The mapping.
        leaf: WalkedLeaf,
        /// The P2M's entry for the address.
        expected: Option<Mfn>,
    },
    /// A page of the image is not mapped and not a guard page.
    #[error("image-missing: va {va:#x} is unmapped in a {access} segment")]
    ImageMissing {
        /// The page.
        va: VirtAddr,
        /// What its segment is for.
        access: KernelAccess,
    },
    /// A page of the image allows other access than its segment.
    #[error("image-access: {leaf} does not allow just {expected}")]
    ImageAccess {
        /// The mapping.
        leaf: WalkedLeaf,
        /// What its segment is for.
        expected: KernelAccess,
    },
    /// A page of the image is another frame than the P2M's; or, where the P2M has none, is no page of the guest's or
    /// twice in the image.
    #[error("image-wrong: {leaf}, but the P2M has mfn {} for the address", Maybe(*.expected))]
    ImageWrong {
        /// The mapping.
        leaf: WalkedLeaf,
        /// The P2M's entry for the address.
        expected: Option<Mfn>,
    },
    /// The kernel's segments go on after the given end of the image.
    #[error("image-end: the segments end at {segments:#x}, the image was said to end at {given:#x}")]
    ImageEnd {
        /// Where the segments end.
        segments: VirtAddr,
        /// Where the image was said to end.
        given: VirtAddr,
    },
    /// Something is mapped where nothing may be.
    #[error("unexpected: {leaf} in {region}")]
    Unexpected {
        /// The mapping.
        leaf: WalkedLeaf,
        /// Where.
        region: WalkedRegion,
    },
    /// A frame that is not the guest's is mapped outside the fixmap.
    #[error("foreign-frame: {leaf} in {region}")]
    ForeignFrame {
        /// The mapping.
        leaf: WalkedLeaf,
        /// Where.
        region: WalkedRegion,
    },
    /// An entry leads to a table that is not the guest's page.
    #[error("foreign-table: {slot} leads to mfn {mfn}, not the guest's")]
    ForeignTable {
        /// The entry.
        slot: Slot,
        /// The frame.
        mfn: Mfn,
    },
    /// A table is used at two levels.
    #[error("two-levels: va {va:#x} table mfn {mfn} pfn {} is both {} and {}", Maybe(*.pfn), .levels[0], .levels[1])]
    TwoLevels {
        /// Where the walk met it the second time.
        va: VirtAddr,
        /// The table.
        mfn: Mfn,
        /// The guest's number for it.
        pfn: Option<Pfn>,
        /// The levels, in the order met.
        levels: [Level; 2],
    },
    /// An entry of the guest in one of Xen's L4 slots.
    #[error("entry-in-hole: {slot} leads to the guest's mfn {mfn} pfn {pfn}")]
    EntryInHole {
        /// The entry.
        slot: Slot,
        /// The guest's frame in it.
        mfn: Mfn,
        /// The guest's number for the frame.
        pfn: Pfn,
    },
    /// An entry that is neither present nor zero.
    #[error("absent-not-zero: {slot} of table mfn {table} is not present")]
    AbsentNotZero {
        /// The entry.
        slot: Slot,
        /// The table it is in.
        table: Mfn,
    },
    /// An entry above L1 has bit 7 set.
    #[error("large-page: {slot} maps a large page at mfn {mfn}")]
    LargePage {
        /// The entry.
        slot: Slot,
        /// The frame in it.
        mfn: Mfn,
    },
    /// Two PFNs have the same frame.
    #[error("duplicate-frame: mfn {mfn} is both pfn {} and pfn {}", .pfns[0], .pfns[1])]
    DuplicateFrame {
        /// The frame.
        mfn: Mfn,
        /// The PFNs.
        pfns: [Pfn; 2],
    },
    /// Xen counts pages for the domain that its P2M does not name.
    #[error("unlisted-pages: {pages} pages of the domain are not in its P2M")]
    UnlistedPages {
        /// How many.
        pages: u64,
    },
    /// The published number of entries is not above every PFN, or not a possible number of pages.
    #[error("max-pfn: published {found:#x}, the guest's pages end at {pages_end:#x}")]
    MaxPfn {
        /// The number.
        found: u64,
        /// One more than the highest PFN.
        pages_end: u64,
    },
    /// The linear list's address is not a multiple of 1 GiB, or not an address.
    #[error("list-address: p2m_vaddr {va:#x} does not start a GiB")]
    ListAddress {
        /// The address.
        va: u64,
    },
    /// The linear list is not where the guest said that it has it.
    #[error("list-elsewhere: p2m_vaddr {va:#x} is not {expected:#x}")]
    ListElsewhere {
        /// The address.
        va: u64,
        /// Where it should be.
        expected: VirtAddr,
    },
    /// The linear list is marked as being changed.
    #[error("generation: p2m_generation {found} is odd")]
    Generation {
        /// The counter.
        found: u64,
    },
    /// A page of a published form is not the guest's, or not a frame.
    #[error("list-page: {part} of the {form}, mfn {mfn:#x}, is not the guest's")]
    ListPage {
        /// Which form.
        form: ListForm,
        /// Which page.
        part: ListPart,
        /// The frame, as published.
        mfn: u64,
    },
    /// A page of the linear list is not mapped.
    #[error("list-unmapped: va {va:#x} of the linear list, from pfn {pfn}, is unmapped")]
    ListUnmapped {
        /// The page's address.
        va: VirtAddr,
        /// The first PFN whose entry is in it.
        pfn: Pfn,
    },
    /// A published entry is not the P2M's.
    #[error("list-entry: {form} has {found:#x} for pfn {pfn}, the P2M mfn {}", Maybe(*.expected))]
    ListEntry {
        /// Which form.
        form: ListForm,
        /// The page.
        pfn: Pfn,
        /// The entry.
        found: u64,
        /// The P2M's frame; if there is none, the entry must be all ones.
        expected: Option<Mfn>,
    },
    /// An entry after the last one is not all ones.
    #[error("list-tail: {form} has {found:#x} after its end, for pfn {pfn}")]
    ListTail {
        /// Which form.
        form: ListForm,
        /// The number the entry would be for.
        pfn: Pfn,
        /// The entry.
        found: u64,
    },
    /// `xen-mfndump` found a different number of entries.
    #[error("mfndump-size: {found} entries in {lines} lines, {expected} published")]
    MfndumpSize {
        /// The tool's number.
        found: u64,
        /// The number of lines it printed.
        lines: u64,
        /// The published number.
        expected: u64,
    },
    /// `xen-mfndump` printed a different frame.
    #[error("mfndump-entry: mfn {found:#x} for pfn {pfn:#x}, the core has mfn {}", Maybe(*.expected))]
    MfndumpEntry {
        /// The page.
        pfn: u64,
        /// The tool's frame.
        found: u64,
        /// The core's.
        expected: Option<Mfn>,
    },
    /// Xen's type of a frame is not what the walk saw.
    #[error("mfndump-type: Xen has pfn {pfn} mfn {mfn} as {found}, the walk as {}", Walked(*.walked))]
    MfndumpType {
        /// The page.
        pfn: Pfn,
        /// Its frame.
        mfn: Mfn,
        /// Xen's type.
        found: DumpedType,
        /// The table the walk saw; `None` for a plain page.
        walked: Option<Level>,
    },
}

impl Finding {
    /// Returns the kind's short name, the same for every finding of a kind.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::WritableTable { .. } => "writable-table",
            Self::WritableGdt { .. } => "writable-gdt",
            Self::WriteExecute { .. } => "write-execute",
            Self::Executable { .. } => "executable",
            Self::WritableAlias { .. } => "writable-alias",
            Self::DirectMapMissing { .. } => "direct-map-missing",
            Self::DirectMapWrong { .. } => "direct-map-wrong",
            Self::ImageMissing { .. } => "image-missing",
            Self::ImageAccess { .. } => "image-access",
            Self::ImageWrong { .. } => "image-wrong",
            Self::ImageEnd { .. } => "image-end",
            Self::Unexpected { .. } => "unexpected",
            Self::ForeignFrame { .. } => "foreign-frame",
            Self::ForeignTable { .. } => "foreign-table",
            Self::TwoLevels { .. } => "two-levels",
            Self::EntryInHole { .. } => "entry-in-hole",
            Self::AbsentNotZero { .. } => "absent-not-zero",
            Self::LargePage { .. } => "large-page",
            Self::DuplicateFrame { .. } => "duplicate-frame",
            Self::UnlistedPages { .. } => "unlisted-pages",
            Self::MaxPfn { .. } => "max-pfn",
            Self::ListAddress { .. } => "list-address",
            Self::ListElsewhere { .. } => "list-elsewhere",
            Self::Generation { .. } => "generation",
            Self::ListPage { .. } => "list-page",
            Self::ListUnmapped { .. } => "list-unmapped",
            Self::ListEntry { .. } => "list-entry",
            Self::ListTail { .. } => "list-tail",
            Self::MfndumpSize { .. } => "mfndump-size",
            Self::MfndumpEntry { .. } => "mfndump-entry",
            Self::MfndumpType { .. } => "mfndump-type",
        }
    }
}

/// A frame that may be absent, for messages.
struct Maybe<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => write!(f, "{value}"),
            None => f.write_str("none"),
        }
    }
}

/// What the walk saw a frame used as, for messages.
struct Walked(Option<Level>);

impl fmt::Display for Walked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(level) => write!(f, "{level} table"),
            None => f.write_str("plain page"),
        }
    }
}
