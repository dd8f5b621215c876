//! One call of the payload, with its arguments.
//!
//! *What this is*: handles are named by their place among those the payload holds, numbers by their meaning. So a
//! sequence of actions means the same for any frames the allocator gives, and can be printed, shrunk and run again.

use std::fmt;

use mmu::Access;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// `take_frame`
    Take,
    /// `give_frame`, with the frame at that place.
    Give(usize),
    /// `take_span` of so many pages.
    Span(u64),
    /// Every page of a run becomes a frame and is given back.
    GiveSpan(usize),
    /// `set_entry`
    Set(Page, Meaning),
    /// `map_device`
    Map(Device),
    /// `unmap_device`, with the pages at that place.
    Unmap(usize),
    /// `map_identity`
    MapIdentity(Page),
    /// `unmap_identity`, with the pages at that place.
    UnmapIdentity(usize),
    /// `map`, with the frame at that place.
    MapFrame(usize, Access),
    /// `map`, with the run at that place.
    MapSpan(usize, Access),
    /// `protect`, with the mapping at that place.
    Protect(usize, Access),
    /// `unmap`, with the mapping at that place.
    UnmapOwn(usize),
    /// `new_space`
    Space,
    /// `enter_space`; `None` is the first.
    Enter(Option<usize>),
    /// `retire_space`
    Retire(usize),
    /// `load_module`: which of two.
    Load(usize),
    /// `unload_module`, by name.
    Unload(usize),
    /// `ramdisk`
    Ramdisk,
    /// `read_machine`
    Read(Device),
    /// `audit`
    Audit,
    /// No call: Xen will refuse the next hypercall.
    Refuse,
}

/// A page number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// One without memory, in a leaf of our own.
    Hole,
    /// One without memory, in a leaf that is shared.
    Gap,
    /// The last one, which has memory.
    Last,
    /// The first after the last.
    Beyond,
    /// A device's, if the guest has the right to one.
    Registers,
    /// That of the ramdisk's first page.
    Ramdisk,
    /// That of a live table.
    Table,
    /// That of a frame that was held at some time.
    Kept(usize),
}

/// What an entry is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// No page.
    Missing,
    /// The machine frame of the same number.
    Identity,
    /// Another domain's frame.
    Foreign,
    /// Memory: the machine frame of a frame that was held at some time.
    Ram(usize),
}

/// Machine frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// Two of a device.
    Registers,
    /// shared_info, which is memory that can be read.
    SharedInfo,
    /// Another domain's.
    Foreign,
    /// That of a live table.
    Table,
    /// That of a frame that was held at some time.
    Kept(usize),
}

/// Which actions are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// All there are.
    All,
    /// All but those that differ from another one only in a number.
    Core,
    /// All but the mapping of pages the payload owns.
    WithoutOwn,
    /// The mapping of pages the payload owns, and what else takes pages and tables.
    Own,
}

impl Action {
    const fn is_of_own(self) -> bool {
        matches!(self, Self::MapFrame(..) | Self::MapSpan(..) | Self::Protect(..) | Self::UnmapOwn(_))
    }
}

impl Alphabet {
    /// Tells whether an action belongs to it.
    pub(crate) const fn has(self, action: Action) -> bool {
        match (self, action) {
            (Self::All, _) => true,
            (Self::WithoutOwn, _) => !action.is_of_own(),
            (Self::Own, Action::Span(pages)) => pages == SPANS[0],
            (Self::Own, Action::Load(which) | Action::Unload(which)) => which == 0,
            (Self::Own, Action::Map(device)) => matches!(device, Device::SharedInfo),
            (Self::Own, Action::Take | Action::Give(_) | Action::GiveSpan(_) | Action::Refuse) => true,
            (Self::Own, Action::Unmap(_)) => true,
            (Self::Own, _) => action.is_of_own(),
            (Self::Core, Action::Span(pages)) => pages == SPANS[0],
            (Self::Core, Action::MapFrame(_, access)) => access as u8 == Access::Execute as u8,
            (Self::Core, Action::MapSpan(..)) => false,
            (Self::Core, Action::Set(Page::Hole, meaning)) => !matches!(meaning, Meaning::Foreign),
            (Self::Core, Action::Set(Page::Gap, meaning)) => !matches!(meaning, Meaning::Identity),
            (Self::Core, _) => true,
        }
    }
}

/// Lengths of runs.
pub(crate) const SPANS: [u64; 2] = [3, 9];

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
