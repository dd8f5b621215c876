//! How many frames the guest has, and how they change owners.

use mmu::{Errno, Partial};
use p2m::MachineToPhys;
use start_info::{MapEntry, Mfn, Pfn};
use xen_model::{GuestConfig, Owner, audit};

use crate::guest::{BASE, RO, RW, Small};

/// A page number not in use yet.
const NEW: u64 = 0x7_0000;

impl Small {
    fn held(&mut self) -> u64 {
        self.machine.current_reservation().unwrap()
    }

    fn owner(&self, mfn: Mfn) -> Owner {
        self.machine.record(mfn).unwrap().owner()
    }

    fn unmap(&mut self, pfn: u64) {
        self.machine.update_address(BASE + pfn * 4096, 0).unwrap();
    }

    fn populate(&mut self, pages: u64) -> Vec<Mfn> {
        let pages: Vec<_> = (0..pages).map(|i| Pfn::new(NEW + i)).collect();
        self.machine.populate(&pages)
    }
}

#[test]
fn a_frame_that_is_given_back_is_nobodys() {
    let mut small = Small::new();
    let (mfn, pages) = (small.mfn(0x90), small.machine.pages());
    assert_eq!(small.held(), pages);
    small.unmap(0x90);
    assert_eq!(small.machine.decrease_reservation(&[mfn]), 1);
    assert_eq!((small.held(), small.owner(mfn)), (pages - 1, Owner::Nobody));
    assert_eq!(small.machine.machine_to_phys(mfn), Some(u64::MAX));
    assert_eq!((small.machine.held_mfn(0x90), small.machine.held_pfn(mfn)), (None, None));
    let entry = small.entry(0x90, RO);
    assert_eq!(small.refused(|small| small.machine.update_address(BASE, entry)), Errno::EBUSY);
    assert_eq!(small.machine.decrease_reservation(&[mfn]), 0, "it is not the guest's any more");
    audit::references(&small.machine).assert_none();
}

#[test]
fn a_frame_in_use_stays_until_its_last_reference_goes() {
    let mut small = Small::new();
    let (pages, table) = (small.machine.pages(), small.table(&[]));
    small.pin(1, table).unwrap();
    let mfn = small.mfn(table);
    // Mapped and pinned: done, and done again without effect.
    assert_eq!((small.machine.decrease_reservation(&[mfn, mfn]), small.held()), (2, pages));
    assert_eq!((small.owner(mfn), small.record(table).is_leaving()), (Owner::Guest, true));
    small.unmap(table);
    assert_eq!((small.held(), small.owner(mfn)), (pages, Owner::Guest));
    small.unpin(table).unwrap();
    assert_eq!((small.held(), small.owner(mfn)), (pages - 1, Owner::Nobody));
    audit::references(&small.machine).assert_none();
}

#[test]
fn what_is_given_back_while_it_is_mapped_can_be_mapped_again_before_it_goes() {
    let mut small = Small::new();
    let mfn = small.mfn(0x90);
    assert_eq!(small.machine.decrease_reservation(&[mfn]), 1);
    let entry = small.entry(0x90, RW);
    small.machine.update_address(BASE + 0x91 * 4096, entry).unwrap();
    small.unmap(0x90);
    assert_eq!(small.owner(mfn), Owner::Guest);
    small.unmap(0x91);
    assert_eq!(small.owner(mfn), Owner::Nobody);
}

#[test]
fn giving_back_ends_at_the_first_frame_that_is_not_the_guests() {
    let mut small = Small::new();
    (0x90..0x94).for_each(|pfn| small.unmap(pfn));
    let (first, second) = (small.mfn(0x90), small.mfn(0x91));
    for bad in [
        small.machine.other_domains_frame(),
        small.machine.free_frame(),
        small.machine.device_frame(),
        small.machine.shared_info(),
        Mfn::new(0x90),
    ] {
        assert_eq!(small.machine.decrease_reservation(&[bad]), 0, "{bad}");
    }
    assert_eq!(small.machine.decrease_reservation(&[first, Mfn::new(0x90), second]), 1);
    assert_eq!((small.owner(first), small.owner(second)), (Owner::Nobody, Owner::Guest));
    assert_eq!(small.machine.decrease_extents(&[u64::MAX], 0), 0);
    assert_eq!(small.machine.refused(), 0, "a short count is no errno");
}

