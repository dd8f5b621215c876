use std::{string::ToString, vec, vec::Vec};

use start_info::{Mfn, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use super::{MmuError, Operation, RunOf, WindowOf};
use crate::{
    errno::{Errno, Partial},
    layout::region::Region,
    space::release::Released,
};

fn run(start: u64, end: u64) -> PfnRange {
    PfnRange::between(Pfn::new(start), Pfn::new(end))
}

fn region(name: &'static str, start: u64, pages: u64) -> Region {
    Region::new(name, VirtAddr::new(start), PageCount::new(pages))
}

/// The place of each kind in the list below: a new kind does not compile until it has one.
fn rank(error: &MmuError) -> usize {
    match error {
        MmuError::Refused(_) => 0,
        MmuError::NoFrames { .. } => 1,
        MmuError::P2m(_) => 2,
        MmuError::NotMapped { .. } => 3,
        MmuError::NoMemory { .. } => 4,
        MmuError::BuilderEnd { .. } => 5,
        MmuError::Overlap { .. } => 6,
        MmuError::TooManyRegions { .. } => 7,
        MmuError::WindowFull { .. } => 8,
        MmuError::TooManyPages { .. } => 9,
        MmuError::HeapFull { .. } => 10,
        MmuError::StillLive { .. } => 11,
        MmuError::RamdiskLent { .. } => 12,
        MmuError::SpaceInUse { .. } => 13,
        MmuError::SpaceLost { .. } => 14,
        MmuError::OwnMemory { .. } => 15,
        MmuError::HasMemory { .. } => 16,
        MmuError::NoPages => 17,
        MmuError::NotIdentity { .. } => 18,
        MmuError::NoSuchFrame { .. } => 19,
        MmuError::IoFull { .. } => 20,
        MmuError::OutOfOrder { .. } => 21,
        MmuError::NoRun { .. } => 22,
        MmuError::NoRegister { .. } => 23,
        MmuError::OutOfBounds { .. } => 24,
        MmuError::ReadOnly { .. } => 25,
        MmuError::Torn { .. } => 26,
        MmuError::BuilderPage { .. } => 27,
        MmuError::BuilderTable { .. } => 28,
        MmuError::InUse { .. } => 29,
        MmuError::BuilderAlias { .. } => 30,
        MmuError::ImageRoom { .. } => 31,
        MmuError::SlideTables { .. } => 32,
    }
}

/// Pages in the lines below.
const PAGES: PageCount = PageCount::new(56);
const PFN: Pfn = Pfn::new(0x12);
const MFN: Mfn = Mfn::new(0x34);

type Line = (MmuError, &'static str);

fn of_frames_and_tables() -> Vec<Line> {
    vec![
        (
            MmuError::refused(Operation::Module, Partial { done: 7, errno: Errno::EBUSY }),
            "mapping a module: Xen refused operation 7 with EBUSY (-16)",
        ),
        (
            MmuError::NoFrames {
                doing: Operation::DirectMap,
                mapped: PageCount::new(12),
                total: PageCount::new(34),
            },
            "mapping memory at __va: no free page left in 12 of 34 pages; give the guest more memory",
        ),
        (
            MmuError::P2m(p2m::P2mError::Beyond { pfn: PFN, pages: PAGES }),
            "pfn 0x12 is beyond the 56 pages of the P2M",
        ),
        (MmuError::NotMapped { address: 0x1234, level: 2 }, "0x1234 has no L2 table"),
        (MmuError::NoMemory { pfn: PFN }, "pfn 0x12 has no memory"),
        (
            MmuError::BuilderEnd { end: PFN, least: Pfn::new(0x34), most: Pfn::new(0x56) },
            "the builder's mapping ends at pfn 0x12 or later, not on a multiple of 0x200 in 0x34..=0x56: after the \
             boot stack, in memory, and before what start_info has after it; check what builds the domain",
        ),
        (
            MmuError::Overlap { wanted: region("one", 0x1000, 2), holder: region("two", 0x2000, 3) },
            "one 0x1000..0x3000 overlaps two 0x2000..0x5000",
        ),
    ]
}

fn of_regions_and_what_is_in_use() -> Vec<Line> {
    vec![
        (MmuError::TooManyRegions { limit: 9 }, "the layout has room for 9 regions, not more"),
        (
            MmuError::WindowFull {
                of: WindowOf::Modules,
                wanted: PAGES,
                left: PageCount::new(5),
                largest: PageCount::new(4),
                window: region("window", 0x1000, 6),
            },
            "window full: 56 pages wanted, 5 left (4 in one piece) of window 0x1000..0x7000; unload a module",
        ),
        (
            MmuError::TooManyPages { more: PAGES, region: region("module", 0x1000, 1) },
            "56 pages too many were given for module 0x1000..0x2000",
        ),
        (MmuError::HeapFull { doing: Operation::Device }, "mapping device memory: the heap is full"),
        (
            MmuError::StillLive { table: PFN, released: run(0x10, 0x14) },
            "pages 0x10..0x14 cannot be given back: 0x12 is a live page table",
        ),
        (
            MmuError::RamdiskLent { pages: run(0x10, 0x14) },
            "the ramdisk at pfn 0x10..0x14 is in use and cannot be moved",
        ),
        (
            MmuError::SpaceInUse { root: MFN },
            "the address space of top-level table 0x34 is in use; enter another one first",
        ),
        (
            MmuError::SpaceLost { root: MFN },
            "Xen refused to make top-level table 0x34 writable and then to pin it again; its page is lost",
        ),
    ]
}

fn of_numbers_and_runs() -> Vec<Line> {
    vec![
        (
            MmuError::OwnMemory { mfn: MFN, pfn: PFN },
            "machine frame 0x34 is the guest's own memory, pfn 0x12; use it at __va",
        ),
        (
            MmuError::HasMemory { pfn: PFN, mfn: MFN },
            "pfn 0x12 has or would get memory, machine frame 0x34; change only a page number without memory",
        ),
        (MmuError::NoPages, "a mapping of 0 pages was requested; ask for at least 1"),
        (
            MmuError::NotIdentity { pfn: PFN },
            "pfn 0x12 is not an identity page; only a page that is not RAM can be mapped at its machine address",
        ),
        (
            MmuError::NoSuchFrame { first: MFN, pages: PAGES },
            "56 machine frames from 0x34 on extend beyond the last frame number; ask for fewer",
        ),
        (
            MmuError::IoFull { wanted: PAGES, region: region("device memory", 0x1000, 2) },
            "no room for 56 pages in device memory 0x1000..0x3000; unmap device memory",
        ),
        (MmuError::OutOfOrder { address: 0x1234 }, "0x1234 was mapped after a higher address"),
        (
            MmuError::NoRun {
                object: RunOf::Payload,
                need: PAGES,
                longest: PageCount::new(7),
                free: PageCount::new(78),
            },
            "the request needs a run of 56 pages, the longest is 7 of 78 free pages; ask for shorter runs",
        ),
    ]
}

fn of_mappings_and_builders() -> Vec<Line> {
    vec![
        (
            MmuError::NoRegister { at: 0x1ffe, bytes: 4, region: region("device memory", 0x1000, 2) },
            "device memory 0x1000..0x3000 has no register of 4 bytes at offset 0x1ffe: it must lie inside, at a \
             multiple of its size",
        ),
        (
            MmuError::OutOfBounds { at: 0x1ffe, bytes: 4, region: region("payload pages", 0x1000, 2) },
            "payload pages 0x1000..0x3000 has no 4 bytes at offset 0x1ffe",
        ),
        (
            MmuError::ReadOnly { region: region("payload pages", 0x1000, 2) },
            "payload pages 0x1000..0x3000 cannot be written: it is not mapped for that",
        ),
        (
            MmuError::Torn { region: region("payload pages", 0x1000, 2) },
            "payload pages 0x1000..0x3000 may be unmapped in part, because Xen stopped half-way; unmap it again",
        ),
        (
            MmuError::BuilderPage { pfn: PFN, mapped: MFN, listed: Some(Mfn::new(0x56)) },
            "the builder maps frame 0x34 where pfn 0x12 belongs, for which its P2M list has frame 0x56; \
             check what builds the domain",
        ),
        (
            MmuError::BuilderTable { level: 3, table: PFN, tables: run(0x20, 0x34) },
            "pfn 0x12 is a live L3 table, but the builder's tables are pfn 0x20..0x34 by start_info; \
             check what builds the domain",
        ),
        (
            MmuError::InUse { mfn: MFN },
            "machine frame 0x34 is shared_info or a ring, which the layer writes; map it for reading",
        ),
        (
            MmuError::BuilderAlias { table: PFN, mapped: MFN },
            "the builder's L1 table pfn 0x12 maps frame 0x34 outside the kernel's mapping; check what builds the domain",
        ),
        (
            MmuError::ImageRoom { image: PAGES, room: PageCount::new(7) },
            "the image has 56 pages, and there are 7 pages of addresses from the end of the builder's mapping to the module \
             window; a smaller ramdisk leaves more",
        ),
        (
            MmuError::SlideTables { wanted: PageCount::new(7), left: PageCount::new(3) },
            "mapping the image elsewhere takes 7 page tables, and the builder has mapped 3 pages after the boot stack",
        ),
    ]
}

#[test]
fn a_full_window_says_whose_pages_are_in_it() {
    assert_eq!(
        [WindowOf::Modules, WindowOf::Payload].map(|of| of.to_string()),
        ["unload a module", "unmap pages"]
    );
}

#[test]
fn every_number_of_an_error_is_in_its_place() {
    let lines = [
        of_frames_and_tables(),
        of_regions_and_what_is_in_use(),
        of_numbers_and_runs(),
        of_mappings_and_builders(),
    ]
    .concat();
    assert!(lines.iter().map(|(error, _)| rank(error)).eq(0..lines.len()));
    for (error, line) in lines {
        assert_eq!(error.to_string(), line, "{error:?}");
    }
}

#[test]
fn every_deed_has_words_of_its_own() {
    let all = [
        (Operation::DirectMap, "mapping memory at __va"),
        (Operation::Renumbering, "renumbering pages by the memory map"),
        (Operation::GivingBack, "giving memory back to Xen"),
        (Operation::AddressSpace, "building the address space"),
        (Operation::Switch, "switching to the new page tables"),
        (Operation::Release, "giving back the builder's pages"),
        (Operation::Fixmap, "mapping a fixmap page"),
        (Operation::Device, "mapping device memory"),
        (Operation::Module, "mapping a module"),
        (Operation::Unmap, "unmapping a module"),
        (Operation::MapPayload, "mapping pages of the payload"),
        (Operation::UnmapPayload, "unmapping pages of the payload"),
        (Operation::Protect, "changing the protection of pages of the payload"),
        (Operation::Slide, "mapping the image at its new address"),
        (Operation::Guard, "unmapping the stack's guard page"),
        (Operation::Flush, "flushing the TLB"),
    ];
    for (doing, words) in all {
        assert_eq!(doing.to_string(), words);
    }
}

/// The names by the numbers of `public/errno.h`.
#[test]
fn every_errno_has_the_name_of_its_number() {
    let named = [
        (1, "EPERM"),
        (2, "ENOENT"),
        (3, "ESRCH"),
        (5, "EIO"),
        (7, "E2BIG"),
        (11, "EAGAIN"),
        (12, "ENOMEM"),
        (13, "EACCES"),
        (14, "EFAULT"),
        (16, "EBUSY"),
        (17, "EEXIST"),
        (21, "EISDIR"),
        (22, "EINVAL"),
        (28, "ENOSPC"),
        (30, "EROFS"),
        (38, "ENOSYS"),
        (39, "ENOTEMPTY"),
        (95, "EOPNOTSUPP"),
        (106, "EISCONN"),
    ];
    for (number, name) in named {
        assert_eq!(Errno(number).to_string(), std::format!("{name} (-{number})"));
    }
    let others: Vec<u16> = (0..200).filter(|number| named.iter().all(|(known, _)| known != number)).collect();
    assert!(others.iter().all(|&number| Errno(number).to_string() == std::format!("error -{number}")));
    let constants = [Errno::EPERM, Errno::ENOMEM, Errno::EFAULT, Errno::EBUSY, Errno::EINVAL, Errno::ENOSYS];
    assert_eq!(constants.map(|errno| errno.0), [1, 12, 14, 16, 22, 38]);
    assert_eq!(Errno::EOPNOTSUPP.0, 95);
    let constants = [Errno::ENOENT, Errno::EAGAIN, Errno::EACCES, Errno::EEXIST];
    assert_eq!(constants.map(|errno| errno.0), [2, 11, 13, 17]);
}

#[test]
fn what_was_released_is_told_by_its_name() {
    let mut released = Released {
        tables: run(0x10, 0x1a),
        stack: run(0x20, 0x21),
        slide: PfnRange::EMPTY,
        list: run(0x30, 0x37),
    };
    assert_eq!(released.to_string(), "page tables 0x10..0x1a, boot stack 0x20..0x21, P2M list 0x30..0x37");
    released.list = PfnRange::EMPTY;
    assert_eq!(released.to_string(), "page tables 0x10..0x1a, boot stack 0x20..0x21, no P2M list");
    released.slide = run(0x21, 0x23);
    assert_eq!(
        released.to_string(),
        "page tables 0x10..0x1a, boot stack 0x20..0x21, the image's first tables 0x21..0x23, no P2M list"
    );
}
