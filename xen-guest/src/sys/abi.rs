//! The numbers and structures that Xen and this layer share and that `xen-sys` lacks.
//!
//! *What this is*: one block for each header of Xen's `public/`. What `xen-sys` has is used from there; where a field's
//! offset matters, it is asserted here. The requests that only `mmu` may make are laid out in `mmu::hv`, start_info in
//! its crate.
//!
//! *What must hold*: every structure is laid out as in C, and a call that takes one gets all its bytes.

#![cfg_attr(not(target_os = "none"), expect(dead_code, reason = "on a host no hypercall is made"))]

use core::mem::offset_of;

use x86_64::VirtAddr;
use xen_sys::{arch_shared_info, arch_vcpu_info, shared_info, vcpu_info, vcpu_time_info};

// xen.h

/// The calling domain.
pub(super) const DOMID_SELF: u16 = 0x7ff0;
/// Flush this page from this processor's TLB after `update_va_mapping`.
pub(super) const UVMF_INVLPG: u64 = 2;
/// The first address that is Xen's own (`HYPERVISOR_VIRT_START`).
pub(super) const HYPERVISOR_VIRT_START: u64 = xen_sys::__HYPERVISOR_VIRT_START.cast_unsigned();
/// The first address after Xen's own (`HYPERVISOR_VIRT_END`).
pub(super) const HYPERVISOR_VIRT_END: u64 = xen_sys::__HYPERVISOR_VIRT_END.cast_unsigned();
/// The table of the PFN of every machine frame (`MACH2PHYS_VIRT_START`), a word for each.
pub(super) const M2P: VirtAddr = VirtAddr::new(xen_sys::__MACH2PHYS_VIRT_START.cast_unsigned());
/// How many frames the table's addresses have room for (`MACH2PHYS_VIRT_END`).
pub(super) const M2P_ENTRIES: u64 =
    (xen_sys::__MACH2PHYS_VIRT_END - xen_sys::__MACH2PHYS_VIRT_START).cast_unsigned() / 8;

const _: () = assert!(M2P.as_u64() == 0xffff_8000_0000_0000 && M2P_ENTRIES == 0x8_0000_0000);

// xen.h and arch-x86/xen.h: `struct shared_info` and, in it, `struct arch_shared_info`

const ARCH: u64 = offset_of!(shared_info, arch) as u64;
/// A bit for each event channel that was notified and not looked at (`evtchn_pending`).
pub(super) const PENDING: u64 = offset_of!(shared_info, evtchn_pending) as u64;
/// How many words there are of these.
pub(super) const PENDING_WORDS: u64 = 64;
/// The number of P2M entries.
pub(super) const MAX_PFN: u64 = ARCH + offset_of!(arch_shared_info, max_pfn) as u64;
/// The machine frame of the top page of the three-level list (`pfn_to_mfn_frame_list_list`).
pub(super) const FRAME_LIST_LIST: u64 =
    ARCH + offset_of!(arch_shared_info, pfn_to_mfn_frame_list_list) as u64;
/// The top-level page table that maps the linear list.
pub(super) const P2M_CR3: u64 = ARCH + offset_of!(arch_shared_info, p2m_cr3) as u64;
/// Where that table maps entry 0.
pub(super) const P2M_VADDR: u64 = ARCH + offset_of!(arch_shared_info, p2m_vaddr) as u64;
/// Odd while the list changes.
pub(super) const P2M_GENERATION: u64 = ARCH + offset_of!(arch_shared_info, p2m_generation) as u64;

const _: () = {
    assert!(size_of::<shared_info>() == 3136);
    assert!(PENDING == 0x800 && offset_of!(shared_info, evtchn_mask) as u64 == PENDING + PENDING_WORDS * 8);
    assert!(MAX_PFN == 0xc10 && FRAME_LIST_LIST == 0xc18);
    assert!(P2M_CR3 == 0xc28 && P2M_VADDR == 0xc30 && P2M_GENERATION == 0xc38);
};

// xen.h: `struct vcpu_info` of the first processor, which is the first in `struct shared_info`, and the rest of that

/// Set while there is an event that is not masked: a byte.
pub(super) const UPCALL_PENDING: u64 = offset_of!(vcpu_info, evtchn_upcall_pending) as u64;
/// Set while Xen makes no upcall: a byte.
pub(super) const UPCALL_MASK: u64 = offset_of!(vcpu_info, evtchn_upcall_mask) as u64;
/// A bit for each word of ports.
pub(super) const PENDING_SELECTOR: u64 = offset_of!(vcpu_info, evtchn_pending_sel) as u64;
/// A bit for each port that is pending.
pub(super) const EVTCHN_PENDING: u64 = offset_of!(shared_info, evtchn_pending) as u64;
/// A bit for each port that is masked.
pub(super) const EVTCHN_MASK: u64 = offset_of!(shared_info, evtchn_mask) as u64;

