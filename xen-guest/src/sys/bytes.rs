//! A run of the guest's frames as bytes.

use core::mem::MaybeUninit;

use p2m::{LinearMap, Mapped, Span};

use crate::sys::pointer;

/// Gives a run of frames away for good, as bytes; `None` if it is empty or not all of it is mapped.
pub(crate) fn of_span(window: &LinearMap, span: Span<Mapped>) -> Option<&'static mut [MaybeUninit<u8>]> {
    let range = span.range();
    let start = window.address(range.start())?;
    let _last = window.address(range.last()?)?;
    let bytes = usize::try_from(span.len().bytes()).ok()?;
    // SAFETY: the map covers the first and the last page, as just checked; a mapped span is writable there, one frame
    // after the other. It was ours alone until this call took it, and its frames are never given back.
    Some(unsafe { core::slice::from_raw_parts_mut(pointer::to_mut(start), bytes) })
}

#[cfg(test)]
mod tests {
    use p2m::{Authority, LinearMap};
    use start_info::{PageCount, Pfn, PfnRange};

    use super::of_span;
    use crate::sys::buffer::Buffer;

    #[test]
    fn the_bytes_are_those_of_the_frames_and_no_others() {
        let buffer = Buffer::new(4);
        let window = buffer.window();
        let range = PfnRange::try_new(Pfn::new(1), PageCount::new(2)).unwrap();
        let span = window.free_span(&Authority::take().unwrap(), range);
        let bytes = of_span(&window, span).unwrap();
        assert_eq!((bytes.as_ptr().addr() as u64, bytes.len()), (buffer.address().as_u64() + 4096, 8192));
        bytes.iter_mut().for_each(|byte| {
            byte.write(0xff);
        });
        assert_eq!(buffer.bytes(0, 4096), [0; 4096]);
        assert_eq!(buffer.bytes(4096, 8192), [0xff; 8192]);
        assert_eq!(buffer.bytes(3 * 4096, 4096), [0; 4096]);
        // A map that ends in the middle of them has no bytes for the rest.
        let short = LinearMap::of_builder(&Authority::take().unwrap(), window.base(), PageCount::new(2));
        let span = window.free_span(&Authority::take().unwrap(), range);
        assert!(of_span(&short, span).is_none());
        // No frames are no bytes: the map ends before them.
        let beyond = window.free_span(&Authority::take().unwrap(), PfnRange::one(Pfn::new(7)));
        assert!(of_span(&window, beyond).is_none());
    }
}
