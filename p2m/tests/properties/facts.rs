//! A start_info page that names a list for a number of pages.

use kit::start_info::StartInfo;
use start_info::{BootFacts, KernelEntry};
use x86_64::VirtAddr;

const BASE: u64 = 0xffff_ffff_8000_0000;
const OWN: u64 = 0xffff_c800_0000_0000;
const IMAGE: std::ops::Range<u64> = 0x10..0x20;
const END: u64 = 1024;
/// A root, an L3, an L2 and two L1 tables map 4 MiB.
const TABLES: u64 = 5;

/// Returns the facts of a guest of `pages` pages, its list after the image if it fits there.
pub(crate) fn facts(pages: u64) -> BootFacts {
    let list_pages = (pages * 8).div_ceil(4096);
    let in_image = list_pages < 400;
    let start_info = IMAGE.end + if in_image { list_pages } else { 0 };
    let address = |pfn: u64| BASE + pfn * 4096;
    let page = StartInfo {
        nr_pages: pages,
        shared_info: 0x7000,
        flags: 0x10,
        xenstore: (0x100, 1),
        console: (0x101, 2),
        tables: (address(start_info + 3), TABLES),
        list: if in_image { address(IMAGE.end) } else { OWN },
        own_list: if in_image { (0, 0) } else { (END, list_pages) },
        ..StartInfo::default()
    };
    let entry = KernelEntry {
        start_info: VirtAddr::new(address(start_info)),
        virt_base: VirtAddr::new(BASE),
        image_start: VirtAddr::new(address(IMAGE.start)),
        image_end: VirtAddr::new(address(IMAGE.end)),
    };
    BootFacts::parse(&page.page(), &entry).unwrap()
}
