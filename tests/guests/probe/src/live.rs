//! Real Xen as a subject.
//!
//! *What this is*: the hypercalls of the probes, and machine frames of special kinds, found by the M2P.
//!
//! *What must hold*: lists of requests come from `conformance` only, which changes nothing but spare frames and their
//! mappings, and puts those back. A spare frame holds no Rust value.

#![expect(unsafe_code, reason = "makes hypercalls that the layer's types would not let through")]

use core::fmt;

use conformance::{Answer, Call, Change, Operation, Request, Special, Subject};
use mmu::Errno;
use p2m::{Entry, Frame, MachineToPhys, Memory, Word, WordMut};
use start_info::{Mfn, Pfn};
use xen_guest::{
    Running,
    sys::{Xen, hypercall},
};

const DOMID_SELF: u64 = 0x7ff0;
const DOMID_INVALID: u64 = 0x7ff4;
const XENMEM_CURRENT_RESERVATION: u64 = 3;
const VCPUOP_STOP_PERIODIC_TIMER: u64 = 7;
/// The local APIC.
const DEVICE: u64 = 0xfee00;
/// The screen in text mode.
const SCREEN: u64 = 0xb8;
/// Frames from here on are memory on any machine this runs on, up to the guest's own.
const MEMORY: u64 = 0x1000;

/// `struct trap_info` of public/arch-x86/xen.h.
#[repr(C)]
struct TrapInfo {
    vector: u8,
    flags: u8,
    cs: u16,
    address: u64,
}

/// The hypervisor under us, and what was found in its M2P.
#[derive(Debug)]
pub(crate) struct Live {
    xen: Xen,
    shared_info: Mfn,
    other: u64,
    nobody: u64,
}

impl Live {
    /// Looks for frames of others below `own`, a frame of ours, and then above it, up to shared_info, which is Xen's memory.
    /// `None` if a frame of nobody is not found: another frame in its place could be one that may be mapped.
    pub(crate) fn new(xen: Xen, running: &Running, own: Mfn) -> Option<Self> {
        let shared_info = running.setting.facts.shared_info().mfn();
        let held = |mfn: u64| Mfn::try_new(mfn).ok().and_then(|mfn| xen.machine_to_phys(mfn));
        let ours = |mfn: u64, pfn: u64| {
            let entry = Pfn::try_new(pfn).map(|pfn| running.entry(&xen, pfn));
            matches!(entry, Ok(Entry::Ram(found)) if found.get() == mfn)
        };
        let memory = || {
            let (below, above) = (MEMORY..own.get(), own.get()..shared_info.get());
            below.rev().chain(above.rev()).filter(|&mfn| mfn != shared_info.get())
        };
        let nobody = memory().find(|&mfn| held(mfn) == Some(u64::MAX))?;
        let other = memory().find(|&mfn| held(mfn).is_some_and(|pfn| pfn != u64::MAX && !ours(mfn, pfn)));
        // Without another domain, a frame of Xen's.
        Some(Self { xen, shared_info, other: other.unwrap_or(nobody), nobody })
    }

    /// Makes a hypercall whose arguments are numbers or point to what the caller holds.
    fn make(number: u32, arguments: [u64; 4]) -> i64 {
        // SAFETY: the callers are the methods below. Lists are slices of `Request` and `Operation`, laid out as Xen's
        // structures and made by `conformance` only, for spare frames (`conformance::request`); all else Xen reads only,
        // or refuses.
        unsafe { hypercall(number, arguments) }
    }
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shared_info, other, nobody, .. } = self;
        write!(f, "frames: shared_info {shared_info}, another's {other:#x}, nobody's {nobody:#x}")
    }
}

fn answer(result: i64, done: u32, wanted: usize) -> Answer {
    Answer { wanted, done: done as usize, errno: errno(result) }
}

fn errno(result: i64) -> Errno {
    Errno(if result < 0 { u16::try_from(result.unsigned_abs()).unwrap_or(u16::MAX) } else { 0 })
}

impl Memory for Live {
    fn load(&self, word: Word) -> u64 {
        self.xen.load(word)
    }

