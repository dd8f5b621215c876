//! The payload's own pages, mapped once more: what may be done with them, and who has them.

use mmu::layout::{Bases, PAYLOAD_PAGES};
use mmu::{Access, Errno, MappedPages, MmuError, OwnedPages};
use p2m::Frame;
use start_info::{Index, PageCount};
use x86_64::VirtAddr;
use xen_model::{Booted, GuestConfig, audit};

use crate::booted;

const ALL: [Access; 3] = [Access::Read, Access::ReadWrite, Access::Execute];

fn frames(booted: &mut Booted, count: u64) -> Vec<Frame> {
    (0..count)
        .map(|number| {
            let mut frame = booted.running.take_frame().unwrap();
            booted.running.write(&mut frame, Index::FIRST, number);
            frame
        })
        .collect()
}

fn audited(booted: &Booted) {
    let machine = booted.running.platform();
    audit::references(machine).assert_none();
    audit::protection(machine, 0..0).assert_none();
    audit::stale(machine).assert_none();
}

/// Checks every page: its mapping, its alias in the direct map, what `lookup` says, and its content.
fn check<O>(booted: &Booted, pages: &MappedPages<O>, access: Access) {
    assert_eq!(pages.access(), Some(access));
    let (writable, executable) = (access == Access::ReadWrite, access == Access::Execute);
    for (number, address) in (0_u64..).zip(pages.region().addresses()) {
        let machine = booted.running.platform();
        let leaf = machine.live_leaf(address.as_u64()).unwrap();
        assert_eq!((leaf.writable, leaf.executable), (writable, executable), "page {number}, {access:?}");
        let pfn = machine.built_pfn(leaf.pte.mfn()).unwrap();
        let direct = machine.live_leaf(Bases::FIXED.direct_map().as_u64() + pfn.get() * 4096).unwrap();
        assert_eq!((direct.writable, direct.executable), (writable, false), "page {number}, {access:?}");
        let found = booted.running.lookup(address + 0xfff).unwrap();
        let page = found.page.unwrap();
        assert_eq!((page.pfn, page.mfn), (Some(pfn), leaf.pte.mfn()));
        assert_eq!((page.writable, page.executable), (writable, executable));
        assert_eq!(found.region.unwrap().name(), "payload");
        let mut word = [0; 8];
        booted.running.read_bytes(pages, number * 4096, &mut word).unwrap();
        assert_eq!(u64::from_le_bytes(word), number, "{access:?}");
    }
    audited(booted);
}

/// Also over the border between two tables, for which the first mapping makes the second start in the middle.
#[test]
fn every_protection_can_become_every_other_and_no_page_is_ever_writable_and_executable() {
    for count in [1, 3, 512, 515] {
        for from in ALL {
            for to in ALL {
                let mut booted = booted();
                let given = frames(&mut booted, count);
                let numbers: Vec<_> = given.iter().map(Frame::pfn).collect();
                let mut pages = booted.running.map(given, from).unwrap();
                assert_eq!(
                    (pages.region().start(), pages.region().pages().get()),
                    (Bases::FIXED.payload(), count)
                );
                check(&booted, &pages, from);
                booted.running.protect(&mut pages, to).unwrap();
                check(&booted, &pages, to);
                booted.running.protect(&mut pages, from).unwrap();
                check(&booted, &pages, from);
                let region = pages.region();
                let back = booted.running.unmap(pages).unwrap();
                assert!(back.iter().map(Frame::pfn).eq(numbers));
                assert!(region.addresses().all(|at| booted.running.lookup(at).unwrap().page.is_none()));
                audited(&booted);
                for mut frame in back {
                    booted.running.write(&mut frame, Index::FIRST, 7);
                    booted.running.give_frame(frame);
                }
            }
        }
    }
}

/// One L2 table is not enough for the addresses, and the first mapping there makes both.
#[test]
fn a_mapping_reaches_over_a_border_of_a_gib() {
    const GIB: u64 = 1 << 18;
    let mut booted = GuestConfig::new(GIB + 0x1_0000).build().unwrap().boot().unwrap();
    let given: Vec<Frame> = (0..GIB + 3).map(|_| booted.running.take_frame().unwrap()).collect();
    let numbers: Vec<_> = given.iter().map(Frame::pfn).collect();
    let mut pages = booted.running.map(given, Access::ReadWrite).unwrap();
    for page in [0, 1, GIB - 1, GIB, GIB + 2] {
        let found = booted.running.lookup(Bases::FIXED.payload() + page * 4096).unwrap().page.unwrap();
        assert_eq!((found.pfn, found.writable), (Some(numbers[page as usize]), true), "page {page:#x}");
    }
    assert!(booted.running.lookup(Bases::FIXED.payload() + (GIB + 3) * 4096).unwrap().page.is_none());
    booted.running.write_bytes(&mut pages, GIB * 4096 - 3, b"border").unwrap();
    let mut text = [0; 6];
    booted.running.read_bytes(&pages, GIB * 4096 - 3, &mut text).unwrap();
    assert_eq!(&text, b"border");
    audited(&booted);
    assert!(booted.running.unmap(pages).unwrap().iter().map(Frame::pfn).eq(numbers));
    audited(&booted);
}

