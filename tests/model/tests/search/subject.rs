//! The payload's calls, and nothing else of the boot layer.
//!
//! *What this is*: the one file of the search that calls the layer. When the payload's calls change, only this file
//! does.
//!
//! *What must hold*: here is only what a payload may call, each with its errors as a line.

use std::fmt::{self, Write};

use mmu::{Access, AddressSpace, IoAccess, IoPages, MappedPages, OwnedPages, layout::Bases};
use p2m::{Frame, Mapped, P2mEntry, Span};
use start_info::{Index, Maddr, Mfn, PageCount, Pfn, PfnRange};
use xen_guest::Guest;
use xen_model::{Booted, Built, ModelMachine};

/// A booted guest on the model.
pub(crate) struct Subject {
    running: Guest<ModelMachine>,
}

fn line(error: impl fmt::Display) -> String {
    error.to_string()
}

impl Subject {
    /// Boots.
    pub(crate) fn booted(built: &Built) -> Self {
        let mut built = built.clone();
        built.machine.stop_clock();
        match built.boot() {
            Ok(Booted { running, .. }) => Self { running },
            Err((_, failure)) => panic!("{failure}"),
        }
    }

    pub(crate) const fn machine(&self) -> &ModelMachine {
        self.running.platform()
    }

    pub(crate) const fn machine_mut(&mut self) -> &mut ModelMachine {
        self.running.platform_mut()
    }

    /// Returns where the regions start that can move.
    pub(crate) fn bases(&self) -> &Bases {
        self.running.parts().layout.bases()
    }

    /// Writes down the whole state of the layer.
    pub(crate) fn write_state(&self, out: &mut impl Write) -> fmt::Result {
        let xen_guest::Running { map, p2m, publication, io, payload, window, modules, .. } =
            self.running.parts();
        write!(out, "{map:?}{p2m:?}{publication:?}{io:?}{payload:?}{window:?}{modules:?}")
    }

    pub(crate) fn take_frame(&mut self) -> Result<Frame, String> {
        self.running.take_frame().map_err(line)
    }

    pub(crate) fn give_frame(&mut self, frame: Frame) {
        self.running.give_frame(frame);
    }

    pub(crate) fn write_frame(&mut self, frame: &mut Frame, index: Index, value: u64) {
        self.running.write(frame, index, value);
    }

    pub(crate) fn take_span(&mut self, pages: u64) -> Result<Span<Mapped>, String> {
        self.running.take_span(PageCount::new(pages)).map_err(line)
    }

    /// Turns the first page of a run into a frame.
    pub(crate) fn first_of_span(&mut self, span: &mut Span<Mapped>) -> Option<Frame> {
        self.running.split_frame(span)
    }

    /// Gives the heap this many pages, for good.
    pub(crate) fn init_heap(&mut self, pages: u64) -> Result<PfnRange, String> {
        self.take_span(pages).map(|span| span.range())
    }

    pub(crate) fn entry(&self, pfn: Pfn) -> P2mEntry {
        self.running.entry(pfn)
    }

    pub(crate) fn set_entry(&mut self, pfn: Pfn, entry: P2mEntry) -> Result<(), String> {
        self.running.set_entry(pfn, entry).map_err(line)
    }

    pub(crate) fn map_device(
        &mut self,
        first: Mfn,
        pages: PageCount,
        access: IoAccess,
    ) -> Result<IoPages, String> {
        self.running.map_device(first, pages, access).map_err(line)
    }

    pub(crate) fn unmap_device(&mut self, pages: IoPages) -> Result<(), (IoPages, String)> {
        let unmapped = self.running.unmap_device(pages);
        unmapped.map_err(|(pages, error)| (pages, line(error)))
    }

    pub(crate) fn read_device(&self, pages: &IoPages, at: u64) -> Result<u64, String> {
        self.running.read_device(pages, at).map_err(line)
    }

    pub(crate) fn map_identity(&mut self, pages: PfnRange, access: IoAccess) -> Result<IoPages, String> {
        self.running.map_identity(pages, access).map_err(line)
    }

    pub(crate) fn map<O: OwnedPages>(
        &mut self,
        pages: O,
        access: Access,
    ) -> Result<MappedPages<O>, (Option<O>, String)> {
        self.running.map(pages, access).map_err(|(pages, error)| (pages, line(error)))
    }

    pub(crate) fn protect<O>(&mut self, pages: &mut MappedPages<O>, access: Access) -> Result<(), String> {
        self.running.protect(pages, access).map_err(line)
    }

    pub(crate) fn unmap<O: OwnedPages>(
        &mut self,
        pages: MappedPages<O>,
    ) -> Result<O, (Option<MappedPages<O>>, String)> {
        self.running.unmap(pages).map_err(|(pages, error)| (pages, line(error)))
    }

    /// Reads a word of mapped pages.
    pub(crate) fn read_mapped<O>(&self, pages: &MappedPages<O>, at: u64) -> Result<u64, String> {
        let mut bytes = [0; 8];
        self.running.read_bytes(pages, at, &mut bytes).map_err(line)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes a word of mapped pages.
    pub(crate) fn write_mapped<O>(
        &mut self,
        pages: &mut MappedPages<O>,
        at: u64,
        value: u64,
    ) -> Result<(), String> {
        self.running.write_bytes(pages, at, &value.to_le_bytes()).map_err(line)
    }

    pub(crate) fn new_space(&mut self) -> Result<AddressSpace, String> {
        self.running.new_space().map_err(line)
    }

    pub(crate) fn enter_space(&mut self, space: Option<&AddressSpace>) -> Result<(), String> {
        self.running.enter_space(space).map_err(line)
    }

    pub(crate) fn retire_space(&mut self, space: AddressSpace) -> Result<(), (Option<AddressSpace>, String)> {
        let retired = self.running.retire_space(space);
        retired.map_err(|(space, error)| (space, line(error)))
    }

    /// Returns the first address of the module.
    pub(crate) fn load_module(&mut self, name: &str, bytes: &[u8]) -> Result<u64, String> {
        let loaded = self.running.load_bytes(name, bytes);
        loaded.map(|loaded| loaded.region().start().as_u64()).map_err(line)
    }

    pub(crate) fn unload_module(&mut self, name: &str) -> Result<(), String> {
        self.running.unload_module(name).map_err(line)
    }

    /// Returns the names of the modules that are loaded.
    pub(crate) fn modules(&self) -> Vec<String> {
        self.running.modules().loaded().iter().map(|module| module.name().to_owned()).collect()
    }

    pub(crate) fn ramdisk(&mut self) -> Result<Option<&'static [u8]>, String> {
        self.running.ramdisk().map_err(line)
    }

    pub(crate) fn read_machine(&mut self, at: Maddr, bytes: &mut [u8]) -> Result<(), String> {
        self.running.read_machine(at, bytes).map_err(line)
    }

    /// Returns how many pages are memory by both the P2M and Xen.
    pub(crate) fn audit(&self) -> Result<u64, String> {
        self.running.audit().map(|audit| audit.ram).map_err(line)
    }
}
