//! What Xen tells dom0, and does for it, about the firmware: the hypercall `platform_op`.
//!
//! *What this is*: the two operations on EFI of `public/platform.h`, with the layouts of their arguments.
//!
//! *What must hold*: every argument has the 136 bytes of `struct xen_platform_op`, as Xen copies all of them in. Xen writes back to it, and
//! to the buffers it names no more than the bytes it was given for them.

use core::mem::{offset_of, size_of};

use mmu::Errno;

use crate::{
    firmware::{Answer, EfiCalls, Guid, Name, Status},
    sys::{hypercall::hypercall, outcome::check, xen::Xen},
};

/// `XENPF_INTERFACE_VERSION`.
const INTERFACE_VERSION: u32 = 0x0300_0001;
const XENPF_EFI_RUNTIME_CALL: u32 = 49;
const XENPF_FIRMWARE_INFO: u32 = 50;
/// `XEN_FW_EFI_INFO`, the type of question, and its indices.
const EFI_INFO: u32 = 4;
const EFI_VERSION: u32 = 0;
const EFI_CONFIG_TABLE: u32 = 1;
const EFI_VENDOR: u32 = 2;
const EFI_RT_VERSION: u32 = 4;
/// `XEN_EFI_get_time` and `XEN_EFI_get_variable`.
const GET_TIME: u32 = 1;
const GET_VARIABLE: u32 = 6;

/// `struct xen_platform_op` with the arm of its union that `command` means.
#[repr(C)]
struct Operation<B> {
    command: u32,
    interface_version: u32,
    body: B,
}

/// `struct xenpf_firmware_info`.
#[repr(C)]
struct FirmwareInfo<I> {
    kind: u32,
    index: u32,
    info: I,
}

/// `version` of `union xenpf_efi_info`.
#[repr(C)]
struct Version {
    version: u32,
    pad: u32,
    rest: [u64; 14],
}

/// `cfg` of the same.
#[repr(C)]
struct Configuration {
    address: u64,
    entries: u32,
    pad: u32,
    rest: [u64; 13],
}

/// `vendor` of the same.
#[repr(C)]
struct Vendor {
    revision: u32,
    bytes: u32,
    name: *mut u16,
    rest: [u64; 13],
}

/// `struct xenpf_efi_runtime_call`.
#[repr(C)]
struct RuntimeCall<A> {
    function: u32,
    misc: u32,
    status: u64,
    arguments: A,
}

/// `get_time`; the time itself is decoded elsewhere.
#[repr(C)]
struct GetTime {
    time: [u8; 16],
    resolution: u32,
    accuracy: u32,
    rest: [u64; 11],
}

/// `get_variable`.
#[repr(C)]
struct GetVariable {
    name: *const u16,
    size: u64,
    data: *mut u8,
    owner: [u8; 16],
    rest: [u64; 9],
}

const OPERATION_BYTES: usize = 136;
const _: () = {
    assert!(size_of::<Operation<FirmwareInfo<Version>>>() == OPERATION_BYTES);
    assert!(size_of::<Operation<FirmwareInfo<Configuration>>>() == OPERATION_BYTES);
    assert!(size_of::<Operation<FirmwareInfo<Vendor>>>() == OPERATION_BYTES);
    assert!(size_of::<Operation<RuntimeCall<GetTime>>>() == OPERATION_BYTES);
    assert!(size_of::<Operation<RuntimeCall<GetVariable>>>() == OPERATION_BYTES);
    assert!(offset_of!(Operation<FirmwareInfo<Version>>, body.info.version) == 16);
    assert!(offset_of!(Operation<FirmwareInfo<Configuration>>, body.info.address) == 16);
    assert!(offset_of!(Operation<FirmwareInfo<Configuration>>, body.info.entries) == 24);
    assert!(offset_of!(Operation<FirmwareInfo<Vendor>>, body.info.bytes) == 20);
    assert!(offset_of!(Operation<FirmwareInfo<Vendor>>, body.info.name) == 24);
    assert!(offset_of!(Operation<RuntimeCall<GetTime>>, body.status) == 16);
    assert!(offset_of!(Operation<RuntimeCall<GetTime>>, body.arguments.time) == 24);
    assert!(offset_of!(Operation<RuntimeCall<GetTime>>, body.arguments.resolution) == 40);
    assert!(offset_of!(Operation<RuntimeCall<GetVariable>>, body.arguments.name) == 24);
    assert!(offset_of!(Operation<RuntimeCall<GetVariable>>, body.arguments.size) == 32);
    assert!(offset_of!(Operation<RuntimeCall<GetVariable>>, body.arguments.data) == 40);
    assert!(offset_of!(Operation<RuntimeCall<GetVariable>>, body.arguments.owner) == 48);
};

