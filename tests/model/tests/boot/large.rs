//! Guests of many gibibytes, in little memory.

use mmu::{MmuError, layout::Bases};
use start_info::{PageCount, Pfn};
use xen_model::GuestConfig;

use crate::after::booted;

/// The case of the source document (Linux 357a3cfb): 128 GiB with a ramdisk of 263 MiB. The builder's list crosses the
/// start of the module window, so no module can be loaded until it is moved.
#[test]
fn the_source_documents_guest_loads_a_module() {
    let mut booted = booted(GuestConfig::of_the_source_document());
    assert_eq!(booted.running.facts().p2m_list().at.as_u64(), 0xffff_ffff_925c_7000);
    booted.read_ramdisk();
    booted.load_module(3);
    booted.check();
    assert!(
        booted.machine().full_pages() < 10_000,
        "the model keeps {} whole pages",
        booted.machine().full_pages()
    );
}

#[test]
fn the_source_documents_guest_loads_no_module_if_its_list_stays() {
    let mut booted = booted(GuestConfig::of_the_source_document().with_command_line("revector=off"));
    let error = booted.running.parts_mut().1.window.reserve(PageCount::new(1), 4096).unwrap_err();
    let MmuError::Overlap { wanted, holder } = error else { panic!("{error}") };
    assert_eq!(wanted.start().as_u64(), 0xffff_ffff_a000_0000);
    assert_eq!((holder.start().as_u64(), holder.last()), (0xffff_ffff_925c_7000, 0xffff_ffff_a25c_6fff));
}

/// dom0 of a large host: more than the three-level list can describe, and possible only with INIT_P2M. Smaller guests
/// have audits of every page; this one tests the arithmetic and the time.
#[test]
fn a_dom0_of_one_tebibyte_boots() {
    let pages = (1_u64 << 40) / 4096;
    let running = GuestConfig::dom0(pages).with_notes().build().unwrap().boot().unwrap().running;
    let machine = running.platform();
    let published = machine.published().unwrap();
    assert_eq!(published.frame_list_list, u64::MAX, "the three-level list ends at 512 GiB");
    assert_eq!((published.max_pfn, running.mapped().get()), (pages, pages));
    assert!(machine.full_pages() < 20_000, "{} whole pages", machine.full_pages());
    // One page in every leaf of the P2M, and the last: in the tree, the linear list and the direct map.
    for pfn in (0..pages).step_by(512).map(|first| first + first / 512 % 512).chain([pages - 1]) {
        let mfn = machine.built_mfn(pfn).unwrap();
        assert_eq!(running.entry(Pfn::new(pfn)).ram(), Some(mfn));
        assert_eq!(machine.read(published.p2m_vaddr.as_u64() + pfn * 8), Ok(mfn.get()));
        assert_eq!(
            machine.live_leaf(Bases::FIXED.direct_map().as_u64() + pfn * 4096).unwrap().pte.mfn(),
            mfn
        );
    }
}

/// Hosts whose page numbers go far beyond their memory: a few GiB at the bottom, as much at the top, nothing between.
#[test]
fn sparse_hosts_of_513_gib_to_12_tib_boot() {
    const GIB: u64 = 1 << 18;
    for gib in [513, 4 << 10, 12 << 10] {
        let pages = gib * GIB - 0x123;
        // What the builder places has memory: the list takes 1/512 of the numbers.
        let low = pages / 512 + 4 * GIB;
        let guest =
            GuestConfig { holes: vec![low..pages - GIB, 0..0], ..GuestConfig::dom0(pages).with_notes() };
        let running = guest.with_command_line("map=lazy").build().unwrap().boot().unwrap().running;
        let machine = running.platform();
        let published = machine.published().unwrap();
        assert_eq!((published.frame_list_list, published.max_pfn), (u64::MAX, pages), "{gib} GiB");
        assert_eq!(running.parts().p2m.inner_levels(), 3);
        for pfn in [0, low - 1, low, pages / 2, pages - GIB - 1, pages - GIB, pages - 1] {
            let mfn = machine.built_mfn(pfn);
            assert_eq!(running.entry(Pfn::new(pfn)).ram(), mfn, "{gib} GiB, pfn {pfn:#x}");
            let listed = machine.read(published.p2m_vaddr.as_u64() + pfn * 8);
            assert_eq!(listed, Ok(mfn.map_or(u64::MAX, start_info::Mfn::get)), "{gib} GiB, pfn {pfn:#x}");
        }
    }
}
