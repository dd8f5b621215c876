//! Maps of memory.
//!
//! *What this is*: `XENMEM_memory_map` and `XENMEM_machine_memory_map` (mm.c, `arch_memory_op`).
//!
//! *What must hold*: for a domain without a map of its own, dom0 among them, the call does not exist. The tools give a
//! domU a map of one entry, up to its `maxmem` (tools/libs/light/libxl_x86.c, `xc_domain_set_memmap_limit`), and more
//! entries only with `e820_host=1`. Only dom0 gets the machine's.
//!
//! *What is not prevented*: a test sets the machine's map, and the guest's frames lie above its end; on a real machine
//! they lie in the map's RAM. So the model has no MFN that is also a PFN, which is common on Xen. The exception is a
//! map that goes beyond page 2^39: a guest's frames may then lie in any of its entries, and are memory all the same.
//! Xen adds entries for device memory that dom0 has no right to; a test adds them itself.

use mmu::Errno;
use start_info::{MapEntry, Mfn, PAGE_SIZE};

use crate::frames::Found;
use crate::guest::Domain;
use crate::machine::ModelMachine;
use crate::trace::{MemoryCommand, TracedCall};

/// Usable memory (asm/e820.h, `E820_RAM`).
const RAM: u32 = 1;
/// Not to be used (`E820_RESERVED`).
const RESERVED: u32 = 2;
const MIB: u64 = 1 << 20;

/// Entries of a map that end above this page do not push the guest's machine frames above them. It is half of what a
/// page-table entry can name.
const FAR: u64 = 1 << 39;

/// Returns the first page after all entries of the maps.
pub(crate) fn end_of(maps: [&[MapEntry]; 2]) -> u64 {
    let ends =
        maps.into_iter().flatten().map(|entry| entry.start.saturating_add(entry.len).div_ceil(PAGE_SIZE));
    ends.filter(|&end| end <= FAR).max().unwrap_or_default()
}

/// Both maps. The first is empty for a domain that has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Maps {
    own: Vec<MapEntry>,
    machine: Vec<MapEntry>,
}

impl ModelMachine {
    /// Tells whether the guest's map has no memory at a page number: it is a device's or nothing.
    #[must_use]
    pub fn is_device(&self, pfn: u64) -> bool {
        let map = if self.domain == Domain::Dom0 { &self.maps.machine } else { &self.maps.own };
        let (start, end) = (pfn * PAGE_SIZE, (pfn + 1) * PAGE_SIZE);
        let overlaps = |entry: &&MapEntry| entry.start < end && start < entry.start.saturating_add(entry.len);
        let part = |entry: &MapEntry| end.min(entry.start.saturating_add(entry.len)) - start.max(entry.start);
        // A page is memory only if RAM covers all of it and no other entry touches it.
        let memory: u64 = map.iter().filter(overlaps).filter(|entry| entry.kind == RAM).map(part).sum();
        memory < PAGE_SIZE || map.iter().filter(overlaps).any(|entry| entry.kind != RAM)
    }

    /// Returns the end of a run of pages from `pfn` on with the same answer of [`Self::is_device`].
    #[must_use]
    pub fn device_run_end(&self, pfn: u64) -> u64 {
        let map = if self.domain == Domain::Dom0 { &self.maps.machine } else { &self.maps.own };
        let ends = map.iter().flat_map(|entry| [entry.start, entry.start.saturating_add(entry.len)]);
        // A page with a border in it is a run of its own.
        let borders = ends.flat_map(|end| [end / PAGE_SIZE, end.div_ceil(PAGE_SIZE)]);
        borders.filter(|&border| border > pfn).min().unwrap_or(u64::MAX)
    }

    /// Tells whether a machine frame is a device's that the guest may map: it is dom0, the frame has no record, and the
    /// machine's map has no memory there. After the map's end there is nothing, and one frame is denied to all, as the
    /// local APIC's page is.
    pub(crate) fn has_device(&self, mfn: Mfn) -> bool {
        let end = |entry: &MapEntry| entry.start.saturating_add(entry.len).div_ceil(PAGE_SIZE);
        self.domain == Domain::Dom0
            && self.frame(mfn).is_none()
            && mfn != self.device_frame()
            // Memory is not a device, whatever the map says: a test's map does not know where the frames are.
            && !matches!(self.frames.find(mfn), Found::Frame(_))
            && self.maps.machine.iter().any(|entry| mfn.get() < end(entry))
            && self.is_device(mfn.get())
    }

    pub(crate) fn set_maps(&mut self, own: &[MapEntry], machine: &[MapEntry]) {
        let machine = if machine.is_empty() { self.default_map() } else { machine.to_vec() };
        let mut own = own.to_vec();
        if own.is_empty() && self.domain == Domain::Guest && !self.on_shim {
            own.push(MapEntry { start: 0, len: self.pages * PAGE_SIZE, kind: RAM });
        }
        self.maps = Maps { own, machine };
    }

    /// Returns a map of memory without holes up to the first frame that is not memory. Every page of dom0 then keeps
    /// its number; a test that wants holes gives its own map.
    fn default_map(&self) -> Vec<MapEntry> {
        let end = self.device_frame().maddr().get();
        [(0, end, RAM), (end, end + MIB, RESERVED)]
            .map(|(start, end, kind)| MapEntry { start, len: end - start, kind })
            .into()
    }

    /// Returns the domain's memory map, as many entries as there is room for.
    ///
    /// # Errors
    /// `ENOSYS` if it has none.
    pub fn memory_map(&mut self, room: usize) -> Result<Vec<MapEntry>, Errno> {
        let missing = self.maps.own.is_empty();
        let call = TracedCall::Memory { command: MemoryCommand::MemoryMap, count: room };
        self.carry_out_one(call, |_| if missing { Err(Errno::ENOSYS) } else { Ok(()) })?;
        Ok(self.maps.own.iter().copied().take(room).collect())
    }

    /// Returns the machine's memory map; without a buffer the entries are only counted.
    ///
    /// # Errors
    /// `EPERM` in a domU, `EINVAL` if there is no room for one entry more than there are.
    pub fn machine_memory_map(&mut self, room: Option<usize>) -> Result<Vec<MapEntry>, Errno> {
        let entries = self.maps.machine.len();
        let call =
            TracedCall::Memory { command: MemoryCommand::MachineMemoryMap, count: room.unwrap_or_default() };
        self.carry_out_one(call, |machine| {
            machine.only_dom0(Errno::EPERM)?;
            if room.is_some_and(|room| room <= entries) { Err(Errno::EINVAL) } else { Ok(()) }
        })?;
        Ok(self.maps.machine.clone())
    }
}
