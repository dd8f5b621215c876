//! Flushes, other extended operations, and the end of tables.

use crate::{
    bench::{RO, RW},
    probe::{Expected, Probe},
    request::ExtendedOperation,
    subject::Special,
};

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "flush",
        "Flushes of the own processor and of all are always done, whatever the address.",
        Expected::always("op6=ok op7=ok op7=ok op7=ok op10=ok op11=ok"),
        |bench| {
            let page = bench.page();
            bench.extended(xen_sys::MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
            bench.extended(xen_sys::MMUEXT_INVLPG_LOCAL, bench.address(page), 0);
            bench.extended(xen_sys::MMUEXT_INVLPG_LOCAL, 0xffff_8000_0000_0000, 0);
            bench.extended(xen_sys::MMUEXT_INVLPG_LOCAL, 0x8000_0000_0000, 0);
            bench.extended(xen_sys::MMUEXT_TLB_FLUSH_ALL, 0, 0);
            bench.extended(xen_sys::MMUEXT_INVLPG_ALL, bench.address(page), 0);
        },
    ),
    Probe::new(
        "flush-without-processors",
        "A flush of listed processors needs the list.",
        Expected::always("op8=EINVAL op9=EINVAL"),
        |bench| {
            bench.extended(xen_sys::MMUEXT_TLB_FLUSH_MULTI, 0, 0);
            bench.extended(xen_sys::MMUEXT_INVLPG_MULTI, 0, 0);
        },
    ),
    Probe::new(
        "operations-unknown",
        "Operations that do not exist, and one that is no longer supported.",
        Expected::always("op14=ENOSYS op21=ENOSYS op99=ENOSYS op20=EOPNOTSUPP"),
        |bench| [14, 21, 99, 20].into_iter().for_each(|command| bench.extended(command, 0, 0)),
    ),
    Probe::new(
        "operation-mark-superpage",
        "Superpages are no longer supported.",
        Expected::always("op19=EOPNOTSUPP"),
        |bench| bench.extended(19, 0, 0),
    ),
    Probe::new(
        "operations-partial",
        "The first refusal ends a list of operations; what came before is done.",
        Expected::always("ops=EINVAL/2 unpin=ok unpin=EINVAL"),
        |bench| {
            let (first, second) = (bench.table(&[]), bench.table(&[]));
            let pin = |mfn| ExtendedOperation::new(xen_sys::MMUEXT_PIN_L2_TABLE, mfn, 0);
            let flush = ExtendedOperation::new(xen_sys::MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
            let (one, two) = (pin(bench.mfn(first)), pin(bench.mfn(second)));
            bench.extended_list(&[one, flush, one, two]);
            bench.unpin(first);
            bench.unpin(second);
        },
    ),
    Probe::new("operations-empty", "A list of no operations is done.", Expected::always("ops=ok"), |bench| {
        bench.extended_list(&[]);
    }),
    Probe::new(
        "clear-page",
        "CLEAR_PAGE is refused for a table and done for a page.",
        Expected::always("op16=EINVAL op16=ok zero=yes"),
        |bench| {
            let (table, page) = (bench.pinned(1, &[]), bench.page());
            bench.store(page, 9, 5);
            bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, bench.mfn(table), 0);
            bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, bench.mfn(page), 0);
            bench.note("zero", bench.word(page, 9) == 0);
        },
    ),
    Probe::new(
        "copy-page",
        "COPY_PAGE may read a table and not write one.",
        Expected::always("op17=EINVAL op17=ok same=yes"),
        |bench| {
            let (leaf, page) = (bench.page(), bench.page());
            let table = bench.pinned(1, &[(9, bench.entry(leaf, RO))]);
            bench.extended(xen_sys::MMUEXT_COPY_PAGE, bench.mfn(table), bench.mfn(page));
            bench.extended(xen_sys::MMUEXT_COPY_PAGE, bench.mfn(page), bench.mfn(table));
            bench.note("same", bench.word(page, 9) == bench.word(table, 9));
        },
    ),
    Probe::new(
        "clear-page-not-ours",
        "Pages of others are neither cleared nor copied, from or to.",
        Expected::always(
            "op16=EINVAL op17=EINVAL op17=EINVAL op16=EINVAL op17=EINVAL op17=EINVAL op16=EINVAL op17=EINVAL op17=EINVAL op16=EINVAL",
        ),
        |bench| {
            let page = bench.page();
            let (mfn, last) = (bench.mfn(page), bench.special(Special::AllOnes));
            for special in [Special::Other, Special::Nobody, Special::Device] {
                let bad = bench.special(special);
                bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, bad, 0);
                bench.extended(xen_sys::MMUEXT_COPY_PAGE, bad, mfn);
                bench.extended(xen_sys::MMUEXT_COPY_PAGE, mfn, bad);
            }
            bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, last, 0);
        },
    ),
    Probe::new(
        "clear-page-read-only",
        "A page is cleared without a writable mapping, and may be a table afterwards.",
        Expected::always("op16=ok flags=0x0 pin1=ok op16=EINVAL"),
        |bench| {
            let page = bench.table(&[(9, 5)]);
            bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, bench.mfn(page), 0);
            bench.flags(page, 9);
            bench.pin(1, page);
            bench.extended(xen_sys::MMUEXT_CLEAR_PAGE, bench.mfn(page), 0);
        },
    ),
    Probe::new(
        "copy-page-to-itself",
        "A page is copied to itself, unless it is a table.",
        Expected::always("op17=ok op17=EINVAL"),
        |bench| {
            let (page, table) = (bench.page(), bench.pinned(2, &[]));
            bench.extended(xen_sys::MMUEXT_COPY_PAGE, bench.mfn(page), bench.mfn(page));
            bench.extended(xen_sys::MMUEXT_COPY_PAGE, bench.mfn(table), bench.mfn(table));
        },
    ),
    Probe::new(
        "flush-cache",
        "Caches are flushed for domains that own devices.",
        Expected::by_domain("op12=EACCES op18=EINVAL", "op12=ok op18=ok")
            .domu_since_4_20("op12=EACCES op18=EACCES"),
        |bench| {
            bench.extended(xen_sys::MMUEXT_FLUSH_CACHE, 0, 0);
            bench.extended(xen_sys::MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0);
        },
    ),
    Probe::new(
        "freed-order",
        "A table is written only after its hook and its pin are gone, whichever goes last.",
        Expected::always("put=ok rw=EBUSY clear=ok rw=EBUSY unpin=ok rw=ok pin1=EINVAL ro=ok pin1=ok"),
        |bench| {
            let (l2, l1) = (bench.pinned(2, &[]), bench.pinned(1, &[]));
            bench.put(l2, 0, bench.entry(l1, 0x67));
            bench.rw(l1);
            bench.clear(l2, 0);
            bench.rw(l1);
            bench.unpin(l1);
            bench.rw(l1);
            bench.pin(1, l1);
            bench.ro(l1);
            bench.pin(1, l1);
        },
    ),
    Probe::new(
        "freed-parent-first",
        "A hooked table is let go by the end of its parent.",
        Expected::always("put=ok rw=EBUSY unpin=ok rw=ok rw=ok map=ok"),
        |bench| {
            let (l2, l1) = (bench.pinned(2, &[]), bench.table(&[]));
            bench.put(l2, 0, bench.entry(l1, 0x67));
            bench.rw(l1);
            bench.unpin(l2);
            bench.rw(l1);
            bench.rw(l2);
            bench.map(bench.entry(l1, RW));
        },
    ),
];
