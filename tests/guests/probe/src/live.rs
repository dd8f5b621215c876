//! Real Xen as a subject.
//!
//! *What this is*: the hypercalls of the probes, and machine frames of special kinds, found by the M2P.
//!
//! *What must hold*: lists of requests come only from `conformance`. It changes only spare frames, their mappings and
//! frames it took itself, and restores them. A spare frame holds no Rust value.

#![expect(unsafe_code, reason = "makes hypercalls that the layer's types would not let through")]

use core::fmt;

use arrayvec::ArrayVec;
use conformance::{
    Call, Change, Descriptor, Exchange, ExtendedOperation, Extents, PAGES, Part, ProbeAnswer, Request,
    RequestedTable, Special, Step, Subject,
};
use mmu::Errno;
use p2m::{Frame, MachineToPhys, Memory, P2mEntry, Register, Translate as _, Word, WordMut};
use start_info::{Mfn, Pfn};
use xen_guest::{
    Guest, Running,
    sys::{Xen, hypercall},
};

use crate::call::{CallData, DOMID_SELF};

const XENMEM_DECREASE_RESERVATION: u64 = 1;
const XENMEM_POPULATE_PHYSMAP: u64 = 6;
const XENMEM_EXCHANGE: u64 = 11;
const XENVER_VERSION: u64 = 0;
const UVMF_INVLPG: u64 = 2;
/// Entries of pages that hold data.
const READ_ONLY: u64 = 1 << 63 | 0x61;
const WRITABLE: u64 = READ_ONLY | 2;
/// The local APIC.
const DEVICE: u64 = 0xfee00;
/// The screen in text mode.
const SCREEN: u64 = 0xb8;
/// On any machine this runs on, frames from here up to the guest's own are memory.
const MEMORY: u64 = 0x1000;

/// `struct xen_memory_reservation` of public/memory.h.
#[repr(C)]
struct Reservation {
    extents: u64,
    count: u64,
    order: u32,
    flags: u32,
    domain: u16,
}

impl Reservation {
    fn of(extents: &mut Extents<'_>) -> Self {
        let order = extents.order();
        let numbers = extents.numbers();
        let (count, extents) = (numbers.len() as u64, numbers.as_mut_ptr() as u64);
        Self { extents, count, order, flags: 0, domain: DOMID_SELF as u16 }
    }
}

/// `struct xen_memory_exchange` of public/memory.h.
#[repr(C)]
struct MemoryExchange {
    old: Reservation,
    new: Reservation,
    done: u64,
}

/// `struct multicall_entry` of public/xen.h.
#[repr(C)]
struct Multicall {
    number: u64,
    result: i64,
    arguments: [u64; 6],
}

const _: () = assert!(size_of::<Reservation>() == 32 && size_of::<MemoryExchange>() == 72);
const _: () = assert!(size_of::<Multicall>() == size_of::<xen_sys::multicall_entry>());

