//! Hypercalls of the probes that are not memory requests, and what each lets Xen read and write.

use conformance::Call;

/// The guest itself.
pub(crate) const DOMID_SELF: u64 = 0x7ff0;
const DOMID_INVALID: u64 = 0x7ff4;
const VCPUOP_IS_UP: u64 = 3;
const VCPUOP_STOP_PERIODIC_TIMER: u64 = 7;
const XENMEM_CURRENT_RESERVATION: u64 = 3;
const XENMEM_MACHINE_MEMORY_MAP: u64 = 10;
const XENMEM_MAXIMUM_RESERVATION: u64 = 4;
const XENMEM_MEMORY_MAP: u64 = 9;

/// `struct trap_info` of public/arch-x86/xen.h.
#[repr(C)]
struct TrapInfo {
    vector: u8,
    flags: u8,
    cs: u16,
    address: u64,
}

/// `struct xen_memory_map` of public/memory.h.
#[repr(C)]
struct MemoryMap {
    entries: u32,
    buffer: u64,
}

/// `struct sched_poll` of public/sched.h.
#[repr(C)]
struct Poll {
    ports: u64,
    count: u32,
    timeout: u64,
}

const _: () = assert!(size_of::<Poll>() == 24 && size_of::<MemoryMap>() == 16);

/// What the arguments of a call point to. It must not move between [`CallData::request`] and the call.
pub(crate) struct CallData {
    traps: [TrapInfo; 2],
    port: u32,
    domain: u16,
    update: [u64; 2],
    /// Xen writes the number of entries and the entries.
    map: MemoryMap,
    buffer: [[u8; 20]; 4],
    poll: Poll,
}

impl CallData {
    pub(crate) const fn new() -> Self {
        Self {
            traps: [
                TrapInfo { vector: 0x90, flags: 0, cs: 0xe033, address: 0x8000_0000_0000 },
                TrapInfo { vector: 0, flags: 0, cs: 0, address: 0 },
            ],
            port: 4000,
            domain: DOMID_SELF as u16,
            update: [0; 2],
            map: MemoryMap { entries: 4, buffer: 0 },
            buffer: [[0; 20]; 4],
            poll: Poll { ports: 0, count: 1, timeout: 1 },
        }
    }

    /// The number and the arguments of a call.
    pub(crate) fn request(&mut self, call: Call) -> (u32, [u64; 4]) {
        self.map = match call {
            Call::MachineMap => MemoryMap { entries: 0, buffer: 0 },
            Call::MachineMapShort => MemoryMap { entries: 1, buffer: self.buffer.as_mut_ptr() as u64 },
            _ => MemoryMap { entries: 4, buffer: self.buffer.as_mut_ptr() as u64 },
        };
        let count = if call == Call::PollTooMany { 129 } else { 1 };
        self.poll = Poll { ports: &raw const self.port as u64, count, timeout: 1 };
        let (text, traps, update) =
            (b"".as_ptr() as u64, self.traps.as_ptr() as u64, self.update.as_ptr() as u64);
        let (port, domain) = (&raw const self.port as u64, &raw const self.domain as u64);
        let (poll, map) = (&raw const self.poll as u64, &raw mut self.map as u64);
        let memory =
            |command: u64, argument: u64| (xen_sys::__HYPERVISOR_memory_op, [command, argument, 0, 0]);
        let sched =
            |command: u32, argument: u64| (xen_sys::__HYPERVISOR_sched_op, [command.into(), argument, 0, 0]);
        match call {
            Call::Unknown => (63, [0; 4]),
            Call::Gone => (11, [0; 4]),
            Call::ConsoleWrite => (xen_sys::__HYPERVISOR_console_io, [0, 0, text, 0]),
            Call::ConsoleUnknown => (xen_sys::__HYPERVISOR_console_io, [9, 0, text, 0]),
            Call::SchedUnknown => sched(99, 0),
            Call::Yield => sched(xen_sys::SCHEDOP_yield, 0),
            Call::PollTooMany | Call::PollNoSuchPort => sched(xen_sys::SCHEDOP_poll, poll),
            Call::TrapNotCanonical => (xen_sys::__HYPERVISOR_set_trap_table, [traps, 0, 0, 0]),
            Call::Reservation => memory(XENMEM_CURRENT_RESERVATION, domain),
            Call::MaximumReservation => memory(XENMEM_MAXIMUM_RESERVATION, domain),
            Call::MemoryUnknown => memory(63, 0),
            Call::MemoryMap | Call::MemoryMapEnd => memory(XENMEM_MEMORY_MAP, map),
            Call::MachineMap | Call::MachineMapShort => memory(XENMEM_MACHINE_MEMORY_MAP, map),
            Call::ListUnmapped => (xen_sys::__HYPERVISOR_mmu_update, [0x1000, 1, 0, DOMID_SELF]),
            Call::ListXens => {
                (xen_sys::__HYPERVISOR_mmu_update, [0xffff_8800_0000_0000 - 16, 1, 0, DOMID_SELF])
            }
            Call::NoSuchDomain => (xen_sys::__HYPERVISOR_mmu_update, [update, 1, 0, DOMID_INVALID]),
            Call::NoSuchProcessor => (xen_sys::__HYPERVISOR_vcpu_op, [VCPUOP_STOP_PERIODIC_TIMER, 99, 0, 0]),
            Call::ProcessorUp => (xen_sys::__HYPERVISOR_vcpu_op, [VCPUOP_IS_UP, 0, 0, 0]),
            Call::ProcessorUnknown => (xen_sys::__HYPERVISOR_vcpu_op, [99, 0, 0, 0]),
            Call::NoSuchPort => {
                (xen_sys::__HYPERVISOR_event_channel_op, [u64::from(xen_sys::EVTCHNOP_send), port, 0, 0])
            }
            Call::EventUnknown => (xen_sys::__HYPERVISOR_event_channel_op, [99, port, 0, 0]),
        }
    }

    /// What a call answers: its result, or what Xen wrote.
    pub(crate) fn answer(&self, call: Call, result: i64) -> i64 {
        match (call, result) {
            (Call::MemoryMap | Call::MachineMap, 0) => self.map.entries.into(),
            (Call::MemoryMapEnd, 0) => pages_up_to_the_end(&self.buffer[0]),
            (_, result) => result,
        }
    }
}

/// Reads a packed `struct e820entry`: address, length, kind.
fn pages_up_to_the_end(entry: &[u8; 20]) -> i64 {
    let ([address, len], _) = entry[..16].as_chunks::<8>() else { return 0 };
    (u64::from_le_bytes(*address) + u64::from_le_bytes(*len)) as i64 / 4096
}
