//! A start_info page that names a list of so many pages.

use start_info::{BootFacts, Entry};
use x86_64::VirtAddr;

const BASE: u64 = 0xffff_ffff_8000_0000;
const OWN: u64 = 0xffff_c800_0000_0000;
const IMAGE: std::ops::Range<u64> = 0x10..0x20;
const END: u64 = 1024;
/// A root, an L3, an L2 and two L1 tables map 4 MiB.
const TABLES: u64 = 5;

/// Returns the facts of a guest of `pages` pages, its list behind the image if it fits there.
pub(crate) fn facts(pages: u64) -> BootFacts {
    let list_pages = (pages * 8).div_ceil(4096);
    let in_image = list_pages < 400;
    let start_info = IMAGE.end + if in_image { list_pages } else { 0 };
    let address = |pfn: u64| BASE + pfn * 4096;
    let mut page = [0; 4096];
    page[..14].copy_from_slice(b"xen-3.0-x86_64");
    let own = if in_image { [0, 0] } else { [END, list_pages] };
    for (offset, value) in [
        (0x020, pages),
        (0x028, 0x7000),
        (0x030, 0x10),
        (0x038, 0x100),
        (0x040, 1),
        (0x048, 0x101),
        (0x050, 2),
        (0x058, address(start_info + 3)),
        (0x060, TABLES),
        (0x068, if in_image { address(IMAGE.end) } else { OWN }),
        (0x480, own[0]),
        (0x488, own[1]),
    ] {
        page[offset..offset + 8].copy_from_slice(&u64::to_le_bytes(value));
    }
    let entry = Entry {
        start_info: VirtAddr::new(address(start_info)),
        virt_base: VirtAddr::new(BASE),
        image_start: VirtAddr::new(address(IMAGE.start)),
        image_end: VirtAddr::new(address(IMAGE.end)),
    };
    BootFacts::parse(&page, &entry).unwrap()
}
