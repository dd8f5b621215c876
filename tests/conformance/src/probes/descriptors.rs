//! Pages of descriptors, the local table and the second root (`pv/descriptor-tables.c`; `mm.c`, `do_mmuext_op`).

use crate::{
    bench::{Bench, RO},
    probe::{Expected, Probe},
    subject::Special,
};

const CODE: u64 = 0x00af_9b00_0000_ffff;
const TASK: u64 = 0x0000_8900_0000_0067;
/// A call gate for a selector.
const fn gate(selector: u64) -> u64 {
    0x0000_8c00_0000_0000 | selector << 16
}

fn refused(bench: &mut Bench<'_>, descriptors: &[u64]) {
    for &descriptor in descriptors {
        let page = bench.table(&[(7, descriptor)]);
        bench.gdt(&[page], 8);
    }
}

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "gdt-in-use",
        "Descriptors in use are neither writable nor a table of any level, until their table is taken away.",
        Expected::always(
            "gdt=ok rw=EBUSY ro=ok pin1=EINVAL pin2=EINVAL pin3=EINVAL pin4=EINVAL put=EINVAL gdt=ok rw=ok",
        ),
        |bench| {
            let page = bench.table(&[]);
            bench.gdt(&[page], 8);
            bench.rw(page);
            bench.ro(page);
            (1..=4).for_each(|level| bench.pin(level, page));
            bench.put(page, 0, 0);
            bench.gdt(&[], 0);
            bench.rw(page);
        },
    ),
    Probe::new(
        "gdt-writable-page",
        "A page with a writable mapping cannot hold descriptors.",
        Expected::always("gdt=EINVAL ro=ok gdt=ok"),
        |bench| {
            let page = bench.page();
            bench.gdt(&[page], 8);
            bench.ro(page);
            bench.gdt(&[page], 8);
        },
    ),
    Probe::new(
        "gdt-page-table",
        "A table cannot hold descriptors while it is one.",
        Expected::always("gdt=EINVAL unpin=ok gdt=ok pin2=EINVAL gdt=ok pin2=ok gdt=EINVAL"),
        |bench| {
            let page = bench.pinned(2, &[]);
            bench.gdt(&[page], 8);
            bench.unpin(page);
            bench.gdt(&[page], 8);
            bench.pin(2, page);
            bench.gdt(&[], 0);
            bench.pin(2, page);
            bench.gdt(&[page], 8);
        },
    ),
    Probe::new(
        "gdt-not-ours",
        "A frame of somebody else, of nobody, of a device, shared_info or no frame cannot hold descriptors.",
        Expected::always("gdt=EINVAL gdt=EINVAL gdt=EINVAL gdt=EINVAL gdt=EINVAL gdt=EINVAL gdt=EINVAL"),
        |bench| {
            for special in [
                Special::Other,
                Special::Nobody,
                Special::Device,
                Special::SharedInfo,
                Special::Beyond,
                Special::AllOnes,
            ] {
                bench.gdt_frame(bench.special(special));
            }
            bench.gdt_frame(u64::MAX);
        },
    ),
    Probe::new(
        "gdt-bad-descriptors",
        "Of the processor's own descriptors only call gates are allowed: no task, no local table, no other gate.",
        Expected::always("gdt=EINVAL gdt=EINVAL gdt=EINVAL gdt=EINVAL"),
        |bench| refused(bench, &[TASK, 0x0000_8200_0000_0000, 0x0000_8e00_0010_0000, 0x0000_8f00_0010_0000]),
    ),
    Probe::new(
        "gdt-bad-gates",
        "A call gate leads to no segment of Xen's but the flat code, and has no reserved bits.",
        Expected::always("gdt=EINVAL gdt=EINVAL gdt=EINVAL gdt=ok gdt=ok gdt=ok"),
        |bench| {
            refused(bench, &[gate(0xe02b), gate(0xe000), gate(8) | 1 << 32]);
            refused(bench, &[gate(0xe033), gate(0xe00c), gate(0xdff8)]);
        },
    ),
    Probe::new(
        "gdt-put-right",
        "Xen moves segments to ring 3, takes the ring from gates, and leaves what is not present.",
        Expected::always(
            "gdt=ok word=0xaffb000000ffff word=0xcff3000000ffff word=0x8c000013abcd word=0x9000000dead word=0x80000000beef word=0xe00c00007",
        ),
        |bench| {
            let page = bench.table(&[
                (1, CODE),
                (2, 0x00cf_9300_0000_ffff),
                (3, gate(0x10) | 0xabcd | 3 << 45),
                (4, 0x0000_0900_0000_dead),
                (5, 0x0000_8000_0000_beef),
                (6, 0x0000_000e_00c0_0007),
            ]);
            bench.gdt(&[page], 8);
            (1..=6).for_each(|index| bench.whole(page, index));
        },
    ),
    Probe::new(
        "gdt-whole-page-checked",
        "All of a page is checked, whatever the number of descriptors; what was put right before stays so.",
        Expected::always("gdt=EINVAL word=0xaffb000000ffff word=0xaf9b000000ffff rw=ok"),
        |bench| {
            let page = bench.table(&[(1, CODE), (510, TASK), (511, CODE)]);
            bench.gdt(&[page], 1);
            bench.whole(page, 1);
            bench.whole(page, 511);
            bench.rw(page);
        },
    ),
    Probe::new(
        "gdt-too-many",
        "The entries of Xen, from 7168 on, are out of reach.",
        Expected::always("gdt=EINVAL gdt=EINVAL gdt=ok"),
        |bench| {
            let page = bench.table(&[]);
            bench.gdt(&[page; 16], 7169);
            bench.gdt(&[page; 16], u32::MAX);
            bench.gdt(&[page; 16], 7168);
        },
    ),
    Probe::new(
        "gdt-later-frame",
        "A frame that cannot be used refuses all; one that is not needed is not looked at.",
        Expected::always("gdt=EINVAL rw=ok ro=ok gdt=ok rw=EBUSY"),
        |bench| {
            let (good, writable) = (bench.table(&[]), bench.page());
            bench.gdt(&[good, writable], 513);
            bench.rw(good);
            bench.ro(good);
            bench.gdt(&[good, writable], 512);
            bench.rw(good);
        },
    ),
    Probe::new(
        "gdt-replaced",
        "A new table lets the old one go; one that is refused does not.",
        Expected::always("gdt=ok gdt=EINVAL rw=EBUSY rw=ok ro=ok gdt=ok rw=ok rw=EBUSY gdt=ok rw=EBUSY"),
        |bench| {
            let (first, second, writable) = (bench.table(&[]), bench.table(&[]), bench.page());
            bench.gdt(&[first], 8);
            bench.gdt(&[second, writable], 1024);
            bench.rw(first);
            bench.rw(second);
            bench.ro(second);
            bench.gdt(&[second], 8);
            bench.rw(first);
            bench.rw(second);
            bench.gdt(&[second, second], 1024);
            bench.rw(second);
        },
    ),
    Probe::new(
        "gdt-whole-pages",
        "Descriptors in use are neither cleared nor copied to, and may be copied from.",
        Expected::always("gdt=ok op16=EINVAL op17=EINVAL op17=ok word=0xaffb000000ffff"),
        |bench| {
            let (page, copy) = (bench.table(&[(1, CODE)]), bench.page());
            bench.gdt(&[page], 8);
            bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, bench.mfn(page), 0);
            bench.extended(xen_sys::MMUEXT_COPY_PAGE, bench.mfn(page), bench.mfn(copy));
            bench.extended(xen_sys::MMUEXT_COPY_PAGE, bench.mfn(copy), bench.mfn(page));
            bench.whole(copy, 1);
        },
    ),
    Probe::new(
        "descriptor-written",
        "A descriptor is written to a table in use and to an ordinary page, put right or refused.",
        Expected::always(
            "gdt=ok descriptor=ok word=0xaffb000000ffff descriptor=EINVAL word=0xaffb000000ffff descriptor=ok word=0xaffb000000ffff descriptor=EINVAL word=0x0",
        ),
        |bench| {
            let (page, ordinary) = (bench.table(&[]), bench.page());
            bench.gdt(&[page], 8);
            bench.descriptor(page, 3, CODE);
            bench.whole(page, 3);
            bench.descriptor(page, 3, TASK);
            bench.whole(page, 3);
            bench.descriptor(ordinary, 3, CODE);
            bench.whole(ordinary, 3);
            bench.descriptor(ordinary, 4, TASK);
            bench.whole(ordinary, 4);
        },
    ),
    Probe::new(
        "descriptor-elsewhere",
        "No descriptor is written to a table, to somebody else's frame, or across two descriptors.",
        Expected::always(
            "descriptor=EINVAL descriptor=EINVAL descriptor=EINVAL descriptor=EINVAL descriptor=EINVAL descriptor=ok",
        ),
        |bench| {
            let (table, page) = (bench.pinned(1, &[]), bench.table(&[]));
            bench.descriptor(table, 0, 0);
            for special in [Special::Other, Special::Nobody, Special::Device] {
                bench.descriptor_at(bench.special_entry(special, 0), 0);
            }
            bench.descriptor_at(bench.slot(page, 0) + 4, 0);
            bench.descriptor(page, 0, 0);
        },
    ),
    Probe::new(
        "ldt-named",
        "A local table is checked when it is named, but for its pages: these stay ordinary until they are used.",
        Expected::always("ldt=ok ldt=ok rw=ok ldt=ok"),
        |bench| {
            let page = bench.table(&[(1, TASK)]);
            bench.ldt(bench.address(page), 8192);
            bench.ldt(0x1000, 1);
            bench.rw(page);
            bench.ldt(0x1001, 0);
        },
    ),
    Probe::new(
        "ldt-refused",
        "A local table has at most 8192 entries, begins with a page, and is not in Xen's part or between the halves.",
        Expected::always("ldt=EINVAL ldt=EINVAL ldt=EINVAL ldt=EINVAL ldt=EINVAL"),
        |bench| {
            let page = bench.page();
            bench.ldt(bench.address(page), 8193);
            bench.ldt(bench.address(page) + 8, 1);
            bench.ldt(0xffff_8000_0000_0000, 1);
            bench.ldt(0xffff_87ff_ffff_f000, 1);
            bench.ldt(0x8000_0000_0000, 1);
        },
    ),
    Probe::new(
        "user-root",
        "The top-level table of user mode is a table while it is that one.",
        Expected::always("user=EINVAL user=ok user=ok rw=EBUSY user=ok rw=ok rw=EBUSY user=ok rw=ok"),
        |bench| {
            let (first, second, writable) = (bench.table(&[]), bench.table(&[]), bench.page());
            bench.user_root(bench.mfn(writable));
            bench.user_root(bench.mfn(first));
            bench.user_root(bench.mfn(first));
            bench.rw(first);
            bench.user_root(bench.mfn(second));
            bench.rw(first);
            bench.rw(second);
            bench.user_root(0);
            bench.rw(second);
        },
    ),
    Probe::new(
        "user-root-pinned-low",
        "A table of another level, or with a bad leaf below, is no root of user mode.",
        Expected::always("user=EINVAL user=EBUSY"),
        |bench| {
            let low = bench.pinned(3, &[]);
            bench.user_root(bench.mfn(low));
            let [_, _, _, l4] = bench.chain(bench.special_entry(Special::Other, RO));
            bench.user_root(bench.mfn(l4));
        },
    ),
];