/// Takes a guest apart: from here on only probes use it.
pub(crate) fn apart(guest: Guest) -> (Xen, Running) {
    // SAFETY: the parts are only read, except the spare frames, which the caller took before.
    unsafe { guest.into_parts() }
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
    /// Looks for frames of others below that of `own`, a spare page, and then above it, up to shared_info, which is
    /// Xen's memory. `None` if no frame without a domain is found: any other frame might be one that may be mapped.
    pub(crate) fn new(xen: Xen, running: &Running, own: &Frame) -> Option<Self> {
        let shared_info = running.context.facts.shared_info().mfn();
        let held = |mfn: u64| Mfn::try_new(mfn).ok().and_then(|mfn| xen.machine_to_phys(mfn));
        let ours = |mfn: u64, pfn: u64| {
            let entry = Pfn::try_new(pfn).map(|pfn| running.entry(&xen, pfn));
            matches!(entry, Ok(P2mEntry::Ram(found)) if found.get() == mfn)
        };
        let spare = running.entry(&xen, own.pfn()).ram()?.get();
        let memory = || {
            let (below, above) = (MEMORY..spare, spare..shared_info.get());
            below.rev().chain(above.rev()).filter(|&mfn| mfn != shared_info.get())
        };
        let nobody = memory().find(|&mfn| held(mfn) == Some(u64::MAX))?;
        let mut others =
            memory().filter(|&mfn| held(mfn).is_some_and(|pfn| pfn != u64::MAX && !ours(mfn, pfn)));
        // A shim puts the rings in the place of two frames and lets the guest keep those; the M2P has them under the
        // rings' numbers.
        let other = others.find(|&mfn| !Self::is_mapped(own, spare, mfn));
        // Without another domain, a frame of Xen's.
        Some(Self { xen, shared_info, other: other.unwrap_or(nobody), nobody })
    }

    /// Tells whether Xen lets us map a frame. It is mapped briefly, read-only, in place of a spare page, whose frame is
    /// `own`.
    fn is_mapped(spare: &Frame, own: u64, mfn: u64) -> bool {
        let map = |mfn: u64, flags: u64| {
            let arguments = [spare.address().as_u64(), mfn << 12 | flags, UVMF_INVLPG, 0];
            Self::make(xen_sys::__HYPERVISOR_update_va_mapping, arguments) == 0
        };
        map(mfn, READ_ONLY) && map(own, WRITABLE)
    }

    /// The version of Xen: major and minor number.
    pub(crate) fn version(&self) -> (u64, u64) {
        let said = Self::make(xen_sys::__HYPERVISOR_xen_version, [XENVER_VERSION, 0, 0, 0]) as u64;
        (said >> 16, said & 0xffff)
    }

    /// Makes a hypercall whose arguments are numbers or point to what the caller holds.
    fn make(number: u32, arguments: [u64; 4]) -> i64 {
        // SAFETY: the callers are the methods below. Lists are slices of `Request` and `ExtendedOperation`, laid out as
        // Xen's structures and made only by `conformance`, for spare frames and frames it took
        // (`conformance::request`). What else Xen writes is a local of the method, whose size Xen knows. Everything
        // else it only reads, or refuses.
        unsafe { hypercall(number, arguments) }
    }
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shared_info, other, nobody, .. } = self;
        write!(f, "frames: shared_info {shared_info}, another's {other:#x}, nobody's {nobody:#x}")
    }
}