#[test]
fn what_is_mapped_comes_back_in_its_form() {
    let mut booted = booted();
    // The first mapping makes tables that stay.
    let frame = booted.running.take_frame().unwrap();
    let pages = booted.running.map(frame, Access::Read).unwrap();
    let frame = booted.running.unmap(pages).unwrap();
    booted.running.give_frame(frame);
    let free = booted.running.free();
    let span = booted.running.take_span(PageCount::new(700)).unwrap();
    let range = span.range();
    let mut pages = booted.running.map(span, Access::ReadWrite).unwrap();
    booted.running.protect(&mut pages, Access::Execute).unwrap();
    let span = booted.running.unmap(pages).unwrap();
    assert_eq!(span.range(), range);
    booted.running.give_span(span);
    assert_eq!(booted.running.free(), free);
    let (none, error) = booted.running.map(Vec::new(), Access::Read).unwrap_err();
    assert_eq!((none.unwrap().len(), error), (0, MmuError::NoPages));
    audited(&booted);
}

#[test]
fn bytes_are_written_where_they_belong_and_nowhere_else() {
    let mut booted = booted();
    let mut span = booted.running.take_span(PageCount::new(2)).unwrap();
    let given = std::iter::from_fn(|| booted.running.split_frame(&mut span)).collect::<Vec<_>>();
    let mut given = given.into_iter().map(|mut frame| {
        booted.running.fill(&mut frame, 0x1111_1111_1111_1111);
        frame
    });
    let given: Vec<Frame> = given.by_ref().collect();
    let mut pages = booted.running.map(given, Access::ReadWrite).unwrap();
    let mut expected = [0x11; 8192];
    let text: Vec<u8> = (0..100).collect();
    for (at, len) in
        [(0, 8), (9, 1), (13, 3), (23, 2), (4090, 20), (8191, 1), (8092, 100), (5000, 0), (8192, 0)]
    {
        booted.running.write_bytes(&mut pages, at as u64, &text[..len]).unwrap();
        expected[at..at + len].copy_from_slice(&text[..len]);
        let mut found = vec![0; 8192];
        booted.running.read_bytes(&pages, 0, &mut found).unwrap();
        assert_eq!(found, expected, "{len} bytes at {at}");
        let mut part = vec![0; len];
        booted.running.read_bytes(&pages, at as u64, &mut part).unwrap();
        assert_eq!(part, text[..len]);
    }
    let region = pages.region();
    for (at, len) in [(8192, 1), (8191, 2), (u64::MAX, 1), (u64::MAX - 4, 8)] {
        let error = Err(MmuError::OutOfBounds { at, bytes: len as u64, region });
        assert_eq!(booted.running.write_bytes(&mut pages, at, &text[..len]), error);
        assert_eq!(booted.running.read_bytes(&pages, at, &mut vec![0; len]), error);
    }
    for access in [Access::Read, Access::Execute] {
        booted.running.protect(&mut pages, access).unwrap();
        assert_eq!(booted.running.write_bytes(&mut pages, 0, &[1]), Err(MmuError::ReadOnly { region }));
    }
    booted.running.protect(&mut pages, Access::ReadWrite).unwrap();
    booted.running.write_bytes(&mut pages, 0, &[1]).unwrap();
    let back = booted.running.unmap(pages).unwrap();
    assert_eq!(booted.running.read(&back[0], Index::FIRST) & 0xff, 1);
}

/// Two mappings share a table: one that goes must leave it to the other.
#[test]
fn mappings_that_share_a_table_do_not_disturb_each_other() {
    let mut booted = booted();
    let mut mapped: Vec<_> = (1..6)
        .map(|count| {
            let given = frames(&mut booted, count);
            booted.running.map(given, Access::Read).unwrap()
        })
        .collect();
    let second = mapped.remove(1);
    let gap = second.region();
    booted.running.unmap(second).unwrap();
    for pages in &mapped {
        check(&booted, pages, Access::Read);
    }
    let given = frames(&mut booted, 2);
    let again = booted.running.map(given, Access::Execute).unwrap();
    assert_eq!(again.region(), gap);
    check(&booted, &again, Access::Execute);
    for pages in mapped {
        booted.running.unmap(pages).unwrap();
    }
    check(&booted, &again, Access::Execute);
}