const TIME: u64 = offset_of!(vcpu_info, time) as u64;
/// `struct vcpu_time_info`: odd while it changes.
pub(super) const TIME_VERSION: u64 = TIME + offset_of!(vcpu_time_info, version) as u64;
/// The counter when the system time was what it says.
pub(super) const TIME_STAMP: u64 = TIME + offset_of!(vcpu_time_info, tsc_timestamp) as u64;
/// The system time then.
pub(super) const TIME_SYSTEM: u64 = TIME + offset_of!(vcpu_time_info, system_time) as u64;
/// From ticks to nanoseconds.
pub(super) const TIME_FACTOR: u64 = TIME + offset_of!(vcpu_time_info, tsc_to_system_mul) as u64;
/// The shift before that: a byte.
pub(super) const TIME_SHIFT: u64 = TIME + offset_of!(vcpu_time_info, tsc_shift) as u64;

/// The wall clock: odd while it changes.
pub(super) const WALL_VERSION: u64 = offset_of!(shared_info, wc_version) as u64;
/// The lower half of its seconds.
pub(super) const WALL_LOW: u64 = offset_of!(shared_info, wc_sec) as u64;
/// Its nanoseconds.
pub(super) const WALL_NANOS: u64 = offset_of!(shared_info, wc_nsec) as u64;
/// The upper half of its seconds.
pub(super) const WALL_HIGH: u64 = offset_of!(shared_info, wc_sec_hi) as u64;

const _: () = {
    assert!(offset_of!(shared_info, vcpu_info) == 0 && size_of::<arch_vcpu_info>() == 16);
    assert!(UPCALL_PENDING == 0 && UPCALL_MASK == 1 && PENDING_SELECTOR == 8);
    assert!(EVTCHN_PENDING == 0x800 && EVTCHN_MASK == 0xa00);
    assert!(TIME_VERSION == 0x20 && TIME_STAMP == 0x28 && TIME_SYSTEM == 0x30);
    assert!(TIME_FACTOR == 0x38 && TIME_SHIFT == 0x3c);
    assert!(WALL_VERSION == 0xc00 && WALL_LOW == 0xc04 && WALL_NANOS == 0xc08 && WALL_HIGH == 0xc0c);
};

// callback.h

/// Registers a callback.
pub(super) const CALLBACKOP_REGISTER: u64 = 0;
/// The callback for events.
pub(super) const CALLBACKTYPE_EVENT: u16 = 0;
/// The callback for selectors that cannot be loaded.
pub(super) const CALLBACKTYPE_FAILSAFE: u16 = 1;
/// Events are masked when it is called.
pub(super) const CALLBACKF_MASK_EVENTS: u16 = 1;

/// `struct callback_register`.
#[repr(C)]
pub(super) struct CallbackRegister {
    /// Which callback.
    pub(super) kind: u16,
    /// How it is called.
    pub(super) flags: u16,
    /// Its address.
    pub(super) address: u64,
}

const _: () = assert!(size_of::<CallbackRegister>() == 16 && offset_of!(CallbackRegister, address) == 8);

// arch-x86/xen.h

/// Events are masked when the trap's handler is called (`TI_SET_IF`).
pub(super) const TRAP_MASKS_EVENTS: u8 = 4;

/// An entry of the trap table.
pub(super) use xen_sys::trap_info as TrapInfo;

/// The selector of the kernel's code (`arch-x86/xen-x86_64.h`).
pub(super) const FLAT_KERNEL_CS: u16 = xen_sys::FLAT_KERNEL_CS as u16;

const _: () = {
    assert!(size_of::<TrapInfo>() == 16 && offset_of!(TrapInfo, address) == 8);
    assert!(FLAT_KERNEL_CS == 0xe033);
};

// sched.h, vcpu.h and event_channel.h

pub(super) use xen_sys::{
    evtchn_alloc_unbound as EvtchnAllocUnbound, evtchn_bind_interdomain as EvtchnBindInterdomain,
    evtchn_bind_virq as EvtchnBindVirq, evtchn_close as EvtchnClose, evtchn_send as EvtchnSend,
    evtchn_status as EvtchnStatus, evtchn_unmask as EvtchnUnmask, sched_poll as SchedPoll,
    sched_shutdown as SchedShutdown,
};

/// Stops the periodic timer of a processor.
pub(super) const VCPUOP_STOP_PERIODIC_TIMER: u64 = 7;

