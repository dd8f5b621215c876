//! What can go wrong with page tables.

use core::fmt;

use start_info::{Mfn, PageCount, Pfn, PfnRange};

pub(crate) use crate::operation::Operation;
use crate::{
    errno::{Errno, Partial},
    layout::region::Region,
};

/// An operation that Xen refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: Xen refused operation {done} with {errno}")]
pub struct Refused {
    /// What was being done.
    pub doing: Operation,
    /// How many operations of it Xen carried out before.
    pub done: usize,
    /// Xen's reason.
    pub errno: Errno,
}

/// Whose window it is. Shown, it says how there can be room again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowOf {
    /// The modules'.
    Modules,
    /// The payload's.
    Payload,
}

impl WindowOf {
    /// Returns what is being done while something is mapped.
    pub(crate) const fn mapping(self) -> Operation {
        match self {
            Self::Modules => Operation::Module,
            Self::Payload => Operation::MapPayload,
        }
    }

    /// Returns what is being done while something is unmapped.
    pub(crate) const fn unmapping(self) -> Operation {
        match self {
            Self::Modules => Operation::Unmap,
            Self::Payload => Operation::UnmapPayload,
        }
    }

    /// Returns the name of one mapping's addresses.
    pub(crate) const fn region_name(self) -> &'static str {
        match self {
            Self::Modules => "module",
            Self::Payload => "payload pages",
        }
    }
}

impl fmt::Display for WindowOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Modules => "unload a module",
            Self::Payload => "unmap pages",
        })
    }
}

/// What needs adjacent pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOf {
    /// What the payload asked for.
    Payload,
    /// A ramdisk that lies, at these pages, where the machine has no RAM.
    Ramdisk(PfnRange),
    /// The first page tables, which come from the memory below the image, or after it as far as the builder mapped pages.
    FirstTables {
        /// The pages below.
        below: PfnRange,
        /// The pages after.
        after: PfnRange,
    },
}

