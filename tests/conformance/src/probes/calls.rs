//! Hypercalls that are not about tables, and multicalls (`common/multicall.c`, `pv/callback.c`,
//! `drivers/char/console.c`).

use crate::{
    bench::{RO, RW},
    probe::{Expected, Probe},
    request::{ExtendedOperation, Request},
    requests::{Part, Step},
    subject::Call,
};

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "calls-unknown",
        "Hypercalls that do not exist.",
        Expected::always("gone=ENOSYS none=ENOSYS"),
        |bench| {
            bench.call("gone", Call::Gone);
            bench.call("none", Call::Unknown);
        },
    ),
    Probe::new(
        "call-console",
        "Xen lets only dom0 use its console, whatever the command; a debug Xen lets everybody write.",
        Expected::by_domain("write=EPERM unknown=EPERM", "write=ok unknown=ENOSYS")
            .of_debug("write=ok unknown=EPERM", "write=ok unknown=ENOSYS"),
        |bench| {
            bench.call("write", Call::ConsoleWrite);
            bench.call("unknown", Call::ConsoleUnknown);
        },
    ),
    Probe::new(
        "call-trap-table",
        "A handler at an address that is not canonical is refused.",
        Expected::always("traps=EINVAL"),
        |bench| bench.call("traps", Call::TrapNotCanonical),
    ),
    Probe::new(
        "call-commands",
        "Commands, processors and ports that do not exist.",
        Expected::always(
            "sched=ENOSYS memory=ENOSYS processor=ENOENT port=EINVAL processor=ENOSYS event=ENOSYS",
        )
        .on_shim("sched=ENOSYS memory=ENOSYS processor=ENOENT port=EINVAL processor=ENOSYS event=EOPNOTSUPP"),
        |bench| {
            bench.call("sched", Call::SchedUnknown);
            bench.call("memory", Call::MemoryUnknown);
            bench.call("processor", Call::NoSuchProcessor);
            bench.call("port", Call::NoSuchPort);
            bench.call("processor", Call::ProcessorUnknown);
            bench.call("event", Call::EventUnknown);
        },
    ),
    Probe::new(
        "call-sched",
        "Yielding is done; waiting for too many ports, or for one that is not, is refused. Processor 0 is up.",
        Expected::always("yield=ok poll=EINVAL poll=EINVAL up=ok"),
        |bench| {
            bench.call("yield", Call::Yield);
            bench.call("poll", Call::PollTooMany);
            bench.call("poll", Call::PollNoSuchPort);
            bench.call("up", Call::ProcessorUp);
        },
    ),
    Probe::new(
        "call-bad-lists",
        "A list that Xen may not read, and a domain that cannot be.",
        Expected::always("unmapped=EFAULT xens=EFAULT domain=ESRCH"),
        |bench| {
            bench.call("unmapped", Call::ListUnmapped);
            bench.call("xens", Call::ListXens);
            bench.call("domain", Call::NoSuchDomain);
        },
    ),
    Probe::new(
        "multicall-partial",
        "Every entry of a multicall has its own result, and one that is refused stops nothing.",
        Expected::always(
            "multicall=ok entry=ok entry=EBUSY entry=EINVAL entry=ok entry=EBUSY flags=0x8010000000000065 flags=0x0 rw=EBUSY",
        ),
        |bench| {
            let (table, leaf, writable) = (bench.table(&[]), bench.page(), bench.page());
            let pin = |mfn| Part::Operation(ExtendedOperation::new(xen_sys::MMUEXT_PIN_L1_TABLE, mfn, 0));
            let update = |index, value| Part::Update(Request::new(bench.slot(table, index), value));
            bench.multicall(&[
                Step::new(pin(bench.mfn(table))),
                Step::new(Part::Map(bench.change(table, RW))),
                Step::new(pin(bench.mfn(writable))),
                Step::new(update(1, bench.entry(leaf, RO))),
                Step::new(update(2, bench.entry(table, RW))),
            ]);
            bench.mark_pinned(table);
            bench.flags(table, 1);
            bench.flags(table, 2);
            bench.rw(table);
        },
    ),
    Probe::new(
        "multicall-in-order",
        "Entries are carried out in order: a page becomes a table once the entry before took its writable mapping away.",
        Expected::always("multicall=ok entry=EINVAL entry=ok entry=ok entry=ok entry=ok"),
        |bench| {
            let page = bench.page();
            let pin = ExtendedOperation::new(xen_sys::MMUEXT_PIN_L1_TABLE, bench.mfn(page), 0);
            let unpin = ExtendedOperation::new(xen_sys::MMUEXT_UNPIN_TABLE, bench.mfn(page), 0);
            bench.multicall(&[
                Step::new(Part::Operation(pin)),
                Step::new(Part::Map(bench.change(page, RO))),
                Step::new(Part::Operation(pin)),
                Step::new(Part::Operation(unpin)),
                Step::new(Part::Map(bench.change(page, RW))),
            ]);
        },
    ),
    Probe::new(
        "multicall-nested",
        "A multicall in a multicall, and a call that does not exist, are refused as entries.",
        Expected::always("multicall=ok entry=EINVAL entry=ENOSYS entry=ok"),
        |bench| {
            bench.multicall(&[Part::Nested, Part::Unknown, Part::Yield].map(Step::new));
        },
    ),
    Probe::new(
        "multicall-empty",
        "A multicall of no entries is done.",
        Expected::always("multicall=ok"),
        |bench| {
            bench.multicall(&[]);
        },
    ),
];