#[test]
fn an_extent_that_is_not_done_may_be_gone_in_part() {
    let mut small = Small::new();
    // The guest's last frame; the next is shared_info.
    let last = Mfn::new(small.machine.shared_info().get() - 1);
    let pfn = small.machine.built_pfn(last).unwrap().get();
    if small.machine.live_leaf(BASE + pfn * 4096).is_ok() {
        small.unmap(pfn);
    }
    let pages = small.held();
    assert_eq!(small.machine.decrease_extents(&[last.get()], 1), 0);
    assert_eq!((small.owner(last), small.held()), (Owner::Nobody, pages - 1));
}

#[test]
fn frames_for_pages_were_nobodys_and_the_m2p_has_them() {
    let mut small = Small::new();
    let pages = small.held();
    let frames = small.populate(200);
    assert_eq!((frames.len(), small.held()), (200, pages + 200));
    for (i, &mfn) in frames.iter().enumerate() {
        let pfn = NEW + i as u64;
        assert_eq!((small.machine.machine_to_phys(mfn), small.owner(mfn)), (Some(pfn), Owner::Guest));
        assert_eq!(
            (small.machine.held_mfn(pfn), small.machine.held_pfn(mfn)),
            (Some(mfn), Some(Pfn::new(pfn)))
        );
        small.machine.update_address(BASE, mfn.maddr().get() | RW).unwrap();
    }
    assert!(frames.windows(2).all(|pair| pair[0].get() + 1 != pair[1].get()), "stricter: neighbours");
    assert!(!frames.contains(&small.machine.free_frame()));
    small.machine.update_address(BASE, 0).unwrap();
    assert_eq!((small.machine.decrease_reservation(&frames), small.held()), (200, pages));
    assert!(frames.iter().all(|&mfn| small.machine.machine_to_phys(mfn) == Some(u64::MAX)));
    audit::references(&small.machine).assert_none();
}

#[test]
fn a_guest_gets_no_more_than_it_may_have() {
    let mut small = Small::new();
    let most = small.machine.maximum_reservation().unwrap();
    assert_eq!(most, small.held() + 256);
    assert_eq!((small.populate(300).len(), small.populate(1).len()), (256, 0));
    let mfn = small.mfn(0x90);
    assert_eq!(small.machine.decrease_reservation(&[mfn]), 1);
    assert_eq!(small.populate(1).len(), 0, "what is mapped still counts");
    small.unmap(0x90);
    assert_eq!(small.populate(2).len(), 1);
    small.machine.limit_pages(most + 1);
    assert_eq!(small.populate(2).len(), 1);
    // What was refused is still free.
    (0..1 << 12).for_each(|_| assert!(small.populate(1).is_empty()));
    small.machine.limit_pages(most + 2);
    assert_eq!(small.populate(1).len(), 1);
}

#[test]
fn a_machine_without_free_frames_gives_none() {
    let mut small = Small::new();
    small.machine.limit_pages(1 << 30);
    let free = small.populate(1 << 14).len();
    assert!((1..1 << 14).contains(&free) && small.populate(1).is_empty());
    let mfn = small.mfn(0x90);
    small.unmap(0x90);
    assert_eq!(small.machine.decrease_reservation(&[mfn]), 1);
    assert_eq!(small.populate(2), [mfn]);
    audit::references(&small.machine).assert_none();
}

