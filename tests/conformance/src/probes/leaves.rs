//! What an L1 entry may map (`mm.c`, `get_page_from_l1e`), by `update_va_mapping` at an address of the direct map.

use crate::{
    bench::{Bench, RO, RW},
    probe::{Expected, Probe},
    subject::Special,
};

fn both(bench: &mut Bench<'_>, special: Special) {
    bench.map(bench.special_entry(special, RO));
    bench.map(bench.special_entry(special, RW));
}

/// What `map-free-flags` gets from a debug Xen, where bit 62 marks grants (`asm/page.h`, `_PAGE_GNTTAB`).
const FREE_OF_DEBUG: &str = "map=ok map=ok map=ok map=ok map=ok map=ok map=ok map=ok map=ok map=EINVAL";

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "map-own",
        "A page of one's own is mapped either way.",
        Expected::always("map=ok map=ok map=ok map=ok"),
        |bench| {
            let page = bench.page();
            for flags in [RO, RW, RO, RW] {
                bench.map(bench.entry(page, flags));
            }
        },
    ),
    Probe::new(
        "map-shared-info",
        "shared_info is mapped either way.",
        Expected::always("map=ok map=ok"),
        |bench| {
            both(bench, Special::SharedInfo);
        },
    ),
    Probe::new(
        "map-frame-of-another",
        "A frame of somebody else is mapped neither way.",
        Expected::always("map=EBUSY map=EBUSY"),
        |bench| {
            both(bench, Special::Other);
        },
    ),
    Probe::new(
        "map-frame-of-nobody",
        "A frame of nobody is mapped neither way.",
        Expected::always("map=EBUSY map=EBUSY"),
        |bench| {
            both(bench, Special::Nobody);
        },
    ),
    Probe::new(
        "map-device",
        "The local APIC is mapped for no domain.",
        Expected::always("map=EPERM map=EPERM"),
        |bench| {
            both(bench, Special::Device);
        },
    ),
    Probe::new(
        "map-screen",
        "Device memory is mapped for the domain that owns it.",
        Expected::by_domain("map=EPERM map=EPERM", "map=ok map=ok"),
        |bench| both(bench, Special::Screen),
    ),
    Probe::new(
        "map-beyond",
        "A frame beyond all memory counts as device memory.",
        Expected::always("map=EPERM map=EPERM"),
        |bench| {
            both(bench, Special::Beyond);
        },
    ),
    Probe::new(
        "map-all-ones",
        "A frame number of all ones is invalid.",
        Expected::always("map=EINVAL map=EINVAL"),
        |bench| {
            both(bench, Special::AllOnes);
        },
    ),
    Probe::new(
        "map-device-flags",
        "Cache bits are for domains that own devices.",
        Expected::by_domain("map=EINVAL map=EINVAL map=EINVAL", "map=ok map=ok map=ok")
            .stricter("map=EINVAL map=EINVAL map=EINVAL", "the model's dom0 owns no devices"),
        |bench| {
            let page = bench.page();
            for flag in [1 << 3, 1 << 4, 1 << 7] {
                bench.map(bench.entry(page, RW | flag));
            }
        },
    ),
    Probe::new(
        "map-free-flags",
        "Accessed, dirty, global and the bits for the guest's own use are free; bit 62 is none of them for a debug Xen.",
        Expected::always("map=ok map=ok map=ok map=ok map=ok map=ok map=ok map=ok map=ok map=ok")
            .of_debug(FREE_OF_DEBUG, FREE_OF_DEBUG),
        |bench| {
            let page = bench.page();
            for bit in [5, 6, 8, 9, 10, 11, 53, 57, 58, 62] {
                bench.map(bench.entry(page, (RO & !0x60) | 1 << bit));
            }
        },
    ),
    Probe::new(
        "map-live-root",
        "The live top-level table may be mapped for reading only.",
        Expected::always("map=ok map=EBUSY"),
        |bench| {
            bench.map(bench.root() << 12 | RO);
            bench.map(bench.root() << 12 | RW);
        },
    ),
    Probe::new(
        "map-writable-code",
        "Xen has nothing against a page that is writable and executable.",
        Expected::always("map=ok map=ok").stricter("map=EINVAL map=ok", "the layer promises W^X"),
        |bench| {
            let page = bench.page();
            bench.map(bench.entry(page, 0x63));
            bench.map(bench.entry(page, 0x61));
        },
    ),
    Probe::new(
        "map-hidden",
        "An entry that is not present may hold an address on processors without the L1TF flaw.",
        Expected::always("map=ok map=ok")
            .stricter("map=EINVAL map=EINVAL", "Xen kills the domain for it on other processors"),
        |bench| {
            let page = bench.page();
            bench.map(bench.entry(page, 0));
            bench.map(0xffff_f000);
        },
    ),
    Probe::new(
        "map-replaces",
        "A mapping that is replaced counts no more.",
        Expected::always("map=ok ro=ok pin1=EINVAL map=ok pin1=ok"),
        |bench| {
            let (page, other) = (bench.page(), bench.page());
            bench.map(bench.entry(page, RW));
            bench.ro(page);
            bench.pin(1, page);
            bench.map(bench.entry(other, RW));
            bench.pin(1, page);
        },
    ),
];
