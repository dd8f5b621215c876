//! The processor's top-level table: `NEW_BASEPTR` (`mm.c`, `new_guest_cr3`).

use crate::{
    bench::{RO, RW},
    probe::{Expected, Probe},
    subject::Special,
};

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "base-no-root",
        "Only a table of the fourth level, or what can become one, is a root.",
        Expected::always("base=EINVAL base=EINVAL base=EINVAL"),
        |bench| {
            let (page, l3, l1) = (bench.page(), bench.pinned(3, &[]), bench.pinned(1, &[]));
            [page, l3, l1].into_iter().for_each(|page| bench.base(page));
        },
    ),
    Probe::new(
        "base-not-ours",
        "A frame of somebody else, or of nobody, is no root.",
        Expected::always("op5=EINVAL op5=EINVAL op5=EINVAL op5=EINVAL op5=EINVAL"),
        |bench| {
            for special in
                [Special::Other, Special::Nobody, Special::Device, Special::Beyond, Special::SharedInfo]
            {
                let mfn = bench.special(special);
                bench.extended(xen_sys::MMUEXT_NEW_BASEPTR, mfn, 0);
            }
        },
    ),
    Probe::new(
        "base-again",
        "The root may be made the root.",
        Expected::always("back=ok back=ok"),
        |bench| {
            bench.base_back();
            bench.base_back();
        },
    ),
    Probe::new(
        "base-unpinned",
        "A root need not be pinned, and is a table as long as it is used.",
        Expected::always("base=ok rw=EBUSY unpin=EINVAL back=ok op6=ok rw=ok"),
        |bench| {
            let l4 = bench.page();
            bench.copy_root(l4);
            bench.freeze(l4);
            bench.base(l4);
            bench.rw(l4);
            bench.unpin(l4);
            bench.base_back();
            bench.extended(xen_sys::MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
            bench.rw(l4);
        },
    ),
    Probe::new(
        "base-pinned",
        "A pinned root stays a table when another is used, and a used one when it is unpinned.",
        Expected::always("pin4=ok base=ok back=ok rw=EBUSY base=ok unpin=ok rw=EBUSY back=ok op6=ok rw=ok"),
        |bench| {
            let l4 = bench.page();
            bench.copy_root(l4);
            bench.freeze(l4);
            bench.pin(4, l4);
            bench.base(l4);
            bench.base_back();
            bench.rw(l4);
            bench.base(l4);
            bench.unpin(l4);
            bench.rw(l4);
            bench.base_back();
            bench.extended(xen_sys::MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
            bench.rw(l4);
        },
    ),
    Probe::new(
        "base-with-bad-tree",
        "A root whose tree is refused is refused, and the old one stays.",
        Expected::always("base=EBUSY base=EINVAL back=ok"),
        |bench| {
            let [_, _, _, l4] = bench.chain(bench.special_entry(Special::Other, RO));
            bench.base(l4);
            let page = bench.page();
            bench.base(page);
            bench.base_back();
        },
    ),
    Probe::new(
        "base-old-root-read-only",
        "The pinned root that is not used is still no page to write.",
        Expected::always("base=ok map=EBUSY map=ok back=ok"),
        |bench| {
            let l4 = bench.page();
            bench.copy_root(l4);
            bench.freeze(l4);
            bench.base(l4);
            bench.map(bench.root() << 12 | RW);
            bench.map(bench.root() << 12 | RO);
            bench.base_back();
        },
    ),
    Probe::new(
        "base-m2p",
        "The M2P gets its slot, for reading, when a top-level table is used for the first time.",
        Expected::always(
            "pin4=ok flags=0x0 base=ok flags=0x8000000000000025 back=ok flags=0x8000000000000025 m2p=own",
        ),
        |bench| {
            let l4 = bench.page();
            bench.copy_root(l4);
            bench.freeze(l4);
            bench.pin(4, l4);
            bench.flags(l4, 256);
            bench.base(l4);
            bench.flags(l4, 256);
            bench.base_back();
            bench.flags(l4, 256);
            bench.m2p(l4);
        },
    ),
    Probe::new(
        "base-live-entry",
        "An entry of the root in use may be changed where it is free.",
        Expected::always("base=ok put=ok put=EINVAL clear=ok back=ok"),
        |bench| {
            let l4 = bench.page();
            bench.copy_root(l4);
            bench.freeze(l4);
            bench.base(l4);
            let l3 = bench.table(&[]);
            bench.put(l4, 40, bench.entry(l3, 0x67));
            bench.put(l4, 260, bench.entry(l3, 0x67));
            bench.clear(l4, 40);
            bench.base_back();
        },
    ),
];
