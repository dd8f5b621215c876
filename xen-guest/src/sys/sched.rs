//! Giving the processor away, and ending the domain.

use super::{console, hypercall::hypercall};

/// Why a domain ends, as the toolstack sees it (`public/sched.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// Powered off.
    Poweroff = xen_sys::SHUTDOWN_poweroff,
    /// To be started again.
    Reboot = xen_sys::SHUTDOWN_reboot,
    /// Something went wrong.
    Crash = xen_sys::SHUTDOWN_crash,
}

#[repr(C)]
struct Shutdown {
    reason: u32,
}

#[repr(C)]
struct Poll {
    ports: *const u32,
    nr_ports: u32,
    timeout: u64,
}

/// Ends the domain once the console's reader has everything.
pub fn shutdown(reason: Reason) -> ! {
    console::drain();
    end(reason)
}

/// Ends the domain, whatever was not read yet.
pub(super) fn end(reason: Reason) -> ! {
    let shutdown = Shutdown { reason: reason as u32 };
    loop {
        // SAFETY: `struct sched_shutdown` of public/sched.h is one u32 reason; Xen reads it and ends the domain.
        let _refused = unsafe {
            hypercall(
                xen_sys::__HYPERVISOR_sched_op,
                [u64::from(xen_sys::SCHEDOP_shutdown), &raw const shutdown as u64, 0, 0],
            )
        };
    }
}

/// Lets other domains run.
pub(super) fn give_way() {
    // SAFETY: SCHEDOP_yield has no argument and changes nothing of ours.
    let _refused =
        unsafe { hypercall(xen_sys::__HYPERVISOR_sched_op, [u64::from(xen_sys::SCHEDOP_yield), 0, 0, 0]) };
}

/// Stays up, blocked, for ever: a poll of no ports without a timeout never ends. The toolstack can pause, dump and destroy
/// the domain; requests through xenstore are not answered.
pub fn idle() -> ! {
    stop_timer();
    let poll = Poll { ports: core::ptr::null(), nr_ports: 0, timeout: 0 };
    loop {
        // SAFETY: `struct sched_poll` of public/sched.h: no port numbers to read, and a timeout of 0 for none.
        let _refused = unsafe {
            hypercall(
                xen_sys::__HYPERVISOR_sched_op,
                [u64::from(xen_sys::SCHEDOP_poll), &raw const poll as u64, 0, 0],
            )
        };
    }
}

/// Stops the periodic timer that Xen starts for every PV processor (10 ms); nobody here listens to it.
fn stop_timer() {
    const VCPUOP_STOP_PERIODIC_TIMER: u64 = 7;
    // SAFETY: the call has no argument but the processor's number, 0, and changes nothing in memory.
    let _refused = unsafe { hypercall(xen_sys::__HYPERVISOR_vcpu_op, [VCPUOP_STOP_PERIODIC_TIMER, 0, 0, 0]) };
}