#[test]
fn a_larger_extent_is_contiguous_and_aligned_or_not_given() {
    let mut small = Small::new();
    let mut extents = [NEW];
    assert_eq!(small.machine.populate_extents(&mut extents, 4), 1);
    assert_eq!(extents[0] % 16, 0);
    for offset in 0..16 {
        assert_eq!(small.machine.machine_to_phys(Mfn::new(extents[0] + offset)), Some(NEW + offset));
    }
    assert_eq!(small.machine.decrease_extents(&extents, 4), 1);
    let pages = small.held();
    small.machine.limit_pages(1 << 30);
    assert_eq!(small.machine.populate_extents(&mut [NEW], 9), 1);
    assert_eq!((small.machine.populate_extents(&mut [NEW], 10), small.held()), (0, pages + 512));
    assert_eq!(small.machine.decrease_extents(&[small.mfn(0x90).get()], 10), 0);
    assert!(!small.record(0x90).is_leaving(), "too large an order is refused before anything is done");
}

#[test]
fn gibibytes_change_hands_in_little_time_and_room() {
    let mut machine = GuestConfig::dom0(1 << 22).build().unwrap().machine;
    let full = machine.full_pages();
    let pages: Vec<_> = (1 << 20..3 << 20).map(Pfn::new).collect();
    let frames: Vec<_> = pages.iter().map(|pfn| machine.built_mfn(pfn.get()).unwrap()).collect();
    assert_eq!(machine.decrease_reservation(&frames), frames.len());
    assert_eq!(machine.populate(&pages[..1 << 16]).len(), 1 << 16);
    assert_eq!(machine.full_pages(), full);
    assert_eq!(machine.held_mfn(3 << 20), machine.built_mfn(3 << 20));
    assert_eq!(machine.current_reservation(), Ok((1 << 22) - (2 << 20) + (1 << 16)));
}

#[test]
fn a_page_can_have_the_frame_of_the_builder_again() {
    let mut small = Small::new();
    let mfn = small.mfn(0x90);
    small.machine.update_entries(&[(mfn.maddr().get() + 1, 0x91)]).unwrap();
    assert_eq!((small.machine.held_mfn(0x90), small.machine.held_mfn(0x91)), (None, Some(mfn)));
    small.machine.update_entries(&[(mfn.maddr().get() + 1, 0x90)]).unwrap();
    assert_eq!(small.machine.held_mfn(0x90), Some(mfn));
    assert_eq!(small.machine.held_mfn(0x91), Some(small.mfn(0x91)));
}

#[test]
fn frames_without_mappings_are_exchanged_for_neighbours() {
    let mut small = Small::new();
    let pages = small.held();
    let old: Vec<_> = (0x90..0xa0).map(|pfn| small.mfn(pfn).get()).collect();
    (0x90..0x9f).for_each(|pfn| small.unmap(pfn));
    let mut out = [0x90, 0x98];
    let stopped = small.machine.exchange(&old, 0, &mut out, 3);
    assert_eq!(stopped, Err(Partial { done: 8, errno: Errno::EINVAL }), "the last one is mapped");
    assert_eq!((out[0] % 8, out[1], small.held()), (0, 0x98, pages));
    assert_eq!(small.machine.machine_to_phys(Mfn::new(out[0] + 7)), Some(0x97));
    assert_eq!((small.owner(Mfn::new(old[0])), small.owner(Mfn::new(old[8]))), (Owner::Nobody, Owner::Guest));
    small.unmap(0x9f);
    small.machine.exchange(&old[8..], 0, &mut out[1..], 3).unwrap();
    // And back into single frames.
    let mut singles: [u64; 8] = std::array::from_fn(|i| 0x90 + i as u64);
    small.machine.exchange(&out[..1], 3, &mut singles, 0).unwrap();
    assert_eq!(small.machine.machine_to_phys(Mfn::new(singles[5])), Some(0x95));
    assert_eq!((small.held(), small.owner(Mfn::new(out[0]))), (pages, Owner::Nobody));
    audit::references(&small.machine).assert_none();
}

