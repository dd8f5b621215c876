//! The ramdisk's bytes.

use p2m::LinearMap;
use start_info::PfnRange;

use crate::sys::pointer;

/// Returns the bytes of the ramdisk; `None` if the linear map does not cover all its pages. They end with the last
/// page, whatever start_info says about the length.
pub(super) fn bytes(window: &LinearMap, pfns: PfnRange, len: u64) -> Option<&'static [u8]> {
    let start = window.address(pfns.start())?;
    let _last = window.address(pfns.last()?)?;
    let len = usize::try_from(len.min(pfns.len().bytes())).ok()?;
    // SAFETY: the window reaches from the first to the last page, checked above, and maps each that has memory, which
    // the caller has checked (`Guest::ramdisk`); the pages are reserved in the direct map for ever, so nobody writes
    // them; `len` does not pass the last page.
    Some(unsafe { core::slice::from_raw_parts(pointer::to(start), len) })
}

#[cfg(test)]
mod tests {
    use p2m::LinearMap;
    use start_info::{PageCount, Pfn, PfnRange};

    use super::bytes;
    use crate::sys::buffer::Buffer;

    fn read(window: &LinearMap, start: u64, pages: u64, len: u64) -> Option<&'static [u8]> {
        bytes(window, PfnRange::try_new(Pfn::new(start), PageCount::new(pages)).unwrap(), len)
    }

    #[test]
    fn every_byte_is_there_and_none_behind() {
        let buffer = Buffer::new(3);
        let content = std::vec::Vec::from_iter((0..48).flat_map(|number| [number; 256]));
        buffer.set_bytes(0, &content);
        for (start, pages, len) in [(0, 3, 3 * 4096), (1, 2, 4097), (2, 1, 1), (2, 1, 4096), (0, 1, 4095)] {
            let found = read(&buffer.window(), start, pages, len).unwrap();
            assert_eq!(found, &content[start as usize * 4096..][..len as usize]);
        }
        // A length beyond the last page is cut.
        assert_eq!(read(&buffer.window(), 2, 1, u64::MAX).unwrap(), &content[2 * 4096..]);
    }

    #[test]
    fn what_is_not_all_mapped_is_not_there() {
        let window = Buffer::new(3).window();
        for (start, pages) in [(0, 0), (3, 1), (2, 2), (0, 4)] {
            assert_eq!(read(&window, start, pages, 1), None, "{pages} pages from {start}");
        }
    }
}