const _: () = {
    assert!(size_of::<SchedShutdown>() == 4);
    assert!(size_of::<SchedPoll>() == 24 && offset_of!(SchedPoll, timeout) == 16);
    assert!(size_of::<EvtchnSend>() == 4 && size_of::<EvtchnClose>() == 4);
    assert!(size_of::<EvtchnUnmask>() == 4);
    assert!(size_of::<EvtchnAllocUnbound>() == 8 && offset_of!(EvtchnAllocUnbound, port) == 4);
    assert!(size_of::<EvtchnBindInterdomain>() == 12 && offset_of!(EvtchnBindInterdomain, local_port) == 8);
    assert!(size_of::<EvtchnBindVirq>() == 12 && offset_of!(EvtchnBindVirq, port) == 8);
    assert!(size_of::<EvtchnStatus>() == 24 && offset_of!(EvtchnStatus, port) == 4);
};

// memory.h

/// Takes frames from the domain.
pub(super) const XENMEM_DECREASE_RESERVATION: u64 = 1;
/// How many frame numbers the machine's memory reaches to.
pub(super) const XENMEM_MAXIMUM_RAM_PAGE: u64 = 2;
/// The map that the toolstack set for the domain.
pub(super) const XENMEM_MEMORY_MAP: u64 = 9;
/// The machine's map, for dom0.
pub(super) const XENMEM_MACHINE_MEMORY_MAP: u64 = 10;

/// `struct xen_memory_map`.
#[repr(C)]
pub(super) struct MemoryMap {
    /// How many entries the buffer has room for, and then how many Xen wrote.
    pub(super) entries: u32,
    /// The entries, of 20 bytes each.
    pub(super) buffer: u64,
}

/// `struct xen_memory_reservation`.
#[repr(C)]
pub(super) struct MemoryReservation {
    /// The numbers of the frames.
    pub(super) extents: u64,
    /// How many there are.
    pub(super) count: u64,
    /// Each is 2 to this power of frames.
    pub(super) order: u32,
    /// Where new frames may lie.
    pub(super) flags: u32,
    /// The domain they belong to.
    pub(super) domain: u16,
}

const _: () = {
    assert!(size_of::<MemoryMap>() == 16 && offset_of!(MemoryMap, buffer) == 8);
    assert!(size_of::<MemoryReservation>() == 32 && offset_of!(MemoryReservation, domain) == 24);
};

// platform.h

const XENPF_INTERFACE_VERSION: u32 = 0x0300_0001;
const XENPF_EFI_RUNTIME_CALL: u32 = 49;
const XENPF_FIRMWARE_INFO: u32 = 50;
/// The type of firmware_info's questions about EFI, and below their indices.
const XEN_FW_EFI_INFO: u32 = 4;
/// EFI's version.
pub(super) const XEN_FW_EFI_VERSION: u32 = 0;
/// Where EFI's configuration table is.
pub(super) const XEN_FW_EFI_CONFIG_TABLE: u32 = 1;
/// Who made the firmware.
pub(super) const XEN_FW_EFI_VENDOR: u32 = 2;
/// The version of EFI's runtime services.
pub(super) const XEN_FW_EFI_RT_VERSION: u32 = 4;
/// EFI's function *GetTime*.
pub(super) const XEN_EFI_GET_TIME: u32 = 1;
/// EFI's function *GetVariable*.
pub(super) const XEN_EFI_GET_VARIABLE: u32 = 6;

/// How many bytes Xen copies of every operation.
pub(super) const PLATFORM_OP_BYTES: usize = 136;

/// `struct xen_platform_op` with the arm of its union that `command` means.
#[repr(C)]
pub(super) struct PlatformOp<B> {
    command: u32,
    interface_version: u32,
    /// That arm.
    pub(super) body: B,
}

/// `struct xenpf_firmware_info`.
#[repr(C)]
pub(super) struct FirmwareInfo<I> {
    kind: u32,
    index: u32,
    /// The answer.
    pub(super) info: I,
}

/// `version` of `union xenpf_efi_info`.
#[repr(C)]
pub(super) struct EfiVersion {
    /// The version.
    pub(super) version: u32,
    pad: u32,
    rest: [u64; 14],
}

/// `cfg` of the same.
#[repr(C)]
pub(super) struct EfiConfigTable {
    /// Where the table is.
    pub(super) address: u64,
    /// How many entries it has.
    pub(super) entries: u32,
    pad: u32,
    rest: [u64; 13],
}

/// `vendor` of the same.
#[repr(C)]
pub(super) struct EfiVendor {
    /// The firmware's revision.
    pub(super) revision: u32,
    bytes: u32,
    name: *mut u16,
    rest: [u64; 13],
}

/// `struct xenpf_efi_runtime_call`.
#[repr(C)]
pub(super) struct EfiRuntimeCall<A> {
    function: u32,
    /// Flags in, and for a variable its attributes out.
    pub(super) misc: u32,
    /// EFI's status of the call.
    pub(super) status: u64,
    /// The function's arguments and results.
    pub(super) arguments: A,
}

