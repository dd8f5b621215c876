//! Hooks: entries of live tables that lead to tables (`mm.c`, `mod_l2_entry` to `mod_l4_entry`).

use crate::{
    bench::{Bench, RO, RW, TABLE},
    probe::{Expected, Probe},
    subject::Special,
};

/// Hooks a writable page, then makes it read-only and hooks it again.
fn writable(bench: &mut Bench<'_>, level: u32) {
    let upper = bench.pinned(level, &[]);
    let page = bench.page();
    bench.put(upper, 3, bench.entry(page, TABLE));
    bench.ro(page);
    bench.put(upper, 3, bench.entry(page, TABLE));
    bench.rw(page);
    bench.clear(upper, 3);
    bench.rw(page);
}

/// Hooks an empty table with flags the level must not have, and then without.
fn bad_flags(bench: &mut Bench<'_>, level: u32) {
    let upper = bench.pinned(level, &[]);
    let below = bench.table(&[]);
    for flag in [1 << 3, 1 << 4, 1 << 7, 1 << 8, 0, 1 << 9, 1 << 58, 1 << 7] {
        bench.put(upper, 3, bench.entry(below, TABLE | flag));
    }
}

const WRITABLE: Expected = Expected::always("put=EINVAL ro=ok put=ok rw=EBUSY clear=ok rw=ok");
const BAD_FLAGS: Expected =
    Expected::always("put=EINVAL put=EINVAL put=EINVAL put=EINVAL put=ok put=ok put=ok put=EINVAL");

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "hook-writable-l1",
        "A page with a writable mapping cannot be hooked as L1.",
        WRITABLE,
        |bench| writable(bench, 2),
    ),
    Probe::new(
        "hook-writable-l2",
        "A page with a writable mapping cannot be hooked as L2.",
        WRITABLE,
        |bench| writable(bench, 3),
    ),
    Probe::new(
        "hook-writable-l3",
        "A page with a writable mapping cannot be hooked as L3.",
        WRITABLE,
        |bench| writable(bench, 4),
    ),
    Probe::new("hook-flags-l2", "A hook in an L2 has no PWT, PCD, large or global.", BAD_FLAGS, |bench| {
        bad_flags(bench, 2)
    }),
    Probe::new("hook-flags-l3", "A hook in an L3 has no PWT, PCD, large or global.", BAD_FLAGS, |bench| {
        bad_flags(bench, 3)
    }),
    Probe::new("hook-flags-l4", "A hook in an L4 has no PWT, PCD, large or global.", BAD_FLAGS, |bench| {
        bad_flags(bench, 4)
    }),
    Probe::new(
        "hook-twice",
        "A table hooked at two places is one until both are cleared.",
        Expected::always("put=ok put=ok clear=ok rw=EBUSY clear=ok rw=ok"),
        |bench| {
            let (upper, other) = (bench.pinned(2, &[]), bench.pinned(2, &[]));
            let l1 = bench.table(&[]);
            bench.put(upper, 3, bench.entry(l1, TABLE));
            bench.put(other, 4, bench.entry(l1, TABLE));
            bench.clear(upper, 3);
            bench.rw(l1);
            bench.clear(other, 4);
            bench.rw(l1);
        },
    ),
    Probe::new(
        "hook-then-unpin",
        "A pinned table that is hooked stays one when it is unpinned.",
        Expected::always("put=ok unpin=ok rw=EBUSY clear=ok rw=ok"),
        |bench| {
            let (upper, l1) = (bench.pinned(2, &[]), bench.pinned(1, &[]));
            bench.put(upper, 3, bench.entry(l1, TABLE));
            bench.unpin(l1);
            bench.rw(l1);
            bench.clear(upper, 3);
            bench.rw(l1);
        },
    ),
    Probe::new(
        "unhook-then-unpin",
        "A pinned table stays one when it is not hooked any more.",
        Expected::always("put=ok clear=ok rw=EBUSY unpin=ok rw=ok"),
        |bench| {
            let (upper, l1) = (bench.pinned(2, &[]), bench.pinned(1, &[]));
            bench.put(upper, 3, bench.entry(l1, TABLE));
            bench.clear(upper, 3);
            bench.rw(l1);
            bench.unpin(l1);
            bench.rw(l1);
        },
    ),
    Probe::new(
        "hook-wrong-level",
        "A table is hooked only where the next level belongs.",
        Expected::always("put=EINVAL put=EINVAL put=EINVAL put=ok"),
        |bench| {
            let (l1, l3) = (bench.pinned(1, &[]), bench.pinned(3, &[]));
            let l4 = bench.pinned(4, &[]);
            bench.put(l3, 0, bench.entry(l1, TABLE));
            bench.put(l3, 0, bench.entry(l3, TABLE));
            bench.put(l4, 0, bench.entry(l1, TABLE));
            bench.put(l4, 0, bench.entry(l3, TABLE));
        },
    ),
    Probe::new(
        "hook-linear",
        "A table may contain itself, for reading, if pv-linear-pt allows it.",
        Expected::always("put=ok put=ok put=ok").stricter(
            "put=EINVAL put=EINVAL put=EINVAL",
            "the model has no linear page tables; pv-linear-pt=0 refuses the same",
        ),
        |bench| {
            for level in 2..=4 {
                let table = bench.pinned(level, &[]);
                bench.put(table, 0, bench.entry(table, TABLE & !2));
            }
        },
    ),
    Probe::new(
        "hook-bad-content",
        "A page with bad entries is refused with the reason of the entry.",
        Expected::always("put=EBUSY put=EBUSY put=EPERM put=EINVAL rw=ok rw=ok rw=ok rw=ok"),
        |bench| {
            let upper = bench.pinned(2, &[]);
            let entries = [
                bench.special_entry(Special::Other, RO),
                bench.entry(upper, RW),
                bench.special_entry(Special::Device, RO),
                bench.special_entry(Special::AllOnes, RO),
            ];
            let tables = entries.map(|entry| bench.table(&[(77, entry)]));
            tables.into_iter().for_each(|table| bench.put(upper, 0, bench.entry(table, TABLE)));
            tables.into_iter().for_each(|table| bench.rw(table));
        },
    ),
    Probe::new(
        "hook-not-ours",
        "What is somebody else's, nobody's or no memory is no table.",
        Expected::always("put=EINVAL put=EINVAL put=EINVAL put=EINVAL put=EINVAL put=EINVAL"),
        |bench| {
            let upper = bench.pinned(2, &[]);
            for special in [
                Special::Other,
                Special::Nobody,
                Special::Device,
                Special::Beyond,
                Special::AllOnes,
                Special::SharedInfo,
            ] {
                bench.put(upper, 0, bench.special_entry(special, TABLE));
            }
        },
    ),
    Probe::new(
        "hook-xens-slots",
        "Xen's slots of a top-level table are closed, also to zeros; their neighbours are open.",
        Expected::always(
            "put=EINVAL clear=EINVAL put=EINVAL clear=EINVAL put=EINVAL clear=EINVAL put=ok clear=ok put=ok clear=ok",
        ),
        |bench| {
            let (l4, l3) = (bench.pinned(4, &[]), bench.table(&[]));
            for slot in [256, 264, 271, 255, 272] {
                bench.put(l4, slot, bench.entry(l3, TABLE));
                bench.clear(l4, slot);
            }
        },
    ),
    Probe::new(
        "hook-replaced",
        "A hook that is replaced lets the old table go and takes the new one.",
        Expected::always("put=ok put=ok rw=ok rw=EBUSY"),
        |bench| {
            let upper = bench.pinned(3, &[]);
            let (old, new) = (bench.table(&[]), bench.table(&[]));
            bench.put(upper, 9, bench.entry(old, TABLE));
            bench.put(upper, 9, bench.entry(new, TABLE));
            bench.rw(old);
            bench.rw(new);
        },
    ),
    Probe::new(
        "hook-refused-keeps-old",
        "A refused replacement changes nothing.",
        Expected::always("put=ok put=EINVAL rw=EBUSY flags=0x67"),
        |bench| {
            let upper = bench.pinned(2, &[]);
            let (old, writable) = (bench.table(&[]), bench.page());
            bench.put(upper, 9, bench.entry(old, TABLE));
            bench.put(upper, 9, bench.entry(writable, TABLE));
            bench.rw(old);
            bench.flags(upper, 9);
        },
    ),
    Probe::new(
        "hook-read-back",
        "Xen adds the user bit to a hook, and accessed at the top.",
        Expected::always("put=ok flags=0x7 put=ok flags=0x5 put=ok flags=0x7 put=ok flags=0x27"),
        |bench| {
            let (l2, l3, l4) = (bench.pinned(2, &[]), bench.pinned(3, &[]), bench.pinned(4, &[]));
            let l1 = bench.table(&[]);
            bench.put(l2, 0, bench.entry(l1, 3));
            bench.flags(l2, 0);
            bench.put(l2, 0, bench.entry(l1, 1));
            bench.flags(l2, 0);
            bench.put(l3, 0, bench.entry(l2, 3));
            bench.flags(l3, 0);
            bench.put(l4, 0, bench.entry(l3, 3));
            bench.flags(l4, 0);
        },
    ),
    Probe::new(
        "hook-tree",
        "Hooking a table types all below it, and clearing the hook lets all go.",
        Expected::always("put=ok rw=EBUSY rw=EBUSY rw=EBUSY clear=ok op6=ok rw=ok rw=ok rw=ok"),
        |bench| {
            let leaf = bench.page();
            let l1 = bench.table(&[(1, bench.entry(leaf, RW))]);
            let l2 = bench.table(&[(1, bench.entry(l1, TABLE))]);
            let l3 = bench.table(&[(1, bench.entry(l2, TABLE))]);
            let l4 = bench.pinned(4, &[]);
            bench.put(l4, 1, bench.entry(l3, TABLE));
            [l1, l2, l3].into_iter().for_each(|table| bench.rw(table));
            bench.clear(l4, 1);
            // Xen may put off the rest of the work until the next call.
            bench.extended(xen_sys::MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
            [l1, l2, l3].into_iter().for_each(|table| bench.rw(table));
        },
    ),
    Probe::new(
        "hook-not-present",
        "An entry above the lowest that is not present may hold flags.",
        Expected::always("put=ok put=ok flags=0x8000000000000e02")
            .stricter("put=EINVAL put=EINVAL flags=0x0", "the layer writes zero where nothing is mapped"),
        |bench| {
            let upper = bench.pinned(2, &[]);
            bench.put(upper, 0, 2);
            bench.put(upper, 0, 0x8000_0000_0000_0e02);
            bench.flags(upper, 0);
        },
    ),
];
