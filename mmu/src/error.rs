//! What can go wrong with page tables.

use core::fmt;

use start_info::{Mfn, OutOfRange, PageCount, Pfn, PfnRange};

use crate::{
    errno::{Errno, Stopped},
    layout::region::Region,
};

/// What was being done when Xen refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Mapping memory at `__va`.
    DirectMap,
    /// Giving pages the numbers the machine's memory map leaves for them.
    Arrangement,
    /// Giving memory back to Xen.
    GivingBack,
    /// Building the new address space.
    AddressSpace,
    /// Pinning the new top-level table and switching to it.
    Switch,
    /// Giving back what the builder left.
    Release,
    /// Mapping a fixmap slot.
    Fixmap,
    /// Mapping device memory.
    Device,
    /// Mapping a module.
    Module,
    /// Unmapping a module.
    Unmap,
    /// Taking away the guard page of the stack.
    Guard,
    /// Flushing the TLB.
    Flush,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DirectMap => "mapping memory at __va",
            Self::Arrangement => "renumbering pages by the memory map",
            Self::GivingBack => "giving memory back to Xen",
            Self::AddressSpace => "building the address space",
            Self::Switch => "switching to the new page tables",
            Self::Release => "giving back the builder's pages",
            Self::Fixmap => "mapping a fixmap page",
            Self::Device => "mapping device memory",
            Self::Module => "mapping a module",
            Self::Unmap => "unmapping a module",
            Self::Guard => "unmapping the stack's guard page",
            Self::Flush => "flushing the TLB",
        })
    }
}

/// What needs pages that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOf {
    /// What the payload asked for.
    Payload,
    /// A ramdisk that lies, at these pages, where the machine has no RAM.
    Ramdisk(PfnRange),
    /// The first page tables, which come from below the image that starts at this page.
    FirstTables(Pfn),
}

/// Why page tables could not be built or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Xen refused an operation.
    Refused {
        /// What was being done.
        doing: Doing,
        /// How many operations of it Xen carried out before.
        done: usize,
        /// Xen's reason.
        errno: Errno,
    },
    /// No free frame was left for a table or a page.
    NoFrames {
        /// What the frame was for.
        doing: Doing,
        /// How many pages of memory are mapped. Page numbers without memory are none.
        mapped: PageCount,
        /// How many pages of memory the guest has.
        total: PageCount,
    },
    /// There are no pages of memory as many as wanted that follow each other.
    NoRun {
        /// What they were for.
        object: RunOf,
        /// How many are needed.
        need: PageCount,
        /// The longest run there is.
        longest: PageCount,
        /// How many pages there are in all.
        free: PageCount,
    },
    /// A P2M step failed.
    P2m(p2m::Error),
    /// A machine address that no entry can hold.
    OutOfRange(OutOfRange),
    /// An address has no table where there must be one.
    NotMapped {
        /// The address.
        address: u64,
        /// The level of the table that is absent.
        level: u8,
    },
    /// A page that must have memory has none.
    NoMemory {
        /// The page.
        pfn: Pfn,
    },
    /// The builder's mapping does not end where both builders end theirs.
    BuilderEnd {
        /// The first page that is not mapped.
        found: u64,
        /// The end that start_info implies.
        least: u64,
    },
    /// Two regions of the address space overlap.
    Overlap {
        /// The region asked for.
        wanted: Region,
        /// The region that has the addresses already.
        holder: Region,
    },
    /// No more room for regions in the layout.
    TooManyRegions {
        /// How many there is room for.
        limit: usize,
    },
    /// The module window has no room.
    WindowFull {
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
    TooManyPages {
        /// How many too many.
        more: PageCount,
        /// Its addresses.
        region: Region,
    },
    /// The heap has no room for what must be remembered.
    HeapFull {
        /// What was being done.
        doing: Doing,
    },
    /// A page to be given back is a live page table.
    StillLive {
        /// The table.
        table: Pfn,
        /// The pages to be given back.
        released: PfnRange,
    },
    /// The ramdisk cannot be moved: somebody reads it.
    RamdiskLent {
        /// Its pages.
        pages: PfnRange,
    },
    /// An address space that the processor uses cannot be retired.
    SpaceInUse {
        /// Its top-level table.
        root: Mfn,
    },
    /// An address space is neither what it was nor gone: Xen refused both. Its top-level table is lost.
    SpaceLost {
        /// That table.
        root: Mfn,
    },
    /// A machine frame that was to be mapped as a device's is the guest's own memory.
    OwnMemory {
        /// The frame.
        mfn: Mfn,
        /// The page it is.
        pfn: Pfn,
    },
    /// A page number that was to stand for something else has memory, or was to get the memory of another.
    HasMemory {
        /// The page number.
        pfn: Pfn,
        /// The memory's machine frame.
        mfn: Mfn,
    },
    /// No page was to be mapped.
    NoPages,
    /// A page that was to be mapped at its own machine address is not an identity page.
    NotIdentity {
        /// The page.
        pfn: Pfn,
    },
    /// Machine frames beyond the last number there is.
    NoSuchFrame {
        /// The first of them.
        first: Mfn,
        /// How many.
        pages: PageCount,
    },
    /// There are no addresses left for device memory.
    IoFull {
        /// Pages asked for.
        wanted: PageCount,
        /// The region.
        region: Region,
    },
    /// Addresses must be mapped in ascending order while an address space is built.
    OutOfOrder {
        /// The address.
        address: u64,
    },
}