/// Why page tables could not be built or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MmuError {
    /// Xen refused an operation.
    #[error(transparent)]
    Refused(Refused),
    /// No free frame was left for a table or a page.
    #[error("{doing}: no free page left in {mapped} of {total} pages; give the guest more memory")]
    NoFrames {
        /// What the frame was for.
        doing: Operation,
        /// How many pages of memory are mapped. Page numbers without memory do not count.
        mapped: PageCount,
        /// How many pages of memory the guest has.
        total: PageCount,
    },
    /// No run of adjacent pages is long enough.
    #[error(fmt = no_run)]
    NoRun {
        /// What the run is for.
        object: RunOf,
        /// How many pages are needed.
        need: PageCount,
        /// The longest run there is.
        longest: PageCount,
        /// How many pages are free in all.
        free: PageCount,
    },
    /// A P2M step failed.
    #[error(transparent)]
    P2m(#[from] p2m::P2mError),
    /// An address lacks a table that must exist.
    #[error("{address:#x} has no L{level} table")]
    NotMapped {
        /// The address.
        address: u64,
        /// The level of the missing table.
        level: u8,
    },
    /// The addresses for the image are too few for it.
    #[error(
        "the image has {image} pages, and there are {room} pages of addresses from the end of the builder's mapping to the \
         module window; a smaller ramdisk leaves more"
    )]
    ImageRoom {
        /// The image's pages.
        image: PageCount,
        /// The pages of addresses.
        room: PageCount,
    },
    /// The pages that the builder has mapped after the boot stack are too few for page tables.
    #[error(
        "mapping the image elsewhere takes {wanted} page tables, and the builder has mapped {left} pages after the boot stack"
    )]
    SlideTables {
        /// The tables.
        wanted: PageCount,
        /// The pages there are.
        left: PageCount,
    },
    /// A page that must have memory has none.
    #[error("pfn {pfn} has no memory")]
    NoMemory {
        /// The page.
        pfn: Pfn,
    },
    /// The builder's mapping does not end where start_info leaves room for its end.
    #[error(
        "the builder's mapping ends at pfn {end} or later, not on a multiple of 0x200 in {least}..={most}: after the \
         boot stack, in memory, and before what start_info has after it; check what builds the domain"
    )]
    BuilderEnd {
        /// The first page that is not mapped, or that must not be.
        end: Pfn,
        /// The first page after the boot stack.
        least: Pfn,
        /// The end of memory, or the first page of what lies after the mapping.
        most: Pfn,
    },
    /// The builder's mapping has another page at an address than the one whose number belongs there.
    #[error(
        "the builder maps frame {mapped} where pfn {pfn} belongs, for which its P2M list has {}; \
         check what builds the domain",
        fmt::from_fn(|f| match listed { Some(mfn) => write!(f, "frame {mfn}"), None => f.write_str("no frame") })
    )]
    BuilderPage {
        /// The page whose address it is.
        pfn: Pfn,
        /// The frame that is mapped there.
        mapped: Mfn,
        /// The frame the list has for the page.
        listed: Option<Mfn>,
    },
    /// A live table of the builder's is not among those of start_info.
    #[error(
        "pfn {table} is a live L{level} table, but the builder's tables are pfn {tables} by start_info; \
         check what builds the domain"
    )]
    BuilderTable {
        /// Its level.
        level: u8,
        /// Its page.
        table: Pfn,
        /// What start_info has.
        tables: PfnRange,
    },
    /// The builder maps a frame outside the kernel's mapping, where nobody would unmap it.
    #[error(
        "the builder's L1 table pfn {table} maps frame {mapped} outside the kernel's mapping; check what builds the domain"
    )]
    BuilderAlias {
        /// The table.
        table: Pfn,
        /// The frame.
        mapped: Mfn,
    },
    /// Two regions of the address space overlap.
    #[error("{wanted} overlaps {holder}")]
    Overlap {
        /// The region asked for.
        wanted: Region,
        /// The region that has the addresses already.
        holder: Region,
    },
    /// No more room for regions in the layout.
    #[error("the layout has room for {limit} regions, not more")]
    TooManyRegions {
        /// How many there is room for.
        limit: usize,
    },
    /// A window has no room.
    #[error("window full: {wanted} pages wanted, {left} left ({largest} in one piece) of {window}; {of}")]
    WindowFull {
        /// Whose window; it says what can be done.
        of: WindowOf,
        /// Pages asked for.
        wanted: PageCount,
        /// Pages left.
        left: PageCount,
        /// The most that are left in one piece with the alignment asked for.
        largest: PageCount,
        /// The window.
        window: Region,
    },
    /// More pages were given for a module than it has addresses.
    #[error("{more} pages too many were given for {region}")]
    TooManyPages {
        /// How many too many.
        more: PageCount,
        /// Its addresses.
        region: Region,
    },
    /// The heap has no room for a record of the operation.
    #[error("{doing}: the heap is full")]
    HeapFull {
        /// What was being done.
        doing: Operation,
    },
    /// A page to be given back is a live page table.
    #[error("pages {released} cannot be given back: {table} is a live page table")]
    StillLive {
        /// The table.
        table: Pfn,
        /// The pages to be given back.
        released: PfnRange,
    },
    /// The ramdisk cannot move: somebody reads it.
    #[error("the ramdisk at pfn {pages} is in use and cannot be moved")]
    RamdiskLent {
        /// Its pages.
        pages: PfnRange,
    },
    /// An address space that the processor uses cannot be retired.
    #[error("the address space of top-level table {root} is in use; enter another one first")]
    SpaceInUse {
        /// Its top-level table.
        root: Mfn,
    },
    /// An address space was unpinned and could be neither freed nor pinned again: Xen refused both. Its top-level table
    /// is lost.
    #[error("Xen refused to make top-level table {root} writable and then to pin it again; its page is lost")]
    SpaceLost {
        /// That table.
        root: Mfn,
    },
    /// A machine frame to be mapped as a device's is the guest's own memory.
    #[error("machine frame {mfn} is the guest's own memory, pfn {pfn}; use it at __va")]
    OwnMemory {
        /// The frame.
        mfn: Mfn,
        /// The page it belongs to.
        pfn: Pfn,
    },
    /// shared_info or a ring was to be mapped for a payload to write. The layer and others write them, and shared_info's
    /// masks keep the guest from being entered where it has no handler.
    #[error("machine frame {mfn} is shared_info or a ring, which the layer writes; map it for reading")]
    InUse {
        /// The frame.
        mfn: Mfn,
    },
    /// A page number whose entry was to change has memory, or would get the memory of another number.
    #[error(
        "pfn {pfn} has or would get memory, machine frame {mfn}; change only a page number without memory"
    )]
    HasMemory {
        /// The page number.
        pfn: Pfn,
        /// The memory's machine frame.
        mfn: Mfn,
    },
    /// A mapping of no pages was requested.
    #[error("a mapping of 0 pages was requested; ask for at least 1")]
    NoPages,
    /// A page to be mapped at its own machine address is not an identity page.
    #[error(
        "pfn {pfn} is not an identity page; only a page that is not RAM can be mapped at its machine address"
    )]
    NotIdentity {
        /// The page.
        pfn: Pfn,
    },
    /// Machine frames beyond the last frame number.
    #[error("{pages} machine frames from {first} on extend beyond the last frame number; ask for fewer")]
    NoSuchFrame {
        /// The first of them.
        first: Mfn,
        /// How many.
        pages: PageCount,
    },
    /// There are no addresses left for device memory.
    #[error("no room for {wanted} pages in {region}; unmap device memory")]
    IoFull {
        /// Pages asked for.
        wanted: PageCount,
        /// The region.
        region: Region,
    },
    /// A register that no mapped page of a device has.
    #[error(
        "{region} has no register of {bytes} bytes at offset {at:#x}: it must lie inside, at a multiple of its size"
    )]
    NoRegister {
        /// The offset.
        at: u64,
        /// The size.
        bytes: u64,
        /// The mapped pages.
        region: Region,
    },
    /// Bytes that mapped pages do not have.
    #[error("{region} has no {bytes} bytes at offset {at:#x}")]
    OutOfBounds {
        /// The offset.
        at: u64,
        /// How many bytes.
        bytes: u64,
        /// The mapped pages.
        region: Region,
    },
    /// What is mapped for reading was to be written.
    #[error("{region} cannot be written: it is not mapped for that")]
    ReadOnly {
        /// The mapped pages.
        region: Region,
    },
    /// Xen refused to unmap all of it, and some of it is unmapped.
    #[error("{region} may be unmapped in part, because Xen stopped half-way; unmap it again")]
    Torn {
        /// The addresses.
        region: Region,
    },
    /// Addresses must be mapped in ascending order while an address space is built.
    #[error("{address:#x} was mapped after a higher address")]
    OutOfOrder {
        /// The address.
        address: u64,
    },
}

