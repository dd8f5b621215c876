//! Time on real Xen: the words of shared_info, the counter, the timer.

use core::arch::asm;

use mmu::Errno;

use crate::{
    sys::{hypercall::hypercall, mask, outcome::check},
    time::{
        clock::{Latest, system_time, wall_clock_start},
        instant::Instant,
    },
};

static LATEST: Latest = Latest::new();

/// Returns the time; 0 before shared_info is mapped.
pub(super) fn now() -> Instant {
    LATEST.at_least(mask::shared_info().map_or(0, |page| system_time(&page, ordered_ticks)))
}

/// Returns when the system time was 0; 1970 before shared_info is mapped.
pub(super) fn wall_start() -> core::time::Duration {
    mask::shared_info().map_or(core::time::Duration::ZERO, |page| wall_clock_start(&page))
}

/// Sets the one timer of this processor.
pub(super) fn set_timer(at: Instant) -> Result<(), Errno> {
    // 0 would stop it.
    let at = at.as_nanos().max(1);
    // SAFETY: the argument is a number, and all that follows is an event.
    check(unsafe { hypercall(xen_sys::__HYPERVISOR_set_timer_op, [at, 0, 0, 0]) }).map(|_| ())
}

/// Reads the time stamp counter once all loads before are done.
fn ordered_ticks() -> u64 {
    let (high, low): (u64, u64);
    // SAFETY: lfence and rdtsc change two registers; Xen lets a PV guest execute rdtsc or emulates it.
    unsafe {
        asm!("lfence", "rdtsc", "lfence", out("rdx") high, out("rax") low, options(nostack, preserves_flags));
    }
    high << 32 | low
}
