//! Asks the processor and Xen what they support, for [`crate::boot::demands`].
//!
//! *What must hold*: CPUID is asked from Xen, with the prefix it emulates for PV guests (`public/arch-x86/xen.h`,
//! XEN_CPUID). The bare instruction shows the host where the processor cannot be made to fault on it.

use core::arch::{asm, x86_64::CpuidResult};

use mmu::Errno;

use crate::{
    boot::demands::{Asked, Call},
    sys::{
        abi::{DOMID_SELF, EvtchnStatus, HYPERVISOR_VIRT_START, XENMEM_MAXIMUM_RAM_PAGE},
        hypercall::question,
        outcome::check,
    },
};

/// The real machine.
#[derive(Debug)]
pub(super) struct Host;

impl Asked for Host {
    fn cpuid(&self, leaf: u32) -> CpuidResult {
        let (eax, ebx, ecx, edx);
        // SAFETY: Xen recognises the five bytes, undefined to the processor, in front of cpuid and does what cpuid does
        // (pv/emul-inv-op.c): four registers change. rbx, which asm! may not name, is
        // put back.
        unsafe {
            asm!(
                "mov {saved}, rbx",
                ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e",
                "cpuid",
                "xchg rbx, {saved}",
                saved = out(reg) ebx,
                inlateout("eax") leaf => eax,
                inlateout("ecx") 0 => ecx,
                lateout("edx") edx,
                options(nomem, nostack, preserves_flags),
            );
        }
        // The upper half of rbx is 0 after cpuid.
        let ebx: u64 = ebx;
        CpuidResult { eax, ebx: ebx as u32, ecx, edx }
    }

    fn call(&self, call: &Call) -> Result<(), Errno> {
        let nobody = xen_sys::evtchn_status__bindgen_ty_1__bindgen_ty_2 { dom: 0, port: 0 };
        let of = xen_sys::evtchn_status__bindgen_ty_1 { interdomain: nobody };
        let mut status = EvtchnStatus { dom: DOMID_SELF, port: 0, status: 0, vcpu: 0, u: of };
        let arguments = match call.number {
            xen_sys::__HYPERVISOR_mmu_update | xen_sys::__HYPERVISOR_mmuext_op => {
                [0, 0, 0, u64::from(DOMID_SELF)]
            }
            // Xen refuses one of its own addresses before it reads the entry.
            xen_sys::__HYPERVISOR_update_va_mapping => [HYPERVISOR_VIRT_START, 0, 0, 0],
            xen_sys::__HYPERVISOR_memory_op => [XENMEM_MAXIMUM_RAM_PAGE, 0, 0, 0],
            xen_sys::__HYPERVISOR_sched_op => [u64::from(xen_sys::SCHEDOP_yield), 0, 0, 0],
            xen_sys::__HYPERVISOR_event_channel_op => {
                [u64::from(xen_sys::EVTCHNOP_status), &raw mut status as u64, 0, 0]
            }
            _ => return Err(Errno::ENOSYS),
        };
        // SAFETY: lists of no requests, a mapping that Xen refuses, and questions, of which one is answered in
        // `status`, which is ours and as large as Xen's structure.
        check(unsafe { question(call.number, arguments) }).map(|_| ())
    }
}
