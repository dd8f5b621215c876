//! The page that `docs/tour.md` follows: what is said of it there is so.

use kit::module::small_module;
use mmu::layout::{Bases, KERNEL_MAP, MODULES};
use p2m::{MachineToPhys as _, P2mEntry};
use start_info::{Mfn, P2mPlace, PageCount, Pfn};
use xen_model::GuestConfig;

const PAGE: Pfn = Pfn::new(0x1141);
const FRAME: Mfn = Mfn::new(0x13e34);

#[test]
fn the_page_of_the_tour() {
    let built = GuestConfig::new(64 * 256).build().unwrap();
    assert_eq!(built.machine.pfn_of(FRAME), Some(PAGE));
    let end = built.places.end;

    let mut booted = built.boot().unwrap();
    let facts = booted.running.facts();
    assert_eq!(facts.nr_pages(), PageCount::new(0x4000));
    assert_eq!(facts.start_info_pfn(), Pfn::new(0x1143));
    let list = facts.p2m_list();
    assert_eq!(list.at, KERNEL_MAP + 0x1123 * 4096_u64);
    let P2mPlace::Image(pages) = list.place else { panic!("a list of its own: {list:?}") };
    assert_eq!((pages.start(), pages.end()), (Pfn::new(0x1123), Pfn::new(0x1143)));
    assert!(pages.contains(PAGE));
    assert_eq!(list.at.as_u64() + 8 * PAGE.get(), 0xffff_ffff_8112_ba08);
    assert_eq!(end, 0x1400);
    assert!(booted.machine().live_leaf((KERNEL_MAP + PAGE.get() * 4096).as_u64()).is_err());

    booted.running.load_bytes("small", &small_module()).unwrap();
    let region = booted.running.modules().get("small").unwrap().region();
    assert_eq!(region.start(), MODULES);
    let text = booted.machine().live_leaf(MODULES.as_u64()).unwrap();
    assert_eq!(text.pte.mfn(), FRAME);
    assert!(text.executable && !text.writable);
    let alias = booted.machine().live_leaf(0xffff_8800_0114_1000).unwrap();
    assert_eq!((Bases::FIXED.direct_map() + PAGE.get() * 4096).as_u64(), 0xffff_8800_0114_1000);
    assert_eq!(alias.pte.mfn(), FRAME);
    assert!(!alias.executable && !alias.writable);
    assert_eq!(booted.running.entry(PAGE), P2mEntry::Ram(FRAME));
}