#[test]
fn an_exchange_that_cannot_be_done_is_refused_before_anything_changes() {
    let mut small = Small::new();
    (0x90..0x92).for_each(|pfn| small.unmap(pfn));
    let (own, next) = (small.mfn(0x90).get(), small.mfn(0x91).get());
    let other = small.machine.other_domains_frame().get();
    let info = small.machine.shared_info().get();
    for (extents, order, out, out_order, errno) in [
        (&[own][..], 0, &mut [1, 2][..], 0, Errno::EINVAL),
        (&[own], 0, &mut [1], 1, Errno::EINVAL),
        (&[own], 10, &mut [1], 10, Errno::EPERM),
        (&[other], 0, &mut [1], 0, Errno::EINVAL),
        (&[info], 0, &mut [1], 0, Errno::EINVAL),
        (&[own, own], 0, &mut [1], 1, Errno::EINVAL),
    ] {
        let refused = small.refused(|small| {
            small.machine.exchange(extents, order, out, out_order).map_err(|stopped| stopped.errno)
        });
        assert_eq!(refused, errno, "{extents:x?} {order} {out_order}");
    }
    // No contiguous frames left: nothing is lost.
    small.machine.limit_pages(1 << 30);
    let mut pair = [NEW];
    assert_eq!(small.machine.populate_extents(&mut pair, 1), 1);
    small.populate(1 << 14);
    assert_eq!(
        small.refused(|small| small.machine.exchange(&[own, next], 0, &mut [1], 1).map_err(|it| it.errno)),
        Errno::ENOMEM
    );
    let free = small.mfn(0x90);
    assert_eq!(small.machine.decrease_reservation(&[free]), 1);
    let stopped = small.machine.exchange(&pair, 1, &mut [1, 2], 0);
    assert_eq!(stopped, Err(Partial { done: 0, errno: Errno::ENOMEM }), "one frame for two");
    assert_eq!(small.populate(2), [free]);
    assert_eq!(small.machine.exchange(&[], 0, &mut [], 0), Ok(()));
}

#[test]
fn maps_of_memory_are_for_those_that_have_them() {
    let entry = MapEntry { start: 0, len: 64 << 20, kind: 1 };
    let mut domu = GuestConfig::new(64 << 8).build().unwrap().machine;
    assert_eq!(domu.memory_map(9), Ok(vec![entry]));
    assert_eq!(domu.machine_memory_map(None), Err(Errno::EPERM));
    let guest = GuestConfig { memory_map: vec![entry; 3], ..GuestConfig::new(64 << 8) };
    let mut domu = guest.build().unwrap().machine;
    assert_eq!((domu.memory_map(9).unwrap().len(), domu.memory_map(2).unwrap().len()), (3, 2));
    let mut dom0 = GuestConfig::dom0(64 << 8).build().unwrap().machine;
    assert_eq!(dom0.memory_map(9), Err(Errno::ENOSYS));
    let map = dom0.machine_memory_map(None).unwrap();
    assert!(map.windows(2).all(|pair| pair[0].start + pair[0].len == pair[1].start));
    assert_eq!(dom0.machine_memory_map(Some(map.len())), Err(Errno::EINVAL));
    assert_eq!(dom0.machine_memory_map(Some(map.len() + 1)), Ok(map));
    let guest = GuestConfig { machine_map: vec![entry], ..GuestConfig::dom0(64 << 8) };
    assert_eq!(guest.build().unwrap().machine.machine_memory_map(Some(2)), Ok(vec![entry]));
}

#[test]
fn a_test_can_cut_a_call_that_answers_with_a_number() {
    let mut small = Small::new();
    small.machine.cut_at(1, 2, Errno::ENOMEM);
    small.machine.refuse_at(2, Errno::ENOMEM);
    assert_eq!((small.populate(5).len(), small.populate(5).len(), small.populate(5).len()), (2, 0, 5));
}
