//! Faults on purpose (`fail=NAME`): each report says in words what is at the address, and which hypercalls came last.
//!
//! *What is elsewhere*: which start_info and which ring is refused (`boot_runs.rs`), panics (`host_runs.rs`), what modules
//! do (`module_runs.rs`). Their reports are checked by [`calls_shown`] too.

use anyhow::{Result, ensure};

use crate::suite::case::{Case, Evidence};
use crate::suite::proof::{self, PageFault};

/// The runs.
pub(crate) const FAIL: [Case; 11] = [
    // Recorded at an address that was chosen; the same as dom0, at the address of the builder.
    Case::dies("domu-text-written", "domu", "fail=text", &[proof::trap_shown, calls_shown]),
    // In the middle of the boot, with the builder's tables.
    Case::dies("dom0-fails-early", "dom0", "fail=early", &[null, calls_shown]),
    Case::dies("dom0-reads-null", "dom0", "fail=null", &[null, calls_shown]),
    Case::dies("domu-reads-null", "domu", "fail=null", &[null, calls_shown]),
    Case::dies("domu-table-written", "domu", "fail=table", &[table, calls_shown]),
    Case::dies("dom0-guard-written", "dom0", "fail=guard", &[guard, calls_shown]),
    Case::dies("dom0-hole-read", "dom0", "fail=hole", &[hole, calls_shown]),
    Case::dies("dom0-window-read", "dom0", "fail=window", &[window, calls_shown]),
    Case::dies("dom0-data-executed", "dom0", "fail=execute", &[execute, calls_shown]),
    Case::dies("domu-call-refused-then-panics", "domu", "fail=call-panic", &[refusal_shown, calls_shown]),
    Case {
        xen_says: &[
            "domain_crash_sync called from entry.S",
            "Domain 0 (vcpu#0) crashed",
            "CONTEXT: pv guest (d0v0)",
        ],
        ..Case::dies("dom0-stack-overflows", "dom0", "fail=stack", &[overflow])
    },
];

/// The last hypercalls are there, the latest first, each by its name. One of the first that are made sets the traps.
pub(crate) fn calls_shown(evidence: &Evidence) -> Result<()> {
    let calls = evidence.facts.one("last hypercalls")?.texts("calls")?;
    let known = [
        "mmu_update(",
        "mmuext_op(",
        "update_va_mapping(",
        "memory_op(",
        "event_channel_op(",
        "sched_op(",
        "callback_op(",
        "vcpu_op(",
    ];
    let known = |call: &str| {
        (known.iter().any(|name| call.starts_with(name)) || call.starts_with("set_trap_table("))
            && call.contains(") = ")
    };
    ensure!((1..=8).contains(&calls.len()), "{} last hypercalls", calls.len());
    ensure!(calls.iter().all(|call| known(call)), "another last hypercall: {calls:?}");
    Ok(())
}

/// The call that Xen refused is among the last, with what Xen returned.
fn refusal_shown(evidence: &Evidence) -> Result<()> {
    let calls = evidence.facts.one("last hypercalls")?.texts("calls")?;
    let refused = "sched_op(0x7fffffff, 0x0) = ENOSYS (-38)";
    ensure!(calls.first() == Some(&refused), "the refused call is not the last shown: {calls:?}");
    let message = proof::fatal(evidence)?.text("message")?;
    ensure!(message == "fail=call-panic", "another message: {message}");
    Ok(())
}

/// A page fault with this code, at a place and with a mapping that begin like this.
fn fault(evidence: &Evidence, code: u64, place: &str, mapped: &str) -> Result<PageFault> {
    let found = PageFault::of(evidence)?;
    // Whether Xen says that the access was one of a user's is of no interest: a PV kernel is one.
    ensure!(found.code & !4 == code, "another access: {found:x?}");
    proof::explained(evidence, place, mapped)?;
    Ok(found)
}

fn null(evidence: &Evidence) -> Result<()> {
    let found = fault(evidence, 0, "near the null pointer", "not mapped: the L4 entry is empty")?;
    ensure!(found.address == 8, "another address: {found:x?}");
    Ok(())
}

fn table(evidence: &Evidence) -> Result<()> {
    fault(evidence, 3, "direct map", "read-only: live L1 table, not executable, pfn 0x").map(drop)
}

fn guard(evidence: &Evidence) -> Result<()> {
    fault(evidence, 2, "guard page of the stack", "not mapped: the L1 entry is empty").map(drop)
}

fn hole(evidence: &Evidence) -> Result<()> {
    fault(evidence, 0, "hypervisor hole", "Xen's own; not looked at").map(drop)
}

fn window(evidence: &Evidence) -> Result<()> {
    fault(evidence, 0, "module window", "not mapped: the L").map(drop)
}

fn execute(evidence: &Evidence) -> Result<()> {
    fault(evidence, 17, "direct map", "writable, not executable, pfn 0x1").map(drop)
}

/// Xen ended the guest, and the lab knows why.
fn overflow(evidence: &Evidence) -> Result<()> {
    let named = &evidence.named;
    let why = named.iter().any(|line| line.ends_with(": stack overflow in xen_guest::sys::fail::overflow"));
    ensure!(why, "no word of the stack: {named:?}");
    let last = &evidence.report.last;
    let first =
        last.strip_prefix("the guest crashed: ").is_some_and(|why| named.iter().any(|line| line == why));
    ensure!(first, "the summary has another reason: {last}");
    ensure!(evidence.facts.all("fatal").next().is_none(), "the guest reported it itself");
    Ok(())
}