impl Error {
    pub(crate) const fn refused(doing: Doing, stopped: Stopped) -> Self {
        Self::Refused { doing, done: stopped.done, errno: stopped.errno }
    }
}

impl From<OutOfRange> for Error {
    fn from(error: OutOfRange) -> Self {
        Self::OutOfRange(error)
    }
}

impl From<p2m::Error> for Error {
    fn from(error: p2m::Error) -> Self {
        Self::P2m(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { doing, done, errno } => {
                write!(f, "{doing}: Xen refused operation {done} with {errno}")
            }
            Self::NoFrames { doing, mapped, total } => {
                write!(
                    f,
                    "{doing}: no free page left in {mapped} of {total} pages; give the guest more memory"
                )
            }
            Self::NoRun { object, need, longest, free } => {
                let pages = format_args!("a run of {need} pages, the longest is {longest}");
                match object {
                    RunOf::Payload if free < need => {
                        write!(
                            f,
                            "{need} free pages are needed, there are {free}; ask for less, or give the guest more memory"
                        )
                    }
                    RunOf::Payload => {
                        write!(
                            f,
                            "what is asked for needs {pages} of {free} free pages; ask for shorter runs"
                        )
                    }
                    RunOf::Ramdisk(at) => write!(
                        f,
                        "the ramdisk at pfn {at} lies where the machine has no RAM and must move: it needs {pages} of {free} \
                         free pages; boot with a ramdisk of at most {longest} pages, or give the guest {} pages more",
                        more_for(need.get().saturating_sub(longest.get()))
                    ),
                    RunOf::FirstTables(image) => write!(
                        f,
                        "the first page tables need {pages} of {free} pages of memory below the kernel image at pfn {image}; \
                         link the kernel higher (linker.ld), or boot with a smaller ramdisk"
                    ),
                }
            }
            Self::P2m(error) => error.fmt(f),
            Self::OutOfRange(error) => write!(f, "machine address {error}"),
            Self::NotMapped { address, level } => write!(f, "{address:#x} has no L{level} table"),
            Self::NoMemory { pfn } => write!(f, "pfn {pfn} has no memory behind it"),
            Self::BuilderEnd { found, least } => write!(
                f,
                "the builder's mapping ends at pfn {found:#x}, not at {least:#x} or 4 MiB behind it as Xen's builders do"
            ),
            Self::Overlap { wanted, holder } => write!(f, "{wanted} overlaps {holder}"),
            Self::TooManyRegions { limit } => write!(f, "the layout has room for {limit} regions, not more"),
            Self::WindowFull { wanted, left, largest, window } => write!(
                f,
                "window full: {wanted} pages wanted, {left} left ({largest} in one piece) of {window}; unload a module"
            ),
            Self::TooManyPages { more, region } => write!(f, "{more} pages too many were given for {region}"),
            Self::HeapFull { doing } => write!(f, "{doing}: the heap is full"),
            Self::StillLive { table, released } => {
                write!(f, "pages {released} cannot be given back: {table} is a live page table")
            }
            Self::RamdiskLent { pages } => {
                write!(f, "the ramdisk at pfn {pages} is in use and cannot be moved")
            }
            Self::SpaceInUse { root } => {
                write!(f, "the address space of top-level table {root} is in use; enter another one first")
            }
            Self::SpaceLost { root } => {
                write!(f, "Xen neither let go of top-level table {root} nor took it back; its page is lost")
            }
            Self::OwnMemory { mfn, pfn } => {
                write!(f, "machine frame {mfn} is the guest's own memory, pfn {pfn}; use it at __va")
            }
            Self::HasMemory { pfn, mfn } => write!(
                f,
                "pfn {pfn} has memory or was to get some, machine frame {mfn}; only a number without memory can be changed"
            ),
            Self::NoPages => write!(f, "0 pages were to be mapped; ask for one at least"),
            Self::NotIdentity { pfn } => write!(
                f,
                "pfn {pfn} is not the machine frame of the same number; only what is no RAM can be mapped at its own address"
            ),
            Self::NoSuchFrame { first, pages } => {
                write!(f, "{pages} machine frames from {first} on end behind the last there can be")
            }
            Self::IoFull { wanted, region } => {
                write!(f, "no room for {wanted} pages in {region}; unmap device memory")
            }
            Self::OutOfOrder { address } => write!(f, "{address:#x} was mapped after a higher address"),
        }
    }
}

/// Returns how many pages a guest must be given so that as many are free: the rest go into its P2M and page tables.
const fn more_for(pages: u64) -> u64 {
    pages + pages / 64 + 64
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests;