impl<I> Operation<FirmwareInfo<I>> {
    const fn info(index: u32, info: I) -> Self {
        let body = FirmwareInfo { kind: EFI_INFO, index, info };
        Self { command: XENPF_FIRMWARE_INFO, interface_version: INTERFACE_VERSION, body }
    }
}

impl<A> Operation<RuntimeCall<A>> {
    const fn runtime(function: u32, arguments: A) -> Self {
        let body = RuntimeCall { function, misc: 0, status: 0, arguments };
        Self { command: XENPF_EFI_RUNTIME_CALL, interface_version: INTERFACE_VERSION, body }
    }
}

/// Makes the call.
///
/// # Safety
/// Xen may write to the buffers that the operation names, as many bytes as it says they have.
unsafe fn call<B>(operation: &mut Operation<B>) -> Result<(), Errno> {
    const { assert!(size_of::<Operation<B>>() == OPERATION_BYTES) };
    let arguments = [&raw mut *operation as u64, 0, 0, 0];
    // SAFETY: the operation is ours to change and has the size Xen copies, as just asserted; for its buffers the caller answers.
    check(unsafe { hypercall(xen_sys::__HYPERVISOR_platform_op, arguments) }).map(|_| ())
}

fn version(index: u32) -> Result<u32, Errno> {
    let mut operation = Operation::info(index, Version { version: 0, pad: 0, rest: [0; 14] });
    // SAFETY: this question names no buffer (common/efi/runtime.c, `efi_get_info`).
    unsafe { call(&mut operation) }?;
    Ok(operation.body.info.version)
}

impl EfiCalls for Xen {
    fn efi_version(&mut self) -> Result<u32, Errno> {
        version(EFI_VERSION)
    }

    fn efi_runtime_version(&mut self) -> Result<u32, Errno> {
        version(EFI_RT_VERSION)
    }

    fn efi_configuration(&mut self) -> Result<(u64, u32), Errno> {
        let empty = Configuration { address: 0, entries: 0, pad: 0, rest: [0; 13] };
        let mut operation = Operation::info(EFI_CONFIG_TABLE, empty);
        // SAFETY: this question names no buffer (common/efi/runtime.c, `efi_get_info`).
        unsafe { call(&mut operation) }?;
        Ok((operation.body.info.address, operation.body.info.entries))
    }

    fn efi_vendor(&mut self, name: &mut [u16]) -> Result<u32, Errno> {
        let bytes = u32::try_from(size_of_val(name)).map_err(|_| Errno::EINVAL)?;
        let vendor = Vendor { revision: 0, bytes, name: name.as_mut_ptr(), rest: [0; 13] };
        let mut operation = Operation::info(EFI_VENDOR, vendor);
        // SAFETY: `name` is ours to change, and Xen writes at most the `bytes` it has (common/efi/runtime.c, `efi_get_info`).
        unsafe { call(&mut operation) }?;
        Ok(operation.body.info.revision)
    }

    fn efi_get_time(&mut self) -> Result<Answer<[u8; 16]>, Errno> {
        let empty = GetTime { time: [0; 16], resolution: 0, accuracy: 0, rest: [0; 11] };
        let mut operation = Operation::runtime(GET_TIME, empty);
        // SAFETY: this call names no buffer (common/efi/runtime.c, `efi_runtime_call`).
        unsafe { call(&mut operation) }?;
        Ok(Answer { status: Status(operation.body.status), value: operation.body.arguments.time })
    }

    fn efi_get_variable(
        &mut self,
        name: &Name,
        owner: Guid,
        bytes: &mut [u8],
    ) -> Result<Answer<(u32, u64)>, Errno> {
        let get = GetVariable {
            name: name.units().as_ptr(),
            size: bytes.len() as u64,
            data: bytes.as_mut_ptr(),
            owner: owner.to_bytes(),
            rest: [0; 9],
        };
        let mut operation = Operation::runtime(GET_VARIABLE, get);
        // SAFETY: a `Name` ends with a NUL, up to which Xen reads; `bytes` is ours to change, and EFI gives success only where the variable
        // fits in `size` (common/efi/runtime.c, `efi_runtime_call`; UEFI 2.10, 8.2, GetVariable).
        unsafe { call(&mut operation) }?;
        let RuntimeCall { misc, status, arguments, .. } = operation.body;
        Ok(Answer { status: Status(status), value: (misc, arguments.size) })
    }
}
