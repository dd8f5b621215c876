//! All memory at `__va`, mapped chunk by chunk with tables from memory already mapped.
//!
//! *What this is*: the scheme of the 2012 thread. A chunk is what one L2 table covers, 1 GiB. Its tables are taken from
//! the end of the previous chunk, where they can be filled through their own mapping; then that mapping becomes
//! read-only and one update hooks them. The first chunk takes its tables from free pages around the kernel, which the
//! builder mapped.
//!
//! | job | where |
//! |---|---|
//! | which tables are live, and where memory is reached | [`LiveTables`] |
//! | what is mapped, what is left | `extent.rs` |
//! | what was in use at entry | `boot_pages.rs` |
//! | the free frames | [`FrameAllocator`]; taking, with growing when they run out: `frames.rs` |
//! | mapping a chunk | `chunk_mapper.rs`; the order of steps around it: `grow.rs` |
//! | undoing a chunk that was refused | `chunk_undo.rs` |
//! | tables of other addresses | `open.rs` |
//! | releasing pages | `deferred.rs`, `holes.rs` |
//! | the ramdisk | `ramdisk.rs` |
//! | further address spaces | `space/address_space.rs` |
//!
//! *What must hold*: a frame is handed out only after Xen accepted the tables that map it; pages that are live tables
//! of the builder, or that the builder may have made tables, are mapped read-only until they are released; the kernel's
//! text and constants are not writable here either.
//!
//! *What is not prevented*: a refusal by Xen half-way. The error says so, nothing of the chunk is handed out, and what
//! was begun is undone; the call can be tried again.

mod boot_pages;
pub(crate) mod chunk;
mod chunk_mapper;
mod chunk_undo;
mod deferred;
mod extent;
mod frames;
mod grow;
pub(crate) mod growing_frames;
mod holes;
mod needed;
mod open;
pub(crate) mod ramdisk;

use p2m::{BootReserved, FrameAllocator, LastingPages, Renumbering, SharedPage, Span, Unmapped};
use start_info::{BootFacts, PageCount, Pfn, PfnRange};

use crate::{
    direct_map::{
        boot_pages::BootPages,
        chunk_undo::ChunkUndo,
        extent::Extent,
        needed::{Needed, own_tables},
        ramdisk::RamdiskPages,
    },
    error::MmuError,
    hv::Machine,
    space::{builder_p2m::BuilderP2m, builder_tables::BuilderTables, live_tables::LiveTables},
};

/// The direct map, and the free frames in it.
#[derive(Debug)]
pub struct DirectMap {
    view: LiveTables,
    extent: Extent,
    boot_pages: BootPages,
    frames: FrameAllocator,
    /// The chunk that is being mapped, or must still be undone.
    undo: Option<ChunkUndo>,
    ramdisk: Option<RamdiskPages>,
}

impl DirectMap {
    /// Maps what the builder mapped a second time, at `__va`, with tables from the free pages around the kernel.
    ///
    /// `constant` are the pages of the image that are never written, by the numbers of the builder's list. A builder's list that will be copied is left out
    /// if it is not in the builder's mapping.
    ///
    /// # Errors
    /// [`MmuError::NoRun`] when there is no room in what the builder mapped, [`MmuError::Refused`] when Xen refuses.
    pub fn bootstrap<M: Machine>(
        machine: &mut M,
        pages: &Renumbering,
        boot_reserved: &BootReserved,
        facts: &BootFacts,
        tables: BuilderTables,
        constant: PfnRange,
        old_list: BuilderP2m,
    ) -> Result<Self, MmuError> {
        let builder = *tables.linear();
        let view = tables.into_view();
        let rest = Span::<Unmapped>::all_memory(view.authority(), pages.pages());
        let first = builder.frames().intersection(rest.range());
        let base = view.direct().base();
        let need = Needed::exactly(machine, pages, first, base);
        let own = own_tables(machine, pages, boot_reserved, facts, need, first)?;
        let mut frames = FrameAllocator::new(builder);
        frames.give(machine, builder.free_span(view.authority(), own));
        let mut map = Self {
            extent: Extent::new(rest, pages.memory()),
            boot_pages: BootPages::new(pages.lasting(), boot_reserved, facts, own, constant, old_list),
            frames,
            undo: None,
            ramdisk: RamdiskPages::of(view.authority(), facts),
            view,
        };
        map.map_chunk(machine, pages, first)?;
        Ok(map)
    }

    /// Returns the live address space.
    #[must_use]
    pub const fn view(&self) -> &LiveTables {
        &self.view
    }

    pub(crate) const fn view_mut(&mut self) -> &mut LiveTables {
        &mut self.view
    }

    /// Names a page that is shared with another domain, at its address in the direct map.
    #[must_use]
    pub fn shared_page(&self, pfn: Pfn) -> Option<SharedPage> {
        self.view.direct().shared_page(self.view.authority(), pfn)
    }

    /// Returns how many page numbers are mapped, counted from 0, those without memory included.
    #[must_use]
    pub const fn mapped(&self) -> PageCount {
        self.view.direct().frames().len()
    }

    /// Returns how many page numbers the guest has, those without memory included.
    #[must_use]
    pub const fn total(&self) -> PageCount {
        self.extent.total()
    }

    /// Returns how many pages of memory the guest has.
    #[must_use]
    pub const fn memory(&self) -> PageCount {
        self.extent.memory()
    }

    /// Returns how many pages of memory are mapped.
    #[must_use]
    pub const fn memory_mapped(&self) -> PageCount {
        self.extent.mapped()
    }

    /// Returns the pages in use that are never handed out, in no order.
    pub fn reserved(&self) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        self.boot_pages.reserved()
    }

    /// Returns which numbers the pages have that stay in use, such as the kernel image.
    #[must_use]
    pub const fn lasting(&self) -> LastingPages {
        self.boot_pages.lasting()
    }

    /// Returns how many of the pages are free frames. Page numbers without memory between them count.
    #[must_use]
    pub fn free_in<M: Machine>(&self, machine: &M, pages: PfnRange) -> u64 {
        self.frames.free_in(machine, pages).get()
    }

    /// Takes the given pages off the lists in [`BootPages`]: they are released.
    pub(crate) fn forget(&mut self, pages: PfnRange) {
        self.boot_pages.forget(pages);
    }
}