/// `get_time` of the same; the time itself is decoded elsewhere.
#[repr(C)]
pub(super) struct EfiGetTime {
    /// `struct xenpf_efi_time`.
    pub(super) time: [u8; 16],
    resolution: u32,
    accuracy: u32,
    rest: [u64; 11],
}

/// `get_variable` of the same.
#[repr(C)]
pub(super) struct EfiGetVariable {
    name: *const u16,
    /// The size of the buffer, and then that of the variable.
    pub(super) size: u64,
    data: *mut u8,
    owner: [u8; 16],
    rest: [u64; 9],
}

const _: () = {
    assert!(size_of::<PlatformOp<FirmwareInfo<EfiVersion>>>() == PLATFORM_OP_BYTES);
    assert!(size_of::<PlatformOp<FirmwareInfo<EfiConfigTable>>>() == PLATFORM_OP_BYTES);
    assert!(size_of::<PlatformOp<FirmwareInfo<EfiVendor>>>() == PLATFORM_OP_BYTES);
    assert!(size_of::<PlatformOp<EfiRuntimeCall<EfiGetTime>>>() == PLATFORM_OP_BYTES);
    assert!(size_of::<PlatformOp<EfiRuntimeCall<EfiGetVariable>>>() == PLATFORM_OP_BYTES);
    assert!(offset_of!(PlatformOp<FirmwareInfo<EfiVersion>>, body.info.version) == 16);
    assert!(offset_of!(PlatformOp<FirmwareInfo<EfiConfigTable>>, body.info.address) == 16);
    assert!(offset_of!(PlatformOp<FirmwareInfo<EfiConfigTable>>, body.info.entries) == 24);
    assert!(offset_of!(PlatformOp<FirmwareInfo<EfiVendor>>, body.info.bytes) == 20);
    assert!(offset_of!(PlatformOp<FirmwareInfo<EfiVendor>>, body.info.name) == 24);
    assert!(offset_of!(PlatformOp<EfiRuntimeCall<EfiGetTime>>, body.status) == 16);
    assert!(offset_of!(PlatformOp<EfiRuntimeCall<EfiGetTime>>, body.arguments.time) == 24);
    assert!(offset_of!(PlatformOp<EfiRuntimeCall<EfiGetTime>>, body.arguments.resolution) == 40);
    assert!(offset_of!(PlatformOp<EfiRuntimeCall<EfiGetVariable>>, body.arguments.name) == 24);
    assert!(offset_of!(PlatformOp<EfiRuntimeCall<EfiGetVariable>>, body.arguments.size) == 32);
    assert!(offset_of!(PlatformOp<EfiRuntimeCall<EfiGetVariable>>, body.arguments.data) == 40);
    assert!(offset_of!(PlatformOp<EfiRuntimeCall<EfiGetVariable>>, body.arguments.owner) == 48);
};

impl<I> PlatformOp<FirmwareInfo<I>> {
    /// Asks for a fact of EFI.
    pub(super) const fn efi_info(index: u32, info: I) -> Self {
        let body = FirmwareInfo { kind: XEN_FW_EFI_INFO, index, info };
        Self { command: XENPF_FIRMWARE_INFO, interface_version: XENPF_INTERFACE_VERSION, body }
    }
}

impl<A> PlatformOp<EfiRuntimeCall<A>> {
    /// Calls a function of EFI.
    pub(super) const fn efi_runtime_call(function: u32, arguments: A) -> Self {
        let body = EfiRuntimeCall { function, misc: 0, status: 0, arguments };
        Self { command: XENPF_EFI_RUNTIME_CALL, interface_version: XENPF_INTERFACE_VERSION, body }
    }
}

impl EfiVersion {
    /// To be filled.
    pub(super) const EMPTY: Self = Self { version: 0, pad: 0, rest: [0; 14] };
}

impl EfiConfigTable {
    /// To be filled.
    pub(super) const EMPTY: Self = Self { address: 0, entries: 0, pad: 0, rest: [0; 13] };
}

impl EfiVendor {
    /// To be filled, and `bytes` bytes at `name` with it.
    pub(super) const fn to(name: *mut u16, bytes: u32) -> Self {
        Self { revision: 0, bytes, name, rest: [0; 13] }
    }
}

impl EfiGetTime {
    /// To be filled.
    pub(super) const EMPTY: Self = Self { time: [0; 16], resolution: 0, accuracy: 0, rest: [0; 11] };
}

impl EfiGetVariable {
    /// Asks for the variable of a name that ends with a NUL; `size` bytes at `data` are to be filled.
    pub(super) const fn of(name: *const u16, owner: [u8; 16], data: *mut u8, size: u64) -> Self {
        Self { name, size, data, owner, rest: [0; 9] }
    }
}
