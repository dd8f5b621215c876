//! What Xen reports about the firmware to dom0, and does with it for dom0: the hypercall `platform_op`.
//!
//! *What this is*: the two operations on EFI of `public/platform.h`.
//!
//! *What must hold*: every argument has the 136 bytes of `struct xen_platform_op`, because Xen copies all of them in.
//! Xen writes back to it, and to the buffers it names no more than the bytes it was given for them.

use mmu::Errno;

use crate::{
    firmware::{EfiAnswer, EfiCalls, Guid, Status, VariableName},
    sys::{
        abi::{
            EfiConfigTable, EfiGetTime, EfiGetVariable, EfiRuntimeCall, EfiVendor, EfiVersion,
            PLATFORM_OP_BYTES, PlatformOp, XEN_EFI_GET_TIME, XEN_EFI_GET_VARIABLE, XEN_FW_EFI_CONFIG_TABLE,
            XEN_FW_EFI_RT_VERSION, XEN_FW_EFI_VENDOR, XEN_FW_EFI_VERSION,
        },
        hypercall::hypercall,
        outcome::check,
        xen::Xen,
    },
};

/// Makes the call.
///
/// # Safety
/// Xen may write to the buffers that the operation names, as many bytes as it says they have.
unsafe fn call<B>(operation: &mut PlatformOp<B>) -> Result<(), Errno> {
    const { assert!(size_of::<PlatformOp<B>>() == PLATFORM_OP_BYTES) };
    let arguments = [&raw mut *operation as u64, 0, 0, 0];
    // SAFETY: the operation is ours to change and has the size Xen copies, as just asserted; for its buffers the caller
    // answers.
    check(unsafe { hypercall(xen_sys::__HYPERVISOR_platform_op, arguments) }).map(|_| ())
}

fn version(index: u32) -> Result<u32, Errno> {
    let mut operation = PlatformOp::efi_info(index, EfiVersion::EMPTY);
    // SAFETY: this question names no buffer (common/efi/runtime.c, `efi_get_info`).
    unsafe { call(&mut operation) }?;
    Ok(operation.body.info.version)
}

impl EfiCalls for Xen {
    fn efi_version(&mut self) -> Result<u32, Errno> {
        version(XEN_FW_EFI_VERSION)
    }

    fn efi_runtime_version(&mut self) -> Result<u32, Errno> {
        version(XEN_FW_EFI_RT_VERSION)
    }

    fn efi_configuration(&mut self) -> Result<(u64, u32), Errno> {
        let mut operation = PlatformOp::efi_info(XEN_FW_EFI_CONFIG_TABLE, EfiConfigTable::EMPTY);
        // SAFETY: this question names no buffer (common/efi/runtime.c, `efi_get_info`).
        unsafe { call(&mut operation) }?;
        Ok((operation.body.info.address, operation.body.info.entries))
    }

    fn efi_vendor(&mut self, name: &mut [u16]) -> Result<u32, Errno> {
        let bytes = u32::try_from(size_of_val(name)).map_err(|_| Errno::EINVAL)?;
        let vendor = EfiVendor::to(name.as_mut_ptr(), bytes);
        let mut operation = PlatformOp::efi_info(XEN_FW_EFI_VENDOR, vendor);
        // SAFETY: `name` is ours to change, and Xen writes at most the `bytes` it has (common/efi/runtime.c,
        // `efi_get_info`).
        unsafe { call(&mut operation) }?;
        Ok(operation.body.info.revision)
    }

    fn efi_get_time(&mut self) -> Result<EfiAnswer<[u8; 16]>, Errno> {
        let mut operation = PlatformOp::efi_runtime_call(XEN_EFI_GET_TIME, EfiGetTime::EMPTY);
        // SAFETY: this call names no buffer (common/efi/runtime.c, `efi_runtime_call`).
        unsafe { call(&mut operation) }?;
        Ok(EfiAnswer { status: Status(operation.body.status), value: operation.body.arguments.time })
    }

    fn efi_get_variable(
        &mut self,
        name: &VariableName,
        owner: Guid,
        bytes: &mut [u8],
    ) -> Result<EfiAnswer<(u32, u64)>, Errno> {
        let size = bytes.len() as u64;
        let get = EfiGetVariable::of(name.units().as_ptr(), owner.to_bytes(), bytes.as_mut_ptr(), size);
        let mut operation = PlatformOp::efi_runtime_call(XEN_EFI_GET_VARIABLE, get);
        // SAFETY: a `Name` ends with a NUL, up to which Xen reads; `bytes` is ours to change, and EFI gives success
        // only where the variable fits in `size` (common/efi/runtime.c, `efi_runtime_call`; UEFI 2.10, 8.2,
        // GetVariable).
        unsafe { call(&mut operation) }?;
        let EfiRuntimeCall { misc, status, arguments, .. } = operation.body;
        Ok(EfiAnswer { status: Status(status), value: (misc, arguments.size) })
    }
}
