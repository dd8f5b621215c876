//! Yielding the processor, and ending the domain.

use mmu::Errno;

use crate::sys::{
    abi::{SchedPoll, SchedShutdown, VCPUOP_STOP_PERIODIC_TIMER},
    console,
    hypercall::{hypercall, unnoted},
    outcome::check,
};

/// Why a domain ends, as the toolstack sees it (`public/sched.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// Powered off.
    Poweroff = xen_sys::SHUTDOWN_poweroff,
    /// To be rebooted.
    Reboot = xen_sys::SHUTDOWN_reboot,
    /// Something went wrong.
    Crash = xen_sys::SHUTDOWN_crash,
}

/// Ends the domain once the console's reader has everything.
pub fn shutdown(reason: Reason) -> ! {
    console::drain();
    end(reason)
}

/// Ends the domain at once, even if output was not read yet.
pub(super) fn end(reason: Reason) -> ! {
    let shutdown = SchedShutdown { reason: reason as u32 };
    loop {
        ask(&Operation::Shutdown(&shutdown));
    }
}

/// Lets other domains run.
pub(super) fn give_way() {
    ask(&Operation::Yield);
}

/// Blocks until an event channel is notified, or at once if it was since its pending bit was cleared.
pub(super) fn wait_for(port: u32) {
    let mut port = port;
    ask(&Operation::Poll(&SchedPoll { ports: &raw mut port, nr_ports: 1, timeout: 0 }));
}

/// Waits until an event is delivered, and lets events through, in one step.
pub(super) fn block() -> Result<(), Errno> {
    // SAFETY: the command has no argument, and changes nothing of ours but the mask of events.
    check(unsafe { hypercall(xen_sys::__HYPERVISOR_sched_op, [u64::from(xen_sys::SCHEDOP_block), 0, 0, 0]) })
        .map(|_| ())
}

/// Stays up, blocked, for good: a poll of no ports without a timeout never ends. The toolstack can pause, dump and
/// destroy the domain; what it asks for through xenstore is not answered (`control::Control::wait` does that).
pub fn idle() -> ! {
    let poll = SchedPoll { ports: core::ptr::null_mut(), nr_ports: 0, timeout: 0 };
    loop {
        ask(&Operation::Poll(&poll));
    }
}

/// A request to the scheduler, with its argument.
enum Operation<'a> {
    Yield,
    Shutdown(&'a SchedShutdown),
    /// Of no ports, or of one that its pointer leads to.
    Poll(&'a SchedPoll),
}

/// Asks the scheduler. A refusal is ignored: callers that must not go on ask again.
fn ask(operation: &Operation<'_>) {
    let (command, argument) = match *operation {
        Operation::Yield => (xen_sys::SCHEDOP_yield, 0),
        Operation::Shutdown(shutdown) => (xen_sys::SCHEDOP_shutdown, &raw const *shutdown as u64),
        Operation::Poll(poll) => (xen_sys::SCHEDOP_poll, &raw const *poll as u64),
    };
    let arguments = [u64::from(command), argument, 0, 0];
    // SAFETY: the argument is what public/sched.h wants with the command: nothing, `struct sched_shutdown`, or `struct
    // sched_poll` with no port numbers to read, or one. Xen reads it and changes nothing of ours.
    let _refused = unsafe { unnoted(xen_sys::__HYPERVISOR_sched_op, arguments) };
}

/// Stops the periodic timer that Xen starts for every PV processor (10 ms); nothing here uses it.
pub(super) fn stop_timer() -> Result<(), Errno> {
    // SAFETY: the call has no argument but the processor's number, 0, and changes nothing in memory.
    check(unsafe { hypercall(xen_sys::__HYPERVISOR_vcpu_op, [VCPUOP_STOP_PERIODIC_TIMER, 0, 0, 0]) })
        .map(|_| ())
}