fn answer(result: i64, done: u32, wanted: usize) -> ProbeAnswer {
    ProbeAnswer { wanted, done: done as usize, errno: errno(result) }
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

    fn load_register(&self, register: Register) -> u64 {
        self.xen.load_register(register)
    }

    fn store_register(&mut self, register: Register, value: u64) {
        self.xen.store_register(register, value);
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
    fn frame_of(&self, running: &Running, pfn: Pfn) -> Option<Mfn> {
        running.p2m.entry(self, pfn).ram()
    }

    fn update_entries(&mut self, requests: &[Request]) -> ProbeAnswer {
        let mut done = 0_u32;
        let arguments = [requests.as_ptr() as u64, requests.len() as u64, &raw mut done as u64, DOMID_SELF];
        let result = Self::make(xen_sys::__HYPERVISOR_mmu_update, arguments);
        answer(result, done, requests.len())
    }

    fn extended(&mut self, operations: &[ExtendedOperation]) -> ProbeAnswer {
        let mut done = 0_u32;
        let arguments =
            [operations.as_ptr() as u64, operations.len() as u64, &raw mut done as u64, DOMID_SELF];
        let result = Self::make(xen_sys::__HYPERVISOR_mmuext_op, arguments);
        answer(result, done, operations.len())
    }

    fn update_address(&mut self, change: Change) -> ProbeAnswer {
        let arguments = [change.address(), change.value(), change.flush() as u64, 0];
        ProbeAnswer::single(errno(Self::make(xen_sys::__HYPERVISOR_update_va_mapping, arguments)))
    }

    fn call(&mut self, call: Call) -> i64 {
        let mut data = CallData::new();
        let (number, arguments) = data.request(call);
        data.answer(call, Self::make(number, arguments))
    }

    fn set_gdt(&mut self, table: RequestedTable<'_>) -> i64 {
        // Xen looks at the number first and then reads as many frames as the descriptors take, 14 at most.
        let mut frames = [0; 16];
        frames.iter_mut().zip(table.frames()).for_each(|(frame, &mfn)| *frame = mfn);
        let arguments = [frames.as_ptr() as u64, table.entries().into(), 0, 0];
        Self::make(xen_sys::__HYPERVISOR_set_gdt, arguments)
    }

    fn update_descriptor(&mut self, descriptor: Descriptor) -> i64 {
        let arguments = [descriptor.address(), descriptor.value(), 0, 0];
        Self::make(xen_sys::__HYPERVISOR_update_descriptor, arguments)
    }

    fn decrease(&mut self, mut extents: Extents<'_>) -> i64 {
        let reservation = Reservation::of(&mut extents);
        let arguments = [XENMEM_DECREASE_RESERVATION, &raw const reservation as u64, 0, 0];
        Self::make(xen_sys::__HYPERVISOR_memory_op, arguments)
    }

    fn populate(&mut self, mut extents: Extents<'_>) -> i64 {
        let reservation = Reservation::of(&mut extents);
        let arguments = [XENMEM_POPULATE_PHYSMAP, &raw const reservation as u64, 0, 0];
        Self::make(xen_sys::__HYPERVISOR_memory_op, arguments)
    }

    fn exchange(&mut self, exchange: Exchange<'_>) -> ProbeAnswer {
        let Exchange { mut old, mut new } = exchange;
        let wanted = old.numbers().len();
        let mut argument =
            MemoryExchange { old: Reservation::of(&mut old), new: Reservation::of(&mut new), done: 0 };
        let arguments = [XENMEM_EXCHANGE, &raw mut argument as u64, 0, 0];
        let result = Self::make(xen_sys::__HYPERVISOR_memory_op, arguments);
        ProbeAnswer { wanted, done: argument.done as usize, errno: errno(result) }
    }

    fn multicall(&mut self, entries: &[Step], results: &mut [i64]) -> i64 {
        let mut done = 0_u32;
        let done = &raw mut done as u64;
        let mut calls: ArrayVec<Multicall, PAGES> = entries
            .iter()
            .take(PAGES)
            .map(|entry| {
                let (number, arguments) = match entry.part() {
                    Part::Update(request) => {
                        (xen_sys::__HYPERVISOR_mmu_update, [&raw const *request as u64, 1, done, DOMID_SELF])
                    }
                    Part::Operation(operation) => {
                        (xen_sys::__HYPERVISOR_mmuext_op, [&raw const *operation as u64, 1, done, DOMID_SELF])
                    }
                    Part::Map(change) => (
                        xen_sys::__HYPERVISOR_update_va_mapping,
                        [change.address(), change.value(), change.flush() as u64, 0],
                    ),
                    Part::Yield => (xen_sys::__HYPERVISOR_sched_op, [xen_sys::SCHEDOP_yield.into(), 0, 0, 0]),
                    Part::Nested => (xen_sys::__HYPERVISOR_multicall, [0; 4]),
                    Part::Unknown => (63, [0; 4]),
                };
                let [first, second, third, fourth] = arguments;
                let arguments = [first, second, third, fourth, 0, 0];
                Multicall { number: number.into(), result: 77, arguments }
            })
            .collect();
        let arguments = [calls.as_mut_ptr() as u64, calls.len() as u64, 0, 0];
        let result = Self::make(xen_sys::__HYPERVISOR_multicall, arguments);
        results.iter_mut().zip(&calls).for_each(|(result, call)| *result = call.result);
        result
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