    fn store(&mut self, word: WordMut<'_>, value: u64) {
        self.xen.store(word, value);
    }

    fn copy_page(&mut self, source: Word, target: &mut Frame) {
        self.xen.copy_page(source, target);
    }
}

impl MachineToPhys for Live {
    fn machine_to_phys(&self, mfn: Mfn) -> Option<u64> {
        self.xen.machine_to_phys(mfn)
    }
}

impl Subject for Live {
    fn update_entries(&mut self, requests: &[Request]) -> Answer {
        let mut done = 0_u32;
        let arguments = [requests.as_ptr() as u64, requests.len() as u64, &raw mut done as u64, DOMID_SELF];
        let result = Self::make(xen_sys::__HYPERVISOR_mmu_update, arguments);
        answer(result, done, requests.len())
    }

    fn extended(&mut self, operations: &[Operation]) -> Answer {
        let mut done = 0_u32;
        let arguments =
            [operations.as_ptr() as u64, operations.len() as u64, &raw mut done as u64, DOMID_SELF];
        let result = Self::make(xen_sys::__HYPERVISOR_mmuext_op, arguments);
        answer(result, done, operations.len())
    }

    fn update_address(&mut self, change: Change) -> Answer {
        let arguments = [change.address(), change.value(), change.flush() as u64, 0];
        Answer::single(errno(Self::make(xen_sys::__HYPERVISOR_update_va_mapping, arguments)))
    }

    fn call(&mut self, call: Call) -> Option<i64> {
        let traps = [
            TrapInfo { vector: 0x90, flags: 0, cs: 0xe033, address: 0x8000_0000_0000 },
            TrapInfo { vector: 0, flags: 0, cs: 0, address: 0 },
        ];
        let (port, domain, text) = (4000_u32, DOMID_SELF as u16, b"");
        let update = [0_u64, 0];
        let (number, arguments) = match call {
            Call::Unknown => (63, [0; 4]),
            Call::Gone => (11, [0; 4]),
            Call::ConsoleWrite => (xen_sys::__HYPERVISOR_console_io, [0, 0, text.as_ptr() as u64, 0]),
            Call::SchedUnknown => (xen_sys::__HYPERVISOR_sched_op, [99, 0, 0, 0]),
            Call::TrapNotCanonical => {
                (xen_sys::__HYPERVISOR_set_trap_table, [traps.as_ptr() as u64, 0, 0, 0])
            }
            Call::Reservation => (
                xen_sys::__HYPERVISOR_memory_op,
                [XENMEM_CURRENT_RESERVATION, &raw const domain as u64, 0, 0],
            ),
            Call::MemoryUnknown => (xen_sys::__HYPERVISOR_memory_op, [63, 0, 0, 0]),
            Call::ListUnmapped => (xen_sys::__HYPERVISOR_mmu_update, [0x1000, 1, 0, DOMID_SELF]),
            Call::ListXens => {
                (xen_sys::__HYPERVISOR_mmu_update, [0xffff_8800_0000_0000 - 16, 1, 0, DOMID_SELF])
            }
            Call::NoSuchDomain => {
                (xen_sys::__HYPERVISOR_mmu_update, [update.as_ptr() as u64, 1, 0, DOMID_INVALID])
            }
            Call::NoSuchProcessor => (xen_sys::__HYPERVISOR_vcpu_op, [VCPUOP_STOP_PERIODIC_TIMER, 99, 0, 0]),
            Call::NoSuchPort => (
                xen_sys::__HYPERVISOR_event_channel_op,
                [u64::from(xen_sys::EVTCHNOP_send), &raw const port as u64, 0, 0],
            ),
        };
        Some(Self::make(number, arguments))
    }

    fn special(&self, special: Special) -> u64 {
        match special {
            Special::SharedInfo => self.shared_info.get(),
            Special::Other => self.other,
            Special::Nobody => self.nobody,
            Special::Device => DEVICE,
            Special::Screen => SCREEN,
            Special::Beyond => conformance::BEYOND,
            Special::AllOnes => conformance::ALL_ONES,
        }
    }
}
