//! The hypercalls that a probe can make in a booted guest.
//!
//! *What this is*: hypercalls without any of the layer's types in between.
//!
//! *What must hold*: only this crate can make requests, see [`crate::Request`]; that makes the trait safe. Anybody can
//! make a [`Call`]: none of them changes anything.

use core::fmt;

use mmu::Errno;
use start_info::{Mfn, Pfn};
use xen_guest::Running;

use crate::exchange::Exchange;
use crate::request::{Change, ExtendedOperation, Request};
use crate::requests::{Descriptor, Extents, RequestedTable, Step};

/// How a hypercall with a list ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// How many requests were made.
    pub wanted: usize,
    /// How many were carried out.
    pub done: usize,
    /// Why the next was not; 0 if there was no refusal.
    pub errno: Errno,
}

impl ProbeAnswer {
    /// Describes a call with one request.
    #[must_use]
    pub const fn single(errno: Errno) -> Self {
        Self { wanted: 1, done: if errno.0 == 0 { 1 } else { 0 }, errno }
    }

    /// Describes a call by what it returned.
    #[must_use]
    pub fn of(result: i64) -> Self {
        let errno = if result < 0 { u16::try_from(result.unsigned_abs()).unwrap_or(u16::MAX) } else { 0 };
        Self::single(Errno(errno))
    }

    /// Tells whether all requests were carried out.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.errno.0 == 0 && self.done == self.wanted
    }
}

impl fmt::Display for ProbeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, done, errno } = *self;
        if self.is_ok() {
            return f.write_str("ok");
        }
        name(errno, f)?;
        if wanted > 1 || done > 0 { write!(f, "/{done}") } else { Ok(()) }
    }
}

/// Writes the name of an error without its number.
fn name(errno: Errno, out: &mut dyn fmt::Write) -> fmt::Result {
    let mut text = arrayvec::ArrayString::<32>::new();
    fmt::Write::write_fmt(&mut text, format_args!("{errno}"))?;
    out.write_str(text.split(" (").next().unwrap_or_default())
}

/// A machine frame of a special kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// The shared_info page.
    SharedInfo,
    /// A frame of another domain, or of Xen itself if there is no other.
    Other,
    /// A frame that belongs to no domain.
    Nobody,
    /// The local APIC's page, which Xen lets nobody map.
    Device,
    /// The screen's text page, which dom0 may map.
    Screen,
    /// Frame 2^39: a number too large for any memory.
    Beyond,
    /// The largest number an entry has room for.
    AllOnes,
}

/// Frame number 2^39.
pub const BEYOND: u64 = 1 << 39;
/// The largest frame number of an entry.
pub const ALL_ONES: u64 = (1 << 40) - 1;

/// A hypercall that has nothing to do with tables, or cannot be made with a list of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Hypercall 63, which does not exist.
    Unknown,
    /// Hypercall 11, which no longer exists.
    Gone,
    /// `console_io`: writes no bytes.
    ConsoleWrite,
    /// `sched_op` with command 99.
    SchedUnknown,
    /// `set_trap_table` with a handler at an address that is not canonical.
    TrapNotCanonical,
    /// `console_io` with command 9.
    ConsoleUnknown,
    /// `memory_op`: how many pages the domain has.
    Reservation,
    /// `memory_op`: how many pages the domain may have.
    MaximumReservation,
    /// `memory_op`: how many entries the domain's memory map has, up to four.
    MemoryMap,
    /// `memory_op`: on which page the first entry of that map ends.
    MemoryMapEnd,
    /// `memory_op`: how many entries the machine's memory map has.
    MachineMap,
    /// `memory_op`: the machine's memory map, with room for one entry.
    MachineMapShort,
    /// `memory_op` with command 63.
    MemoryUnknown,
    /// `mmu_update` with a list at an address that is not mapped.
    ListUnmapped,
    /// `mmu_update` with a list in Xen's part of the address space.
    ListXens,
    /// `mmu_update` for a domain that cannot exist.
    NoSuchDomain,
    /// `sched_op`: lets others run.
    Yield,
    /// `sched_op`: waits for 129 ports.
    PollTooMany,
    /// `sched_op`: waits for port 4000.
    PollNoSuchPort,
    /// `vcpu_op` for processor 99.
    NoSuchProcessor,
    /// `vcpu_op`: asks whether processor 0 is up.
    ProcessorUp,
    /// `vcpu_op` with command 99 for processor 0.
    ProcessorUnknown,
    /// `event_channel_op` with command 99.
    EventUnknown,
    /// `event_channel_op`: sends to a port that is not open.
    NoSuchPort,
}

/// A booted guest's hypervisor.
pub trait Subject: p2m::Memory + p2m::MachineToPhys + fmt::Debug {
    /// Returns the machine frame of a page, by the guest's P2M.
    fn frame_of(&self, running: &Running, pfn: Pfn) -> Option<Mfn>;

    /// Makes the hypercall `mmu_update`.
    fn update_entries(&mut self, requests: &[Request]) -> ProbeAnswer;

    /// Makes the hypercall `mmuext_op`.
    fn extended(&mut self, operations: &[ExtendedOperation]) -> ProbeAnswer;

    /// Makes the hypercall `update_va_mapping`.
    fn update_address(&mut self, change: Change) -> ProbeAnswer;

    /// Makes another hypercall and returns its result.
    fn call(&mut self, call: Call) -> i64;

    /// Makes the hypercall `set_gdt` and returns its result.
    fn set_gdt(&mut self, table: RequestedTable<'_>) -> i64;

    /// Makes the hypercall `update_descriptor` and returns its result.
    fn update_descriptor(&mut self, descriptor: Descriptor) -> i64;

    /// Makes the hypercall `memory_op` to give frames back, and returns how many extents are done.
    fn decrease(&mut self, extents: Extents<'_>) -> i64;

    /// Makes the hypercall `memory_op` to take frames for pages, and returns how many extents are done.
    fn populate(&mut self, extents: Extents<'_>) -> i64;

    /// Makes the hypercall `memory_op` to exchange frames.
    fn exchange(&mut self, exchange: Exchange<'_>) -> ProbeAnswer;

    /// Makes the hypercall `multicall` and returns its result, and that of each entry in `results`.
    fn multicall(&mut self, entries: &[Step], results: &mut [i64]) -> i64;

    /// Returns the number of a special machine frame.
    fn special(&self, special: Special) -> u64;
}
