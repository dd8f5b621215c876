//! `mmu_update` itself: its kinds, its targets, its lists (`mm.c`, `do_mmu_update`).

use crate::{
    bench::{RO, RW, TABLE},
    probe::{Expected, Probe},
    request::Request,
    subject::Special,
};

pub(super) const PROBES: &[Probe] = &[
    Probe::new("update-empty", "A list of nothing is done.", Expected::always("batch=ok"), |bench| {
        bench.batch("batch", &[])
    }),
    Probe::new(
        "update-partial",
        "The first refusal ends the list; what came before is done, it and the rest are not.",
        Expected::always(
            "batch=EBUSY/2 flags=0x8010000000000065 flags=0x8010000000000065 flags=0x0 flags=0x0",
        ),
        |bench| {
            let page = bench.page();
            let l1 = bench.pinned(1, &[]);
            let (good, bad) = (bench.entry(page, RO), bench.entry(l1, RW));
            let requests = [good, good, bad, good];
            let mut slots = [0, 1, 2, 3].map(|index| bench.slot(l1, index)).into_iter();
            let requests = requests.map(|value| Request::new(slots.next().unwrap_or_default(), value));
            bench.batch("batch", &requests);
            (0..4).for_each(|index| bench.flags(l1, index));
        },
    ),
    Probe::new(
        "update-first-refused",
        "A list whose first element is refused does nothing.",
        Expected::always("batch=EINVAL/0 flags=0x0"),
        |bench| {
            let (page, below) = (bench.page(), bench.table(&[]));
            let l2 = bench.pinned(2, &[]);
            let bad = Request::new(bench.slot(l2, 0), bench.entry(page, TABLE));
            let good = Request::new(bench.slot(l2, 1), bench.entry(below, TABLE));
            bench.batch("batch", &[bad, good]);
            bench.flags(l2, 1);
        },
    ),
    Probe::new(
        "update-freeze-and-hook",
        "One list can take the writable mapping of a page away and hook it.",
        Expected::always("batch=EINVAL/0 batch=ok rw=EBUSY"),
        |bench| {
            let l2 = bench.pinned(2, &[]);
            let page = bench.page();
            let hook = Request::new(bench.slot(l2, 0), bench.entry(page, TABLE));
            let freeze = Request::new(bench.own_slot(page), bench.entry(page, RO));
            bench.batch("batch", &[hook, freeze]);
            bench.batch("batch", &[freeze, hook]);
            bench.rw(page);
        },
    ),
    Probe::new(
        "update-thaw-live",
        "An update of the direct map's entry refuses a live table as update_va_mapping does.",
        Expected::always("request=EBUSY request=ok unpin=ok request=ok"),
        |bench| {
            let page = bench.pinned(1, &[]);
            let slot = bench.own_slot(page);
            bench.request("request", slot, bench.entry(page, RW));
            bench.request("request", slot, bench.entry(page, RO));
            bench.unpin(page);
            bench.request("request", slot, bench.entry(page, RW));
        },
    ),
    Probe::new(
        "update-unhook-and-thaw",
        "One list can take a table off its hook and make it writable.",
        Expected::always("put=ok batch=EBUSY/0 batch=ok"),
        |bench| {
            let l2 = bench.pinned(2, &[]);
            let page = bench.table(&[]);
            bench.put(l2, 0, bench.entry(page, TABLE));
            let unhook = Request::new(bench.slot(l2, 0), 0);
            let thaw = Request::new(bench.own_slot(page), bench.entry(page, RW));
            bench.batch("batch", &[thaw, unhook]);
            bench.batch("batch", &[unhook, thaw]);
        },
    ),
    Probe::new(
        "update-unknown-kinds",
        "Kinds 4 to 7 of update do not exist; what came before is done.",
        Expected::always("batch=ENOSYS/1 batch=ENOSYS/1 batch=ENOSYS/1 batch=ENOSYS/1"),
        |bench| {
            let l1 = bench.pinned(1, &[]);
            let slot = bench.slot(l1, 0);
            for kind in 4..8 {
                bench.batch("batch", &[Request::new(slot, 0), Request::new(slot + kind, 0)]);
            }
        },
    ),
    Probe::new(
        "update-keeps-accessed-and-dirty",
        "Kind 2 keeps the bits the processor sets; kind 3 is like kind 0.",
        Expected::always("put=ok kind2=ok flags=0x8010000000000065 kind3=ok flags=0x8010000000000005"),
        |bench| {
            let page = bench.page();
            let l1 = bench.pinned(1, &[]);
            bench.put(l1, 0, bench.entry(page, RO));
            let bare = bench.entry(page, RO & !0x60);
            bench.request("kind2", bench.slot(l1, 0) + 2, bare);
            bench.flags(l1, 0);
            bench.request("kind3", bench.slot(l1, 0) + 3, bare);
            bench.flags(l1, 0);
        },
    ),
    Probe::new(
        "update-m2p",
        "The M2P is changed for own frames.",
        Expected::always("m2p=own m2p-set=ok m2p=another m2p-set=ok m2p=own"),
        |bench| {
            let (page, other) = (bench.page(), bench.page());
            bench.m2p(page);
            bench.request("m2p-set", bench.slot(page, 0) + 1, bench.pfn(other));
            bench.m2p(page);
            bench.request("m2p-set", bench.slot(page, 0) + 1, bench.pfn(page));
            bench.m2p(page);
        },
    ),
    Probe::new(
        "update-m2p-not-ours",
        "The M2P is not changed for frames of others.",
        Expected::always("m2p-set=EINVAL m2p-set=EINVAL m2p-set=EINVAL m2p-set=EINVAL"),
        |bench| {
            for special in [Special::Other, Special::Nobody, Special::Device, Special::Beyond] {
                bench.request("m2p-set", bench.special_entry(special, 1), 0);
            }
        },
    ),
    Probe::new(
        "update-m2p-of-shared-info",
        "shared_info has no page number.",
        Expected::always("m2p-empty=yes"),
        |bench| bench.m2p_is_empty(bench.special(Special::SharedInfo)),
    ),
    Probe::new(
        "update-no-table",
        "An update of a page that is no table is a plain store.",
        Expected::always("put=ok stored=yes put=ok stored=yes").stricter(
            "put=EINVAL stored=no put=EINVAL stored=no",
            "the layer believes that it updates a table",
        ),
        |bench| {
            let (page, frozen) = (bench.page(), bench.table(&[]));
            for page in [page, frozen] {
                bench.put(page, 4, 0x1234_5678_9abc);
                bench.note("stored", bench.word(page, 4) == 0x1234_5678_9abc);
            }
        },
    ),
    Probe::new(
        "update-not-ours",
        "An entry in a frame of somebody else, or of nobody, is not updated.",
        Expected::always("request=EINVAL request=EINVAL request=EINVAL request=EINVAL"),
        |bench| {
            for special in [Special::Other, Special::Nobody, Special::Device, Special::Beyond] {
                bench.request("request", bench.special_entry(special, 0), 0);
            }
        },
    ),
    Probe::new(
        "update-same-value",
        "An entry may be written with what it holds.",
        Expected::always("put=ok put=ok put=ok put=ok pin2=EINVAL"),
        |bench| {
            let l1 = bench.pinned(1, &[]);
            let page = bench.table(&[]);
            for flags in [RW, RW] {
                bench.put(l1, 0, bench.entry(page, flags));
            }
            bench.put(l1, 0, bench.word(l1, 0));
            bench.put(l1, 1, 0);
            bench.pin(2, page);
        },
    ),
];
