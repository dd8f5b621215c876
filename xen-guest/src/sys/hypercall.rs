//! The hypercall instruction.
//!
//! *What this is*: one function for each number of arguments. In kernel mode any `syscall` enters Xen (entry.S,
//! `lstar_enter`), so no page has to be filled first. `xen-sys` has calls of its own; they are not used because they
//! pass a fifth argument in r9 where Xen reads r8.
//!
//! *What must hold*: Xen rewrites argument registers when it resumes a long call, and a debug build overwrites them, so
//! all are declared changed; so are rcx and r11, which `syscall` itself overwrites.

use core::{
    arch::asm,
    sync::atomic::{AtomicU64, Ordering},
};

use arrayvec::ArrayVec;

use crate::sys::recent::{KEPT, RecentCall, RecentCalls};

/// All hypercalls that were made, except an `iret` in the trap handler.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Hypercalls that Xen refused. Not counted: those to its console, which a release Xen lets only dom0 use, and
/// questions about the host that may be answered with "there is no such thing".
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// The last that were made, but for those of the console.
static RECENT: RecentCalls = RecentCalls::new();

/// Returns the last hypercalls, the latest first.
pub(super) fn latest() -> ArrayVec<RecentCall, KEPT> {
    RECENT.latest()
}

/// Returns how many hypercalls were made.
pub(super) fn made() -> u64 {
    MADE.load(Ordering::Relaxed)
}

/// Returns how many hypercalls Xen refused.
pub(super) fn refused() -> u64 {
    REFUSED.load(Ordering::Relaxed)
}

/// Makes a hypercall with up to four arguments: for what this layer does not offer.
///
/// The number is a `__HYPERVISOR_` constant of `public/xen.h`; the result is what Xen left in rax.
///
/// # Safety
/// The call must be one that is sound with these arguments: pointers reach memory that Xen may read, or write where the
/// call says so, and what the call does to the address space keeps Rust's memory intact.
pub unsafe fn hypercall(number: u32, arguments: [u64; 4]) -> i64 {
    // SAFETY: forwarded: the caller answers for the call.
    let result = unsafe { question(number, arguments) };
    count_refusal(number, result);
    result
}

/// Makes a hypercall as [`hypercall`] does, but not noted among the last: for the console, which is used to show them.
///
/// # Safety
/// As [`hypercall`].
pub(super) unsafe fn unnoted(number: u32, arguments: [u64; 4]) -> i64 {
    // SAFETY: forwarded: the caller answers for the call.
    let result = unsafe { syscall(number, arguments) };
    count_refusal(number, result);
    result
}

fn count_refusal(number: u32, result: i64) {
    let is_answer = match number {
        xen_sys::__HYPERVISOR_console_io => true,
        xen_sys::__HYPERVISOR_platform_op => {
            matches!(crate::sys::outcome::check(result), Err(mmu::Errno::ENOSYS | mmu::Errno::EOPNOTSUPP))
        }
        _ => false,
    };
    if result < 0 && !is_answer {
        REFUSED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes a hypercall that may be answered with "there is none", which is not counted as a refusal.
///
/// # Safety
/// As [`hypercall`].
#[inline(never)]
pub(super) unsafe fn question(number: u32, arguments: [u64; 4]) -> i64 {
    let slot = RECENT.begin(number, arguments[0], arguments[1]);
    // SAFETY: forwarded: the caller answers for the call.
    let result = unsafe { syscall(number, arguments) };
    slot.end(result);
    result
}

/// Asks for Xen's version, which changes nothing: for what Xen does at the end of any hypercall.
pub(super) fn nothing() {
    // SAFETY: the command has no argument.
    let _version = unsafe { unnoted(xen_sys::__HYPERVISOR_xen_version, [0; 4]) };
}

/// Makes a hypercall, which is only counted.
///
/// # Safety
/// As [`hypercall`].
unsafe fn syscall(number: u32, arguments: [u64; 4]) -> i64 {
    MADE.fetch_add(1, Ordering::Relaxed);
    let [first, second, third, fourth] = arguments;
    let result: i64;
    // SAFETY: forwarded: the caller answers for the call; the clobbers are those of the module's head.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") u64::from(number) => result,
            inlateout("rdi") first => _,
            inlateout("rsi") second => _,
            inlateout("rdx") third => _,
            inlateout("r10") fourth => _,
            lateout("r8") _,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}
