//! Promotion of whole trees: what is checked four levels down (`mm.c`, `promote_l1_table` to `promote_l4_table`).

use crate::{
    bench::{Bench, RO, RW, TABLE},
    probe::{Expected, Probe},
    subject::Special,
};

/// Pins a tree whose lowest table has a bad entry, and checks that no page keeps a type.
fn refused(bench: &mut Bench<'_>, bad: u64) {
    let leaf = bench.page();
    let good = bench.entry(leaf, RO);
    let l1 = bench.table(&[(0, good), (300, bad), (511, good)]);
    let l2 = bench.table(&[(0, bench.entry(l1, TABLE))]);
    let l3 = bench.table(&[(0, bench.entry(l2, TABLE))]);
    let l4 = bench.table(&[(0, bench.entry(l3, TABLE))]);
    bench.pin(1, l1);
    bench.pin(4, l4);
    [l1, l2, l3, l4].into_iter().for_each(|page| bench.rw(page));
}

/// Pins tables of a level whose entry leads to an empty table below, with flags that level must not have.
fn bad_flags(bench: &mut Bench<'_>, level: u32) {
    let below = bench.table(&[]);
    for flag in [1 << 3, 1 << 4, 1 << 7, 1 << 8] {
        let table = bench.table(&[(9, bench.entry(below, TABLE | flag))]);
        bench.pin(level, table);
    }
}

