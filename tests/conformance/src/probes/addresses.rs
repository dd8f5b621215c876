//! `update_va_mapping`: which addresses it reaches, and its flushes (`mm.c`, `__do_update_va_mapping`).

use crate::{
    bench::{RO, RW},
    probe::{Expected, Probe},
    request::Flush,
};

pub(super) const PROBES: &[Probe] = &[
    Probe::new(
        "address-without-table",
        "A mapping is changed only where there is a lowest-level table.",
        Expected::always("low=EINVAL high=EINVAL"),
        |bench| {
            let page = bench.page();
            bench.map_at("low", 0, bench.entry(page, RO), Flush::Address);
            bench.map_at("high", 0xffff_f000_0000_0000, bench.entry(page, RO), Flush::Address);
        },
    ),
    Probe::new(
        "address-without-table-cleared",
        "Nor is nothing mapped where there is no table.",
        Expected::always("low=EINVAL high=EINVAL"),
        |bench| {
            bench.map_at("low", 0, 0, Flush::Address);
            bench.map_at("high", 0xffff_f000_0000_0000, 0, Flush::Address);
        },
    ),
    Probe::new(
        "address-xens",
        "Xen's part of the address space is closed.",
        Expected::always("m2p=EINVAL linear=EINVAL last=EINVAL"),
        |bench| {
            let page = bench.page();
            bench.map_at("m2p", 0xffff_8000_0000_0000, bench.entry(page, RO), Flush::Address);
            bench.map_at("linear", 0xffff_8100_0000_0000, bench.entry(page, RO), Flush::Address);
            bench.map_at("last", 0xffff_87ff_ffff_f000, bench.entry(page, RO), Flush::Address);
        },
    ),
    Probe::new(
        "address-not-canonical",
        "An address with too many bits is refused.",
        Expected::always("first=EINVAL last=EINVAL"),
        |bench| {
            let page = bench.page();
            bench.map_at("first", 0x8000_0000_0000, bench.entry(page, RO), Flush::Address);
            bench.map_at("last", 0xffff_7fff_ffff_f000, bench.entry(page, RO), Flush::Address);
        },
    ),
    Probe::new(
        "address-inside-page",
        "The low bits of the address do not matter.",
        Expected::always("map=ok pin1=ok"),
        |bench| {
            let page = bench.page();
            bench.map_at("map", bench.address(page) + 0xfff, bench.entry(page, RO), Flush::Address);
            bench.pin(1, page);
        },
    ),
    Probe::new(
        "address-flushes",
        "Every kind of flush is accepted.",
        Expected::always("none=ok local=ok address=ok all=ok address-on-all=ok"),
        |bench| {
            let page = bench.page();
            let (address, entry) = (bench.address(page), bench.entry(page, RW));
            for (what, flush) in [
                ("none", Flush::None),
                ("local", Flush::Local),
                ("address", Flush::Address),
                ("all", Flush::All),
                ("address-on-all", Flush::AddressOnAll),
            ] {
                bench.map_at(what, address, entry, flush);
            }
        },
    ),
    Probe::new(
        "address-cleared",
        "A mapping can be taken away and made again.",
        Expected::always("clear=ok clear=ok pin1=ok unpin=ok rw=ok pin1=EINVAL"),
        |bench| {
            let page = bench.page();
            bench.map_at("clear", bench.address(page), 0, Flush::Address);
            bench.map_at("clear", bench.address(page), 0, Flush::Address);
            bench.pin(1, page);
            bench.unpin(page);
            bench.rw(page);
            bench.pin(1, page);
        },
    ),
    Probe::new(
        "address-seen",
        "A store through a second mapping is seen through the first.",
        Expected::always("map=ok seen=yes map=ok"),
        |bench| {
            let page = bench.page();
            bench.map(bench.entry(page, RW));
            bench.store(page, 3, 77);
            bench.note("seen", bench.window_word(3) == 77);
            bench.map(bench.entry(page, RO));
        },
    ),
];
