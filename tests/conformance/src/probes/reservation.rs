//! Frames given back and taken (`common/memory.c`).

use crate::{
    bench::{RO, RW},
    probe::{Expected, Probe},
    subject::{Call, Special},
};

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "call-reservation",
        "The domain has as many pages as start_info says, and may have them; a domU may have 1 MiB more.",
        Expected::by_domain("more=0 enough=yes 256-more=yes", "more=0 enough=yes 256-more=no").on_shim("more=0 enough=yes 256-more=no"),
        |bench| {
            bench.more();
            bench.may_have();
        },
    ),
    Probe::new(
        "populated",
        "A frame that is taken for a page is the guest's, and the M2P has the page.",
        Expected::always("populate=2 more=2 page=yes page=yes map=ok map=ok map=ok decrease=2 more=0").on_shim("populate=0 more=0 page=no page=no map=EINVAL map=EINVAL map=ok decrease=0 more=0"),
        |bench| {
            let [first, second] = bench.populate(0);
            bench.more();
            bench.note("page", bench.page_of(first) == Some(bench.new_page(0)));
            bench.note("page", bench.page_of(second) == Some(bench.new_page(1)));
            bench.map(first << 12 | RW);
            bench.map(second << 12 | RO);
            bench.map(0);
            bench.decrease([first, second], 0);
            bench.more();
        },
    ),
    Probe::new(
        "given-back",
        "A frame that nothing refers to is nobody's once it is given back: not mapped, not given back again.",
        Expected::always("populate=1 decrease=1 more=0 m2p-empty=yes map=EBUSY decrease=0 op16=EINVAL").on_shim("populate=0 decrease=0 more=0 m2p-empty=no map=EINVAL decrease=0 op16=EINVAL"),
        |bench| {
            let [frame] = bench.populate(0);
            bench.decrease([frame], 0);
            bench.more();
            bench.m2p_is_empty(frame);
            bench.map(frame << 12 | RO);
            bench.decrease([frame], 0);
            bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, frame, 0);
        },
    ),
    Probe::new(
        "given-back-mapped",
        "A frame that is mapped is given back as often as one likes, and is the guest's until the mapping goes.",
        Expected::always("populate=1 map=ok decrease=1 more=1 decrease=1 more=1 m2p-empty=no map=ok more=0").on_shim("populate=0 map=EINVAL decrease=0 more=0 decrease=0 more=0 m2p-empty=no map=ok more=0"),
        |bench| {
            let [frame] = bench.populate(0);
            bench.map(frame << 12 | RW);
            bench.decrease([frame], 0);
            bench.more();
            bench.decrease([frame], 0);
            bench.more();
            bench.m2p_is_empty(frame);
            bench.map(0);
            bench.more();
        },
    ),
    Probe::new(
        "given-back-pinned",
        "A table that is given back stays one until its pin goes.",
        Expected::always(
            "populate=1 op16=ok op0=ok decrease=1 more=1 map=EBUSY map=ok map=ok op4=ok more=0 op4=EINVAL",
        ).on_shim("populate=0 op16=EINVAL op0=EINVAL decrease=0 more=0 map=EINVAL map=EINVAL map=ok op4=EINVAL more=0 op4=EINVAL"),
        |bench| {
            let [frame] = bench.populate(0);
            bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, frame, 0);
            bench.extended(xen_sys::MMUEXT_PIN_L1_TABLE, frame, 0);
            bench.decrease([frame], 0);
            bench.more();
            bench.map(frame << 12 | RW);
            bench.map(frame << 12 | RO);
            bench.map(0);
            bench.extended(xen_sys::MMUEXT_UNPIN_TABLE, frame, 0);
            bench.more();
            bench.extended(xen_sys::MMUEXT_UNPIN_TABLE, frame, 0);
        },
    ),
    Probe::new(
        "given-back-descriptors",
        "Descriptors that are given back stay until their table is taken away.",
        Expected::always("populate=1 op16=ok gdt=ok decrease=1 more=1 gdt=ok more=0").on_shim("populate=0 op16=EINVAL gdt=EINVAL decrease=0 more=0 gdt=ok more=0"),
        |bench| {
            let [frame] = bench.populate(0);
            bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, frame, 0);
            bench.gdt_frame(frame);
            bench.decrease([frame], 0);
            bench.more();
            bench.gdt(&[], 0);
            bench.more();
        },
    ),
    Probe::new(
        "given-back-below-a-table",
        "A page that a table maps goes with the table.",
        Expected::always("populate=1 pin1=ok decrease=1 more=1 unpin=ok more=0").on_shim("populate=0 pin1=EINVAL decrease=0 more=0 unpin=EINVAL more=0"),
        |bench| {
            let [frame] = bench.populate(0);
            let table = bench.table(&[(1, frame << 12 | RO)]);
            bench.pin(1, table);
            bench.decrease([frame], 0);
            bench.more();
            bench.unpin(table);
            bench.more();
        },
    ),
    Probe::new(
        "given-back-not-ours",
        "What is not the guest's cannot be given back.",
        Expected::always("decrease=0 decrease=0 decrease=0 decrease=0 decrease=0 decrease=0 more=0"),
        |bench| {
            for special in
                [Special::Other, Special::Nobody, Special::Device, Special::Beyond, Special::AllOnes]
            {
                bench.decrease([bench.special(special)], 0);
            }
            bench.decrease([u64::MAX], 0);
            bench.more();
        },
    ),
    Probe::new(
        "given-back-in-part",
        "Giving back ends at the first frame that cannot be.",
        Expected::always("populate=2 decrease=1 more=1 decrease=0 decrease=1 more=0").on_shim("populate=0 decrease=0 more=0 decrease=0 decrease=0 more=0"),
        |bench| {
            let [first, second] = bench.populate(0);
            let nobody = bench.special(Special::Device);
            bench.decrease([first, nobody, second], 0);
            bench.more();
            bench.decrease([nobody, second], 0);
            bench.decrease([second], 0);
            bench.more();
        },
    ),
    Probe::new(
        "extent-in-part",
        "Of an extent that is not done, frames may be gone.",
        Expected::always("populate=1 aligned=yes decrease=1 more=7 decrease=0 more=0").on_shim("populate=0 aligned=no decrease=0 more=0 decrease=0 more=0"),
        |bench| {
            let [first] = bench.populate(3);
            bench.note("aligned", first % 8 == 0);
            bench.decrease([first.wrapping_add(7)], 0);
            bench.more();
            bench.decrease([first], 3);
            bench.more();
            bench.forget(first);
        },
    ),
    Probe::new(
        "extent-populated",
        "The frames of an extent are neighbours, and so are their pages.",
        Expected::always("populate=1 more=16 page=yes page=yes decrease=1 more=0").on_shim("populate=0 more=0 page=no page=no decrease=0 more=0"),
        |bench| {
            let [first] = bench.populate(4);
            bench.more();
            bench.note("page", bench.page_of(first) == Some(bench.new_page(0)));
            bench.note("page", bench.page_of(first.wrapping_add(15)) == Some(bench.new_page(15)));
            bench.decrease([first], 4);
            bench.more();
        },
    ),
    Probe::new(
        "extent-too-large",
        "An extent that is larger than anybody's may be is neither given nor taken.",
        Expected::always("populate=0 decrease=0 more=0"),
        |bench| {
            let page = bench.page();
            let [_] = bench.populate(19);
            bench.decrease([bench.mfn(page)], 19);
            bench.more();
        },
    ),
    Probe::new(
        "populate-none",
        "Nothing asked for is nothing done.",
        Expected::always("populate=0 decrease=0"),
        |bench| {
            let [] = bench.populate(0);
            bench.decrease([], 0);
        },
    ),
    Probe::new(
        "exchanged",
        "Two frames are exchanged for two neighbours, and these for two frames.",
        Expected::always(
            "populate=2 exchange=ok more=2 page=yes m2p-empty=yes decrease=0 exchange=ok page=yes decrease=2 more=0",
        ).on_shim("populate=0 exchange=EINVAL/0 more=0 page=no m2p-empty=no decrease=0 exchange=EINVAL page=no decrease=0 more=0"),
        |bench| {
            let old: [u64; 2] = bench.populate(0);
            let [pair] = bench.exchange((old, 0), 1);
            bench.more();
            bench.note("page", bench.page_of(pair.wrapping_add(1)) == Some(bench.new_page(1)));
            bench.m2p_is_empty(old[1]);
            bench.decrease([old[0]], 0);
            let new: [u64; 2] = bench.exchange(([pair], 1), 0);
            bench.note("page", bench.page_of(new[1]) == Some(bench.new_page(1)));
            bench.decrease(new, 0);
            bench.more();
        },
    ),
    Probe::new(
        "exchange-refused",
        "A frame that is mapped, or not the guest's, cannot be exchanged, nor can extents that differ in size.",
        Expected::always(
            "populate=1 map=ok exchange=EINVAL map=ok exchange=EINVAL exchange=EINVAL exchange=EINVAL more=1",
        ).on_shim("populate=0 map=EINVAL exchange=EINVAL map=ok exchange=EINVAL exchange=EINVAL exchange=EINVAL more=0"),
        |bench| {
            let [frame] = bench.populate(0);
            bench.map(frame << 12 | RO);
            let [_] = bench.exchange(([frame], 0), 0);
            bench.map(0);
            let [_] = bench.exchange(([bench.special(Special::Nobody)], 0), 0);
            let [_] = bench.exchange(([bench.special(Special::SharedInfo)], 0), 0);
            let [_] = bench.exchange(([frame], 0), 1);
            bench.more();
        },
    ),
    Probe::new(
        "exchange-in-part",
        "Chunks before one that is refused are exchanged.",
        Expected::always("populate=2 exchange=EINVAL/1 more=2 m2p-empty=yes m2p-empty=no").on_shim("populate=0 exchange=EINVAL/0 more=0 m2p-empty=no m2p-empty=no"),
        |bench| {
            let [first, second] = bench.populate(0);
            let [_, _, _] = bench.exchange(([first, bench.special(Special::Device), second], 0), 0);
            bench.more();
            bench.m2p_is_empty(first);
            bench.m2p_is_empty(second);
        },
    ),
    Probe::new(
        "memory-maps",
        "A domU has a map with one entry, all its memory, and dom0 none; the machine's is for dom0, and needs room.",
        Expected::by_domain(
            "own=1 ends-with-memory=yes machine=EPERM short=EPERM",
            "own=ENOSYS ends-with-memory=no machine=ok short=EINVAL",
        ).on_shim("own=ENOSYS ends-with-memory=no machine=EPERM short=EPERM"),
        |bench| {
            bench.count("own", Call::MemoryMap);
            bench.map_ends_with_memory();
            bench.call("machine", Call::MachineMap);
            bench.call("short", Call::MachineMapShort);
        },
    ),
];