impl MmuError {
    pub(crate) const fn refused(doing: Operation, stopped: Partial) -> Self {
        Self::Refused(Refused { doing, done: stopped.done, errno: stopped.errno })
    }

    /// Makes the error of a call that is a single operation.
    pub(crate) const fn refused_call(doing: Operation, errno: Errno) -> Self {
        Self::Refused(Refused { doing, done: 0, errno })
    }
}

fn no_run(
    object: &RunOf,
    need: &PageCount,
    longest: &PageCount,
    free: &PageCount,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let pages = format_args!("a run of {need} pages, the longest is {longest}");
    match object {
        RunOf::Payload if free < need => write!(
            f,
            "{need} free pages are needed, but only {free} are free; ask for less, or give the guest more memory"
        ),
        RunOf::Payload => {
            write!(f, "the request needs {pages} of {free} free pages; ask for shorter runs")
        }
        RunOf::Ramdisk(at) => write!(
            f,
            "the ramdisk at pfn {at} lies where the machine has no RAM and must move: it needs {pages} of {free} \
             free pages; boot with a ramdisk of at most {longest} pages, or give the guest {} pages more",
            more_for(need.get().saturating_sub(longest.get()))
        ),
        RunOf::FirstTables { below, after } => write!(
            f,
            "the first page tables need {pages} of {free} free pages in pfn {below}, below the kernel image, and pfn {after}, \
             after it; boot with a smaller ramdisk, or link the kernel for a higher start (linker argument --defsym=xen_guest_physical_start=ADDRESS)"
        ),
    }
}

/// Returns how many more pages a guest needs so that `pages` more are free: the rest go into its P2M and page tables.
const fn more_for(pages: u64) -> u64 {
    pages + pages / 64 + 64
}

#[cfg(test)]
mod tests;
