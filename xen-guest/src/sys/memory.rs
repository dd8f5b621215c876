//! `memory_op`: the memory map, and giving memory back.
//!
//! *What this is*: `XENMEM_memory_map`, `XENMEM_machine_memory_map` and `XENMEM_decrease_reservation` of
//! `public/memory.h`.

use mmu::{Errno, Partial, ReleasedMfn};
use spin::Mutex;
use start_info::{MapEntry, MemoryMap};

use crate::{
    platform::{MapOf, NoMap},
    sys::{
        abi,
        hypercall::{hypercall, question},
        maps::Maps,
        outcome::check,
    },
};

/// As many entries as Xen's own table has room for (`asm/e820.h`, E820MAX), and those it inserts between them.
const LINES: usize = 1024 + 256;

/// Where Xen puts the entries of a map: too large for the stack, and needed before there is a heap.
static BUFFER: Mutex<[[u8; MapEntry::BYTES]; LINES]> = Mutex::new([[0; MapEntry::BYTES]; LINES]);

/// The maps that were read.
static MAPS: Maps = Maps::new();

/// Returns a map that was read before.
pub(super) fn known(of: MapOf) -> Option<&'static MemoryMap> {
    MAPS.get(of)
}

/// Asks for a map. Not inlined: its temporaries would otherwise be in the stack frame of the whole boot.
#[inline(never)]
pub(super) fn map(of: MapOf) -> Result<Option<&'static MemoryMap>, NoMap> {
    let mut buffer = BUFFER.lock();
    let mut map = abi::MemoryMap { entries: LINES as u32, buffer: buffer.as_mut_ptr() as u64 };
    let command = match of {
        MapOf::Machine => abi::XENMEM_MACHINE_MEMORY_MAP,
        MapOf::Domain => abi::XENMEM_MEMORY_MAP,
    };
    let arguments = [command, &raw mut map as u64, 0, 0];
    // SAFETY: Xen writes at most `entries` lines of 20 bytes to the buffer, which has as many and is locked, and the
    // number of lines to `map`.
    let result = unsafe { question(xen_sys::__HYPERVISOR_memory_op, arguments) };
    match (check(result), of) {
        (Ok(_), _) => {}
        // The toolstack set none; xl always does.
        (Err(Errno::ENOSYS), MapOf::Domain) => return Ok(None),
        (Err(errno), _) => return Err(NoMap::Refused(errno)),
    }
    let lines = buffer.iter().take(map.entries as usize);
    MAPS.keep(of, || MemoryMap::from_entries(lines.map(MapEntry::read)).map_err(NoMap::Map)).map(Some)
}

/// Gives frames back. Xen says how many it took, not why it stopped.
pub(super) fn give_back(frames: &[ReleasedMfn]) -> Result<(), Partial> {
    let reservation = abi::MemoryReservation {
        extents: frames.as_ptr() as u64,
        count: frames.len() as u64,
        order: 0,
        flags: 0,
        domain: abi::DOMID_SELF,
    };
    let arguments = [abi::XENMEM_DECREASE_RESERVATION, &raw const reservation as u64, 0, 0];
    // SAFETY: Xen reads the numbers of `frames`, which `mmu` alone makes, of frames that nothing maps or uses.
    let result = unsafe { hypercall(xen_sys::__HYPERVISOR_memory_op, arguments) };
    match check(result) {
        Ok(done) if done == frames.len() as u64 => Ok(()),
        Ok(done) => Err(Partial { done: done as usize, errno: Errno(0) }),
        Err(errno) => Err(Partial { done: 0, errno }),
    }
}
