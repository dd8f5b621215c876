//! Pins: what they refuse and what they hold (`mm.c`, `do_mmuext_op` and `_get_page_type`).

use crate::{
    bench::{RO, RW},
    probe::{Expected, Probe},
    subject::Special,
};

const NOT_OURS: Expected = Expected::always("pin1=EINVAL pin2=EINVAL pin3=EINVAL pin4=EINVAL");

pub(super) const PROBES: &[Probe] = &[
    Probe::new("pin-writable-page", "A page with a writable mapping cannot be a table.", NOT_OURS, |bench| {
        let page = bench.page();
        (1..=4).for_each(|level| bench.pin(level, page));
    }),
    Probe::new(
        "pin-page-mapped-twice",
        "One writable mapping of two is enough to refuse a pin.",
        Expected::always("map=ok ro=ok pin1=EINVAL map=ok pin1=ok"),
        |bench| {
            let page = bench.page();
            bench.map(bench.entry(page, RW));
            bench.ro(page);
            bench.pin(1, page);
            bench.map(0);
            bench.pin(1, page);
        },
    ),
    Probe::new(
        "pin-empty",
        "A page of zeros that nobody can write may be a table of any level, one after the other.",
        Expected::always(
            "pin1=ok rw=EBUSY unpin=ok pin2=ok rw=EBUSY unpin=ok pin3=ok rw=EBUSY unpin=ok pin4=ok rw=EBUSY unpin=ok rw=ok",
        ),
        |bench| {
            let page = bench.table(&[]);
            for level in 1..=3 {
                bench.pin(level, page);
                bench.rw(page);
                bench.unpin(page);
            }
            bench.pin(4, page);
            bench.rw(page);
            bench.unpin(page);
            // Xen's entries are still in its slots, and harmless.
            bench.rw(page);
        },
    ),
    Probe::new(
        "pin-twice",
        "A pin is a flag: a second one is refused.",
        Expected::always("pin2=EINVAL unpin=ok unpin=EINVAL"),
        |bench| {
            let page = bench.pinned(2, &[]);
            bench.pin(2, page);
            bench.unpin(page);
            bench.unpin(page);
        },
    ),
    Probe::new(
        "unpin-unpinned",
        "What is not pinned cannot be unpinned.",
        Expected::always("unpin=EINVAL unpin=EINVAL"),
        |bench| {
            let (page, table) = (bench.page(), bench.table(&[]));
            bench.unpin(page);
            bench.unpin(table);
        },
    ),
    Probe::new(
        "pin-other-level",
        "A table is of one level at a time.",
        Expected::always("pin1=EINVAL pin3=EINVAL pin4=EINVAL pin2=EINVAL unpin=ok pin3=ok"),
        |bench| {
            let page = bench.pinned(2, &[]);
            [1, 3, 4, 2].into_iter().for_each(|level| bench.pin(level, page));
            bench.unpin(page);
            bench.pin(3, page);
        },
    ),
    Probe::new("pin-shared-info", "shared_info is writable for ever and never a table.", NOT_OURS, |bench| {
        let mfn = bench.special(Special::SharedInfo);
        (1..=4).for_each(|level| bench.pin_frame(level, mfn));
    }),
    Probe::new("pin-frame-of-another", "A frame of somebody else cannot be pinned.", NOT_OURS, |bench| {
        let mfn = bench.special(Special::Other);
        (1..=4).for_each(|level| bench.pin_frame(level, mfn));
    }),
    Probe::new("pin-frame-of-nobody", "A frame of nobody cannot be pinned.", NOT_OURS, |bench| {
        let mfn = bench.special(Special::Nobody);
        (1..=4).for_each(|level| bench.pin_frame(level, mfn));
    }),
    Probe::new("pin-device", "Device memory cannot be pinned.", NOT_OURS, |bench| {
        let mfn = bench.special(Special::Device);
        (1..=4).for_each(|level| bench.pin_frame(level, mfn));
    }),
    Probe::new(
        "pin-wild",
        "A number that is no frame cannot be pinned or unpinned.",
        Expected::always("pin4=EINVAL pin4=EINVAL pin4=EINVAL op4=EINVAL op4=EINVAL op4=EINVAL"),
        |bench| {
            let wild = [bench.special(Special::Beyond), bench.special(Special::AllOnes), u64::MAX];
            wild.into_iter().for_each(|mfn| bench.pin_frame(4, mfn));
            wild.into_iter().for_each(|mfn| bench.extended(xen_sys::MMUEXT_UNPIN_TABLE, mfn, 0));
        },
    ),
    Probe::new(
        "unpin-not-ours",
        "A frame of somebody else, or of nobody, cannot be unpinned.",
        Expected::always("op4=EINVAL op4=EINVAL op4=EINVAL op4=EINVAL"),
        |bench| {
            for special in [Special::Other, Special::Nobody, Special::Device, Special::SharedInfo] {
                let mfn = bench.special(special);
                bench.extended(xen_sys::MMUEXT_UNPIN_TABLE, mfn, 0);
            }
        },
    ),
    Probe::new(
        "pinned-table-read-only",
        "A live table may be mapped for reading, as often as one likes, and never for writing.",
        Expected::always("map=ok ro=ok map=EBUSY rw=EBUSY unpin=ok rw=ok"),
        |bench| {
            let page = bench.pinned(1, &[]);
            bench.map(bench.entry(page, RO));
            bench.ro(page);
            bench.map(bench.entry(page, RW));
            bench.rw(page);
            bench.unpin(page);
            bench.rw(page);
        },
    ),
    Probe::new(
        "words-stay-after-unpin",
        "A table that is one no more keeps its words, with what Xen added.",
        Expected::always("unpin=ok rw=ok flags=0x8010000000000065"),
        |bench| {
            let leaf = bench.page();
            let page = bench.pinned(1, &[(7, bench.entry(leaf, RO)), (8, 0)]);
            bench.unpin(page);
            bench.rw(page);
            bench.flags(page, 7);
        },
    ),
];
