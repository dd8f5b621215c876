//! The kernel and its mapping.

use core_walk::{ExpectedTables, Finding, Kernel, KernelAccess, WalkError, WalkedRegion};
use kit::elf::{LoadSegment, kernel};
use x86_64::VirtAddr;

use crate::domain::{
    DATA, GUARD, IMAGE, IMAGE_END, IMAGE_PFN, MODULE_END, NX, RODATA, RW, domain_kernel, segments, symbol,
};
use crate::{broken, expected, only, report_with, sound};

#[test]
fn a_missing_image_page_is_found_unless_it_is_a_guard() {
    let found = broken("image-missing", |domain| *domain.entry(IMAGE + DATA, 1) = 0);
    let [Finding::ImageMissing { va, access }] = &found[..] else { panic!("{found:?}") };
    assert_eq!((va.as_u64(), *access), (IMAGE + DATA, KernelAccess::ReadWrite));

    // Without the symbol the sound domain's guard is a missing page; a function's name does not excuse it.
    let with = |symbol| report_with(&sound(), &kernel(&segments(0x4000), &[symbol]), &expected(), None);
    let bare = with(symbol("lock_guard", IMAGE + GUARD, 64, 2));
    only(&bare, "image-missing");
    // A linker's symbol has no size.
    assert!(with(symbol("__stack_GUARD", IMAGE + GUARD, 0, 0)).is_clean());
    only(&with(symbol("__guard_end", IMAGE + GUARD, 0, 0)), "image-missing");
}

#[test]
fn wrong_access_in_the_image_is_found() {
    let changes: [(u64, u64); 5] = [(0, NX), (RODATA, RW), (RODATA, NX), (DATA, RW), (DATA + 0x2000, RW)];
    for (offset, bits) in changes {
        let found = broken("image-access", |domain| *domain.entry(IMAGE + offset, 1) ^= bits);
        assert_eq!(found.len(), 1, "{offset:#x}");
    }
}

#[test]
fn a_wrong_image_page_is_found() {
    let found = broken("image-wrong", |domain| {
        let pte = domain.pte(domain.plain, NX | RW);
        *domain.entry(IMAGE + DATA, 1) = pte;
    });
    assert_eq!(found.len(), 1);
}

#[test]
fn an_image_end_before_the_last_segment_is_found() {
    let mut domain = sound();
    *domain.entry(IMAGE_END - 4096, 1) = 0;
    let at = VirtAddr::new_truncate;
    let short = ExpectedTables::new(at(IMAGE)..at(IMAGE_END - 4096), at(MODULE_END));
    only(&report_with(&domain, &domain_kernel(), &short, None), "image-end");
}

#[test]
fn what_is_loaded_after_the_image_is_not_mapped() {
    let [text, rodata, data] = segments(0x3f00);
    let loaded = [text, rodata, data, LoadSegment { start: IMAGE_END, len: 0x1800, flags: 4 }];
    let report = |end: &str| {
        let symbols = [symbol("guard", IMAGE + GUARD, 4096, 1), symbol(end, IMAGE_END, 0, 0)];
        report_with(&sound(), &kernel(&loaded, &symbols), &expected(), None)
    };
    only(&report("end"), "image-end");
    assert!(report("image_end").is_clean());
}

#[test]
fn a_mapping_between_segments_is_found() {
    let mut domain = sound();
    domain.map(IMAGE_END, IMAGE_PFN + 7, NX | RW);
    let at = VirtAddr::new_truncate;
    let wide = ExpectedTables::new(at(IMAGE)..at(IMAGE_END + 4096), at(MODULE_END));
    let report = report_with(&domain, &domain_kernel(), &wide, None);
    let found = only(&report, "unexpected");
    assert!(matches!(&found[..], [Finding::Unexpected { region: WalkedRegion::Image, .. }]));
}

#[test]
fn kernels_without_clear_access_are_refused() {
    assert!(matches!(Kernel::parse(b""), Err(WalkError::Elf { .. })));
    assert!(matches!(Kernel::parse(&kernel(&[], &[])), Err(WalkError::NoSegment)));
    let segment = |start, len, flags| LoadSegment { start, len, flags };
    let all = kernel(&[segment(IMAGE, 0x1000, 7)], &[]);
    assert!(matches!(Kernel::parse(&all), Err(WalkError::SegmentAccess { va: IMAGE })));
    let shared = kernel(&[segment(IMAGE, 0x1800, 5), segment(IMAGE + 0x1800, 0x800, 6)], &[]);
    assert!(matches!(Kernel::parse(&shared), Err(WalkError::SharedPage { .. })));
}