const BAD_FLAGS: [Expected; 3] = [
    Expected::always("pin2=EINVAL pin2=EINVAL pin2=EINVAL pin2=EINVAL"),
    Expected::always("pin3=EINVAL pin3=EINVAL pin3=EINVAL pin3=EINVAL"),
    Expected::always("pin4=EINVAL pin4=EINVAL pin4=EINVAL pin4=EINVAL"),
];
const BUSY: Expected = Expected::always("pin1=EBUSY pin4=EBUSY rw=ok rw=ok rw=ok rw=ok");
const INVALID: Expected = Expected::always("pin1=EINVAL pin4=EINVAL rw=ok rw=ok rw=ok rw=ok");
const FORBIDDEN: Expected = Expected::always("pin1=EPERM pin4=EPERM rw=ok rw=ok rw=ok rw=ok");
const LINEAR: &str = "the model has no linear page tables; pv-linear-pt=0 refuses the same";

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "tree-typed",
        "Pinning the top types all below, and unpinning lets all go.",
        Expected::always(
            "pin4=ok rw=EBUSY rw=EBUSY rw=EBUSY rw=EBUSY unpin=EINVAL pin1=ok unpin=ok unpin=ok rw=ok rw=ok rw=ok rw=ok",
        ),
        |bench| {
            let leaf = bench.page();
            let [l1, l2, l3, l4] = bench.chain(bench.entry(leaf, RW));
            bench.pin(4, l4);
            [l1, l2, l3, l4].into_iter().for_each(|page| bench.rw(page));
            bench.unpin(l3);
            bench.pin(1, l1);
            bench.unpin(l1);
            bench.unpin(l4);
            [l1, l2, l3, l4].into_iter().for_each(|page| bench.rw(page));
        },
    ),
    Probe::new(
        "tree-pinned-part-stays",
        "A part that is pinned stays a table when the top goes.",
        Expected::always("pin4=ok pin2=ok unpin=ok rw=ok rw=EBUSY rw=EBUSY unpin=ok rw=ok rw=ok"),
        |bench| {
            let leaf = bench.page();
            let [l1, l2, l3, l4] = bench.chain(bench.entry(leaf, RO));
            bench.pin(4, l4);
            bench.pin(2, l2);
            bench.unpin(l4);
            [l3, l2, l1].into_iter().for_each(|page| bench.rw(page));
            bench.unpin(l2);
            [l2, l1].into_iter().for_each(|page| bench.rw(page));
        },
    ),
    Probe::new(
        "tree-with-writable-table",
        "A tree one of whose tables can be written is refused.",
        Expected::always("rw=ok pin4=EINVAL ro=ok pin4=ok"),
        |bench| {
            let leaf = bench.page();
            let [_, l2, _, l4] = bench.chain(bench.entry(leaf, RO));
            bench.rw(l2);
            bench.pin(4, l4);
            bench.ro(l2);
            bench.pin(4, l4);
        },
    ),
    Probe::new(
        "tree-with-frame-of-another",
        "A leaf that is somebody else's refuses the whole tree.",
        BUSY,
        |bench| {
            refused(bench, bench.special_entry(Special::Other, RO));
        },
    ),
    Probe::new(
        "tree-with-frame-of-nobody",
        "A leaf that is nobody's refuses the whole tree.",
        BUSY,
        |bench| {
            refused(bench, bench.special_entry(Special::Nobody, RO));
        },
    ),
    Probe::new(
        "tree-with-device",
        "A leaf of device memory without the right to it refuses the whole tree.",
        FORBIDDEN,
        |bench| {
            refused(bench, bench.special_entry(Special::Device, RO));
        },
    ),
    Probe::new(
        "tree-with-wild-leaf",
        "A leaf beyond all memory counts as device memory.",
        FORBIDDEN,
        |bench| {
            refused(bench, bench.special_entry(Special::Beyond, RO));
        },
    ),
    Probe::new("tree-with-leaf-of-ones", "A leaf with all address bits is invalid.", INVALID, |bench| {
        refused(bench, bench.special_entry(Special::AllOnes, RO));
    }),
    Probe::new(
        "tree-with-device-flags",
        "A leaf with cache bits is for domains that own devices.",
        Expected::by_domain(
            "pin1=EINVAL pin4=EINVAL rw=ok rw=ok rw=ok rw=ok",
            "pin1=ok pin4=ok rw=EBUSY rw=EBUSY rw=EBUSY rw=EBUSY",
        )
        .stricter("pin1=EINVAL pin4=EINVAL rw=ok rw=ok rw=ok rw=ok", "the model's dom0 owns no devices"),
        |bench| {
            let leaf = bench.page();
            refused(bench, bench.entry(leaf, RO | 1 << 4));
        },
    ),
    Probe::new(
        "tree-that-maps-itself-writable",
        "A table that maps itself, or one above it, for writing is refused.",
        Expected::always("pin1=EBUSY pin2=EBUSY"),
        |bench| {
            let l1 = bench.page();
            bench.store(l1, 5, bench.entry(l1, RW));
            bench.freeze(l1);
            bench.pin(1, l1);
            let (below, above) = (bench.page(), bench.page());
            bench.store(below, 5, bench.entry(above, RW));
            bench.store(above, 5, bench.entry(below, TABLE));
            bench.freeze(below);
            bench.freeze(above);
            bench.pin(2, above);
        },
    ),
    Probe::new(
        "tree-that-maps-itself",
        "A table may map itself for reading.",
        Expected::always("pin1=ok rw=EBUSY unpin=ok rw=ok"),
        |bench| {
            let l1 = bench.page();
            bench.store(l1, 5, bench.entry(l1, RO));
            bench.freeze(l1);
            bench.pin(1, l1);
            bench.rw(l1);
            bench.unpin(l1);
            bench.rw(l1);
        },
    ),
    Probe::new(
        "tree-counts-writable-leaves",
        "A writable leaf counts once its table is live, and no more when it is not.",
        Expected::always("pin2=ok unpin=ok pin1=ok pin2=EINVAL unpin=ok pin2=ok pin1=EBUSY"),
        |bench| {
            let leaf = bench.table(&[]);
            let l1 = bench.table(&[(3, bench.entry(leaf, RW))]);
            bench.pin(2, leaf);
            bench.unpin(leaf);
            bench.pin(1, l1);
            bench.pin(2, leaf);
            bench.unpin(l1);
            bench.pin(2, leaf);
            bench.pin(1, l1);
        },
    ),
    Probe::new(
        "tree-flags-l2",
        "PWT, PCD, large and global are refused in an L2 entry.",
        BAD_FLAGS[0],
        |bench| {
            bad_flags(bench, 2);
        },
    ),
    Probe::new(
        "tree-flags-l3",
        "PWT, PCD, large and global are refused in an L3 entry.",
        BAD_FLAGS[1],
        |bench| {
            bad_flags(bench, 3);
        },
    ),
    Probe::new(
        "tree-flags-l4",
        "PWT, PCD, large and global are refused in an L4 entry.",
        BAD_FLAGS[2],
        |bench| {
            bad_flags(bench, 4);
        },
    ),
    Probe::new(
        "tree-with-bad-child",
        "An entry above the lowest leads to an own frame that is, or can become, a table of the next level.",
        Expected::always("pin3=EINVAL pin3=EINVAL pin3=EINVAL pin3=EINVAL pin3=EINVAL"),
        |bench| {
            let l1 = bench.pinned(1, &[]);
            let specials = [Special::Other, Special::Nobody, Special::Device, Special::AllOnes];
            for special in specials {
                let l3 = bench.table(&[(1, bench.special_entry(special, TABLE))]);
                bench.pin(3, l3);
            }
            let l3 = bench.table(&[(1, bench.entry(l1, TABLE))]);
            bench.pin(3, l3);
        },
    ),
    Probe::new(
        "tree-read-back",
        "Xen adds the user bit to entries of all levels, and accessed to the top's.",
        Expected::always("pin4=ok flags=0x8010000000000067 flags=0x7 flags=0x7 flags=0x27"),
        |bench| {
            let leaf = bench.page();
            let l1 = bench.table(&[(0, bench.entry(leaf, RW))]);
            let l2 = bench.table(&[(0, bench.entry(l1, 3))]);
            let l3 = bench.table(&[(0, bench.entry(l2, 3))]);
            let l4 = bench.table(&[(0, bench.entry(l3, 3))]);
            bench.pin(4, l4);
            [l1, l2, l3, l4].into_iter().for_each(|table| bench.flags(table, 0));
        },
    ),
    Probe::new(
        "tree-xens-slots",
        "What a new top-level table has in Xen's slots is overwritten; the M2P's slot 256 stays empty until it is used.",
        Expected::always("pin4=ok flags=0x0 gone=yes gone=yes gone=yes left=yes left=yes"),
        |bench| {
            let junk = 0xdead_beef_f00d_f067;
            let slots = [256, 264, 271];
            let l4 = bench.page();
            slots.into_iter().for_each(|slot| bench.store(l4, slot, junk));
            bench.freeze(l4);
            bench.pin(4, l4);
            bench.flags(l4, 256);
            slots.into_iter().for_each(|slot| bench.note("gone", bench.word(l4, slot) != junk));
            [255, 272].into_iter().for_each(|slot| bench.note("left", bench.word(l4, slot) == 0));
        },
    ),
    Probe::new(
        "tree-linear-read-only",
        "A top-level table may contain itself, for reading.",
        Expected::always("pin4=ok flags=0x65 unpin=ok rw=ok")
            .stricter("pin4=EINVAL flags=0x61 unpin=EINVAL rw=ok", LINEAR),
        |bench| {
            let l4 = bench.page();
            bench.store(l4, 10, bench.entry(l4, TABLE & !6));
            bench.freeze(l4);
            bench.pin(4, l4);
            bench.flags(l4, 10);
            bench.unpin(l4);
            bench.rw(l4);
        },
    ),
    Probe::new(
        "tree-linear-writable",
        "A top-level table may not contain itself for writing.",
        Expected::always("pin4=EINVAL rw=ok"),
        |bench| {
            let l4 = bench.page();
            bench.store(l4, 10, bench.entry(l4, TABLE));
            bench.freeze(l4);
            bench.pin(4, l4);
            bench.rw(l4);
        },
    ),
    Probe::new(
        "tree-with-hidden-leaf",
        "An entry that is not present may hold an address on processors without the L1TF flaw.",
        Expected::always("pin1=ok unpin=ok")
            .stricter("pin1=EINVAL unpin=EINVAL", "Xen kills the domain for it on other processors"),
        |bench| {
            let leaf = bench.page();
            let l1 = bench.table(&[(2, bench.entry(leaf, 0))]);
            bench.pin(1, l1);
            bench.unpin(l1);
        },
    ),
    Probe::new(
        "tree-with-writable-code",
        "Xen has nothing against a page that is writable and executable.",
        Expected::always("pin1=ok unpin=ok").stricter("pin1=EINVAL unpin=EINVAL", "the layer promises W^X"),
        |bench| {
            let leaf = bench.page();
            let l1 = bench.table(&[(2, bench.entry(leaf, 0x63))]);
            bench.pin(1, l1);
            bench.unpin(l1);
        },
    ),
];