/// A mapping made in one space is in every other one, and in those made later.
#[test]
fn every_address_space_has_what_is_mapped() {
    let mut booted = booted();
    let space = booted.running.new_space().unwrap();
    let given = frames(&mut booted, 2);
    let pages = booted.running.map(given, Access::Execute).unwrap();
    booted.running.enter_space(Some(&space)).unwrap();
    check(&booted, &pages, Access::Execute);
    booted.running.unmap(pages).unwrap();
    booted.running.enter_space(None).unwrap();
    audited(&booted);
}

/// A kernel has one guest; on a host there can be two.
#[test]
fn another_guest_does_not_have_these_pages() {
    let [mut booted, mut other] = [booted(), booted()];
    let given = frames(&mut booted, 2);
    let mut pages = booted.running.map(given, Access::ReadWrite).unwrap();
    assert!(other.running.read_bytes(&pages, 0, &mut [0]).is_err());
    assert!(other.running.write_bytes(&mut pages, 0, &[7]).is_err());
    assert!(other.running.protect(&mut pages, Access::Read).is_err());
    let (pages, error) = other.running.unmap(pages).unwrap_err();
    assert!(matches!(error, MmuError::NotMapped { .. }), "{error}");
    check(&booted, &pages.unwrap(), Access::ReadWrite);
    audited(&other);
}

#[test]
fn what_xen_stopped_to_unmap_stays_with_its_owner() {
    for done in 0..4 {
        let mut booted = booted();
        let given = frames(&mut booted, 4);
        let pages = booted.running.map(given, Access::ReadWrite).unwrap();
        let region = pages.region();
        booted.machine_mut().cut_at(1, done, Errno::EBUSY);
        let (torn, error) = booted.running.unmap(pages).unwrap_err();
        assert!(matches!(error, MmuError::Refused(_)), "{error}");
        let mut torn = torn.unwrap();
        assert_eq!(torn.access(), None);
        let error = Err(MmuError::Torn { region });
        assert_eq!(booted.running.read_bytes(&torn, 0, &mut [0]), error);
        assert_eq!(booted.running.write_bytes(&mut torn, 0, &[0]), error);
        assert_eq!(booted.running.protect(&mut torn, Access::Read), error);
        let others = frames(&mut booted, 4);
        let others = booted.running.map(others, Access::Execute).unwrap();
        assert!(!others.region().overlaps(&region), "the addresses are not free yet");
        assert_eq!(booted.running.unmap(torn).unwrap().len(), 4);
        check(&booted, &others, Access::Execute);
    }
}

#[test]
fn an_address_is_known_by_its_region_and_what_is_mapped() {
    let mut booted = booted();
    let frame = booted.running.take_frame().unwrap();
    let direct = booted.running.lookup(frame.address()).unwrap();
    assert_eq!(direct.region.unwrap().name(), "direct map");
    let page = direct.page.unwrap();
    assert_eq!((page.pfn, page.writable, page.executable), (Some(frame.pfn()), true, false));
    let text = booted.running.parts().context.image.text.start().get();
    let text = booted.running.lookup(mmu::layout::KERNEL_MAP + text * 4096).unwrap();
    assert_eq!(text.region.unwrap().name(), "kernel image");
    let page = text.page.unwrap();
    assert_eq!((page.writable, page.executable), (false, true));
    let shared_info = booted.running.lookup(mmu::layout::FIXMAP).unwrap();
    let page = shared_info.page.unwrap();
    assert_eq!((page.pfn, page.mfn), (None, booted.running.platform().shared_info()));
    // Xen's own part of the address space, the null page, an address between the regions, and the ends of regions.
    let end = Bases::FIXED.payload().as_u64() + PAYLOAD_PAGES.bytes();
    for (address, region) in [
        (0xffff_8000_0000_0000, Some("hypervisor hole")),
        (0, None),
        (0xffff_cd00_0000_1000, None),
        (Bases::FIXED.payload().as_u64(), Some("payload")),
        (end - 1, Some("payload")),
        (end, None),
        (Bases::FIXED.payload().as_u64() - 1, None),
    ] {
        let found = booted.running.lookup(VirtAddr::new(address)).unwrap();
        assert_eq!((found.region.map(|region| region.name()), found.page), (region, None), "{address:#x}");
    }
}

/// What comes out of a run goes back into one, and frames that are not in a row make none.
#[test]
fn a_run_is_put_together_only_from_what_it_was() {
    let mut booted = booted();
    let mut list: Vec<Frame> = frames(&mut booted, 3);
    list.sort_by_key(Frame::pfn);
    let skipped = list.remove(1);
    let list = <p2m::Span<p2m::Mapped> as OwnedPages>::of_frames(list).unwrap_err();
    assert_eq!(list.len(), 2);
    let list = <Frame as OwnedPages>::of_frames(list).unwrap_err();
    assert_eq!(list.len(), 2);
    let span = <p2m::Span<p2m::Mapped> as OwnedPages>::of_frames(vec![skipped]).unwrap();
    assert_eq!(span.len().get(), 1);
}
