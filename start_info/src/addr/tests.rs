//! The numbers at their limits.

use super::*;

#[test]
fn frame_numbers_stop_at_forty_bits() {
    assert_eq!(Pfn::try_new(MAX_FRAMES - 1).unwrap().get(), MAX_FRAMES - 1);
    assert_eq!(Pfn::try_new(MAX_FRAMES), Err(OutOfRange { value: MAX_FRAMES, limit: MAX_FRAMES }));
    assert_eq!(Pfn::LAST.get(), MAX_FRAMES - 1);
    assert!(PfnRange::try_new(Pfn::new(MAX_FRAMES - 2), PageCount::new(1)).is_ok());
    assert!(PfnRange::try_new(Pfn::new(MAX_FRAMES - 2), PageCount::new(2)).is_err());
    assert!(PageCount::try_new(MAX_FRAMES).is_err());
    assert_eq!(PageCount::clamped(u64::MAX).get(), MAX_FRAMES - 1);
}

#[test]
fn an_entry_address_stays_in_its_page() {
    let page = Mfn::new(7).maddr();
    assert_eq!(page.entry(Index::new(511)).get(), 7 * 4096 + 511 * 8);
    assert_eq!(page.entry(Index::new(511)).entry(Index::FIRST), page);
}

// Instead of a proof by Kani: all 512 entries, from every byte of a page.
#[test]
fn every_entry_has_its_address_whichever_byte_of_the_page_it_is_asked_from() {
    for frame in [0, 1, 511, 512, MAX_FRAMES - 1] {
        let page = Mfn::new(frame).maddr();
        for (number, index) in (0..512).zip(Index::all()) {
            assert_eq!((u64::from(index.get()), index.offset()), (number, number * 8));
            assert_eq!(page.entry(index).get(), frame * 4096 + number * 8);
            assert_eq!(page.entry(index).mfn().get(), frame);
            for byte in 0..4096 {
                let inside = Maddr::try_new(page.get() + byte).unwrap();
                assert_eq!(inside.entry(index), page.entry(index));
            }
        }
    }
}

#[test]
fn an_index_is_the_low_nine_bits_of_a_number() {
    for high in (0..=55).map(|shift| 1 << shift).chain([0, (1 << 55) - 1, (1 << 55) - 2]) {
        for number in 0..512_u64 {
            assert_eq!(u64::from(Index::containing((high << 9) | number).get()), number);
        }
    }
}

#[test]
fn the_last_machine_address_is_in_the_last_frame() {
    let last = Maddr::try_new(MAX_FRAMES * PAGE_SIZE - 1).unwrap();
    assert_eq!(last.mfn(), Mfn::new(MAX_FRAMES - 1));
    assert!(Maddr::try_new(MAX_FRAMES * PAGE_SIZE).is_err());
    for shift in 0..40 {
        for number in [(1 << shift) - 1, 1 << shift, (1 << shift) + 1].into_iter().filter(|&n| n < MAX_FRAMES)
        {
            assert_eq!(Mfn::new(number).maddr().mfn().get(), number);
        }
    }
}
