//! The last hypercalls, for the report of an end.
//!
//! *What this is*: a ring of the last few, each with its first two arguments and its result. What the console does to
//! print is left out, or a report would show itself.
//!
//! *What must hold*: noting a call takes a few stores, because every call pays for it.

use core::fmt;
use core::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use arrayvec::ArrayVec;

use crate::sys::outcome::check;

/// How many are kept.
pub(super) const KEPT: usize = 8;
/// The result of a call that has not returned; Xen's own are errnos or small.
const NOT_RETURNED: i64 = i64::MIN;

/// One place of the ring.
#[derive(Debug)]
pub(super) struct Slot {
    number: AtomicU64,
    first: AtomicU64,
    second: AtomicU64,
    result: AtomicI64,
}

/// The last hypercalls.
#[derive(Debug)]
pub(super) struct RecentCalls {
    /// How many were noted.
    noted: AtomicUsize,
    ring: [Slot; KEPT],
}

impl RecentCalls {
    pub(super) const fn new() -> Self {
        Self { noted: AtomicUsize::new(0), ring: [const { Slot::new() }; KEPT] }
    }

    /// Notes a call that is about to be made.
    #[inline(always)]
    pub(super) fn begin(&self, number: u32, first: u64, second: u64) -> &Slot {
        // An upcall may come here at any time, and its handler may make calls too.
        let noted = self.noted.fetch_add(1, Ordering::Relaxed);
        let slot = &self.ring[noted % KEPT];
        slot.number.store(number.into(), Ordering::Relaxed);
        slot.first.store(first, Ordering::Relaxed);
        slot.second.store(second, Ordering::Relaxed);
        slot.result.store(NOT_RETURNED, Ordering::Relaxed);
        slot
    }

    /// Returns the last calls, the latest first.
    pub(super) fn latest(&self) -> ArrayVec<RecentCall, KEPT> {
        let noted = self.noted.load(Ordering::Relaxed);
        (1..=noted.min(KEPT)).map(|back| RecentCall::of(&self.ring[(noted - back) % KEPT])).collect()
    }
}

impl Slot {
    const fn new() -> Self {
        let (number, first, second) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { number, first, second, result: AtomicI64::new(0) }
    }

    /// Notes what Xen returned.
    #[inline(always)]
    pub(super) fn end(&self, result: i64) {
        self.result.store(result, Ordering::Relaxed);
    }
}

/// A hypercall that was made, shown as `mmu_update(0xffffffff81123000, 0x1) = 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecentCall {
    number: u64,
    arguments: [u64; 2],
    result: i64,
}

impl RecentCall {
    fn of(slot: &Slot) -> Self {
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let arguments = [load(&slot.first), load(&slot.second)];
        Self { number: load(&slot.number), arguments, result: slot.result.load(Ordering::Relaxed) }
    }
}

impl fmt::Display for RecentCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name(self.number) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "hypercall {}", self.number)?,
        }
        let [first, second] = self.arguments;
        write!(f, "({first:#x}, {second:#x})")?;
        match (self.result, check(self.result)) {
            (NOT_RETURNED, _) => f.write_str(", not returned"),
            (_, Ok(result)) => write!(f, " = {result}"),
            (_, Err(errno)) => write!(f, " = {errno}"),
        }
    }
}

/// The calls that a PV kernel makes (`public/xen.h`).
fn name(number: u64) -> Option<&'static str> {
    Some(match u32::try_from(number).ok()? {
        xen_sys::__HYPERVISOR_set_trap_table => "set_trap_table",
        xen_sys::__HYPERVISOR_mmu_update => "mmu_update",
        xen_sys::__HYPERVISOR_memory_op => "memory_op",
        xen_sys::__HYPERVISOR_update_va_mapping => "update_va_mapping",
        xen_sys::__HYPERVISOR_console_io => "console_io",
        xen_sys::__HYPERVISOR_grant_table_op => "grant_table_op",
        xen_sys::__HYPERVISOR_vcpu_op => "vcpu_op",
        xen_sys::__HYPERVISOR_mmuext_op => "mmuext_op",
        xen_sys::__HYPERVISOR_sched_op => "sched_op",
        xen_sys::__HYPERVISOR_set_timer_op => "set_timer_op",
        xen_sys::__HYPERVISOR_callback_op => "callback_op",
        xen_sys::__HYPERVISOR_event_channel_op => "event_channel_op",
        xen_sys::__HYPERVISOR_platform_op => "platform_op",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec::Vec;

    use super::{KEPT, RecentCalls};

    fn said(calls: &RecentCalls) -> Vec<std::string::String> {
        calls.latest().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_call_is_shown_by_its_name_with_arguments_and_result() {
        let calls = RecentCalls::new();
        assert!(said(&calls).is_empty());
        calls.begin(1, 0x10, 0x20).end(0);
        calls.begin(26, 0x30, 1).end(-22);
        calls.begin(99, 0, u64::MAX).end(7);
        calls.begin(12, 0x9, 0x40);
        let expected = [
            "memory_op(0x9, 0x40), not returned",
            "hypercall 99(0x0, 0xffffffffffffffff) = 7",
            "mmuext_op(0x30, 0x1) = EINVAL (-22)",
            "mmu_update(0x10, 0x20) = 0",
        ];
        assert_eq!(said(&calls), expected);
    }

    #[test]
    fn only_the_last_are_kept() {
        let calls = RecentCalls::new();
        for call in 0..3 * KEPT as u64 + 1 {
            calls.begin(1, call, 0).end(0);
        }
        let first = 3 * KEPT as u64;
        let expected: Vec<_> =
            (0..KEPT as u64).map(|back| std::format!("mmu_update({:#x}, 0x0) = 0", first - back)).collect();
        assert_eq!(said(&calls), expected);
        assert_eq!(expected.len(), 8, "docs/boot.md says how many");
    }
}
