//! Asks the processor and Xen what there is, for [`crate::boot::demands`].
//!
//! *What must hold*: CPUID is asked of Xen, by the prefix it emulates for PV guests (`public/arch-x86/xen.h`, XEN_CPUID). The bare
//! instruction shows the host where the processor cannot be made to fault on it.

use core::arch::asm;

use mmu::Errno;

use crate::{
    boot::demands::{Asked, Call},
    sys::{hypercall::question, outcome::check},
};

const DOMID_SELF: u64 = 0x7ff0;
/// An address of Xen's own, which `update_va_mapping` refuses before it looks at the entry.
const XENS: u64 = 0xffff_8000_0000_0000;
const MAXIMUM_RAM_PAGE: u64 = 2;
const EVTCHNOP_STATUS: u64 = 5;

/// The machine below us.
#[derive(Debug)]
pub(super) struct Host;

/// `struct evtchn_status` of `public/event_channel.h`.
#[repr(C)]
struct Status {
    domain: u16,
    port: u32,
    status: u32,
    vcpu: u32,
    of: [u32; 2],
}

const _: () = assert!(size_of::<Status>() == 24);

impl Asked for Host {
    fn cpuid(&self, leaf: u32) -> (u32, u32) {
        let (eax, edx);
        // SAFETY: Xen recognises the five bytes, undefined to the processor, in front of cpuid and does what cpuid does
        // (pv/emul-inv-op.c): four registers change. rbx, which asm! may not name, is put back.
        unsafe {
            asm!(
                "mov {saved}, rbx",
                ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e",
                "cpuid",
                "mov rbx, {saved}",
                saved = out(reg) _,
                inlateout("eax") leaf => eax,
                inlateout("ecx") 0 => _,
                lateout("edx") edx,
                options(nomem, nostack, preserves_flags),
            );
        }
        (eax, edx)
    }

    fn call(&self, call: &Call) -> Result<(), Errno> {
        let mut status = Status { domain: DOMID_SELF as u16, port: 0, status: 0, vcpu: 0, of: [0; 2] };
        let arguments = match call.number {
            xen_sys::__HYPERVISOR_mmu_update | xen_sys::__HYPERVISOR_mmuext_op => [0, 0, 0, DOMID_SELF],
            xen_sys::__HYPERVISOR_update_va_mapping => [XENS, 0, 0, 0],
            xen_sys::__HYPERVISOR_memory_op => [MAXIMUM_RAM_PAGE, 0, 0, 0],
            xen_sys::__HYPERVISOR_sched_op => [u64::from(xen_sys::SCHEDOP_yield), 0, 0, 0],
            xen_sys::__HYPERVISOR_event_channel_op => [EVTCHNOP_STATUS, &raw mut status as u64, 0, 0],
            _ => return Err(Errno::ENOSYS),
        };
        // SAFETY: lists of no requests, a mapping that Xen refuses, and questions, of which one is answered in `status`,
        // which is ours and as large as Xen's structure.
        check(unsafe { question(call.number, arguments) }).map(|_| ())
    }
}
