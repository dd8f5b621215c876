//! What Xen makes of the entries of a live L1 table (`mm.c`, `mod_l1_entry`; `pv/mm.h`, `adjust_guest_l1e`): read back,
//! kept, refused.

use crate::{
    bench::{Bench, NX, RO, RW},
    probe::{Expected, Probe},
    subject::Special,
};

/// Writes entries with these flags and reads each back.
fn read_back(bench: &mut Bench<'_>, flags: &[u64]) {
    let page = bench.page();
    let l1 = bench.pinned(1, &[]);
    for &flags in flags {
        bench.put(l1, 1, bench.entry(page, flags));
        bench.flags(l1, 1);
    }
}

const KERNEL: u64 = 1 << 52;
/// What `read-back-free` gets from a debug Xen: the second entry has bit 62, which marks grants there (`asm/page.h`,
/// `_PAGE_GNTTAB`).
const KEPT_OF_DEBUG: &str = "put=ok flags=0x8410000000000e65 put=EINVAL flags=0x8410000000000e65";

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "read-back-kernel",
        "A page without the user bit is marked as the kernel's, also when it is global.",
        Expected::always(
            "put=ok flags=0x8010000000000067 put=ok flags=0x8010000000000065 put=ok flags=0x8010000000000167",
        ),
        |bench| read_back(bench, &[RW, RO, RW | 0x100]),
    ),
    Probe::new(
        "read-back-user",
        "A page with the user bit and no mark is a global page of user mode.",
        Expected::always("put=ok flags=0x8000000000000167 put=ok flags=0x8000000000000165"),
        |bench| read_back(bench, &[RW | 4, RO | 4]),
    ),
    Probe::new(
        "read-back-marked",
        "A page with the user bit and the kernel's mark is left alone.",
        Expected::always("put=ok flags=0x8010000000000067 put=ok flags=0x8010000000000067"),
        |bench| read_back(bench, &[RW | 4 | KERNEL, RW | KERNEL]),
    ),
    Probe::new(
        "read-back-free",
        "The bits for the guest's own use are kept; bit 62 is none of them for a debug Xen.",
        Expected::always("put=ok flags=0x8410000000000e65 put=ok flags=0x7a10000000000005")
            .of_debug(KEPT_OF_DEBUG, KEPT_OF_DEBUG),
        |bench| read_back(bench, &[RO | 0xe00 | 1 << 58, 1 | 0x7a << 56]),
    ),
    Probe::new(
        "read-back-flags-only",
        "A change of flags alone is adjusted like any other.",
        Expected::always("put=ok flags=0x8010000000000065 put=ok flags=0x10000000000005 put=ok flags=0x105"),
        |bench| read_back(bench, &[RO, 1, 5]),
    ),
    Probe::new(
        "entry-of-another",
        "An entry has the same rules in a table that is not used.",
        Expected::always("put=EBUSY put=EBUSY put=EPERM put=EPERM put=EINVAL put=ok"),
        |bench| {
            let l1 = bench.pinned(1, &[]);
            for special in [
                Special::Other,
                Special::Nobody,
                Special::Device,
                Special::Beyond,
                Special::AllOnes,
                Special::SharedInfo,
            ] {
                bench.put(l1, 1, bench.special_entry(special, RO));
            }
            bench.clear_quietly(l1, 1);
        },
    ),
    Probe::new(
        "entry-of-live-table",
        "A live table, this one too, is mapped for reading only.",
        Expected::always("put=EBUSY put=EBUSY put=ok put=ok put=EBUSY"),
        |bench| {
            let (l1, l3) = (bench.pinned(1, &[]), bench.pinned(3, &[]));
            bench.put(l1, 1, bench.entry(l3, RW));
            bench.put(l1, 1, bench.entry(l1, RW));
            bench.put(l1, 1, bench.entry(l3, RO));
            bench.put(l1, 2, bench.entry(l1, RO));
            bench.put(l1, 1, bench.entry(l3, RW));
        },
    ),
    Probe::new(
        "entry-counts",
        "A writable entry keeps its page from being a table until it is changed.",
        Expected::always(
            "put=ok pin2=EINVAL put=ok pin2=ok put=EBUSY unpin=ok put=ok pin2=EINVAL clear=ok pin2=ok",
        ),
        |bench| {
            let l1 = bench.pinned(1, &[]);
            let page = bench.table(&[]);
            bench.put(l1, 1, bench.entry(page, RW));
            bench.pin(2, page);
            bench.put(l1, 1, bench.entry(page, RO));
            bench.pin(2, page);
            bench.put(l1, 1, bench.entry(page, RW));
            bench.unpin(page);
            bench.put(l1, 1, bench.entry(page, RW));
            bench.pin(2, page);
            bench.clear(l1, 1);
            bench.pin(2, page);
        },
    ),
    Probe::new(
        "entry-not-present",
        "An entry that is not present may hold anything on processors without the L1TF flaw.",
        Expected::always("put=ok put=ok put=ok put=ok flags=0x8000000000000002").stricter(
            "put=EINVAL put=EINVAL put=EINVAL put=EINVAL flags=0x0",
            "the layer writes zero where nothing is mapped",
        ),
        |bench| {
            let l1 = bench.pinned(1, &[]);
            for word in [2, 0xffff_f000, 0x80, NX | 2] {
                bench.put(l1, 1, word);
            }
            bench.flags(l1, 1);
        },
    ),
    Probe::new(
        "entry-device-flags",
        "Cache bits are refused before the frame is looked at.",
        Expected::by_domain("put=EINVAL put=EINVAL put=EINVAL", "put=EBUSY put=EBUSY put=EBUSY")
            .stricter("put=EINVAL put=EINVAL put=EINVAL", "the model's dom0 owns no devices"),
        |bench| {
            let l1 = bench.pinned(1, &[]);
            for flag in [1 << 3, 1 << 4, 1 << 7] {
                bench.put(l1, 1, bench.special_entry(Special::Other, RO | flag));
            }
        },
    ),
];
