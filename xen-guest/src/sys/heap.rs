//! The payload's heap.
//!
//! *What this is*: `linked_list_allocator` over a run of frames of the direct map.
//!
//! *What is not prevented*: running out. `alloc` reports it to the caller, or panics by Rust's rules.

use linked_list_allocator::LockedHeap;
use p2m::{LinearMap, Mapped, Span};

use crate::sys::pointer;

// On the host, tests use the host's allocator, and each makes a heap of its own.
#[cfg_attr(target_os = "none", global_allocator)]
static HEAP: LockedHeap = LockedHeap::empty();

/// Gives the heap its memory. A second call does nothing and loses the span.
#[cfg(target_os = "none")]
pub(crate) fn init(window: &LinearMap, span: Span<Mapped>) {
    give(&HEAP, window, span);
}

/// Returns how many bytes of the heap are in use.
#[must_use]
pub fn used() -> usize {
    HEAP.lock().used()
}

/// Returns how many bytes the heap has.
#[cfg(target_os = "none")]
pub(crate) fn size() -> usize {
    HEAP.lock().size()
}

fn give(heap: &LockedHeap, window: &LinearMap, span: Span<Mapped>) {
    let bytes = span.len().bytes() as usize;
    let start = window.address(span.range().start());
    let mut heap = heap.lock();
    if let (Some(start), 0, 1..) = (start, heap.size(), bytes) {
        // SAFETY: the span has pages, as just checked, is mapped writable, one frame after the other, for ever, and was
        // ours alone until this call took it; the heap had no memory, as just checked.
        unsafe { heap.init(pointer::to_mut(start), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use core::{
        alloc::{GlobalAlloc, Layout},
        ptr::{NonNull, null_mut},
    };

    use linked_list_allocator::LockedHeap;
    use p2m::{Authority, Mapped, Span};
    use start_info::{PageCount, Pfn, PfnRange};

    use super::{give, pointer};
    use crate::sys::buffer::Buffer;

    fn span(buffer: &Buffer, start: u64, pages: u64) -> Span<Mapped> {
        let range = PfnRange::try_new(Pfn::new(start), PageCount::new(pages)).unwrap();
        buffer.window().free_span(&Authority::take().unwrap(), range)
    }

    /// Takes memory from a heap; null when none is left.
    fn taken(heap: &LockedHeap, layout: Layout) -> *mut u8 {
        heap.lock().allocate_first_fit(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    #[test]
    fn the_heap_has_the_bytes_of_its_frames_and_no_others() {
        let buffer = Buffer::new(4);
        let heap = LockedHeap::empty();
        give(&heap, &buffer.window(), span(&buffer, 1, 2));
        let layout = Layout::from_size_align(8192, 4096).unwrap();
        let memory = taken(&heap, layout);
        assert_eq!(memory.addr() as u64, buffer.address().as_u64() + 4096);
        // SAFETY: the heap gave these bytes.
        unsafe { memory.write_bytes(0xff, layout.size()) };
        let word = Layout::new::<u64>();
        assert!(taken(&heap, word).is_null());
        assert_eq!(buffer.bytes(0, 4096), [0; 4096]);
        assert_eq!(buffer.bytes(4096, 8192), [0xff; 8192]);
        assert_eq!(buffer.bytes(3 * 4096, 4096), [0; 4096]);
        // SAFETY: the heap gave it, with this layout.
        unsafe { heap.dealloc(memory, layout) };
        assert_eq!(heap.lock().used(), 0);
    }

    #[test]
    fn what_is_given_back_is_whole_again() {
        let buffer = Buffer::new(2);
        let heap = LockedHeap::empty();
        give(&heap, &buffer.window(), span(&buffer, 0, 2));
        let layouts = [(1, 1), (24, 8), (100, 64), (1000, 16), (7, 4), (2048, 2048)]
            .map(|(size, align)| Layout::from_size_align(size, align).unwrap());
        for rotation in 0..layouts.len() {
            let memory = layouts.map(|layout| taken(&heap, layout));
            for (memory, layout) in memory.iter().zip(layouts) {
                assert!(!memory.is_null() && memory.addr().is_multiple_of(layout.align()));
                // SAFETY: the heap gave these bytes.
                unsafe { memory.write_bytes(0xa5, layout.size()) };
            }
            for rank in 0..layouts.len() {
                let at = (rank + rotation) % layouts.len();
                // SAFETY: the heap gave it, with this layout, and it is given back once.
                unsafe { heap.dealloc(memory[at], layouts[at]) };
            }
            assert_eq!(heap.lock().used(), 0);
        }
        let all = Layout::from_size_align(8192, 8).unwrap();
        assert!(!taken(&heap, all).is_null());
    }

    #[test]
    fn a_second_span_is_not_taken_and_an_empty_one_is_no_memory() {
        let buffer = Buffer::new(2);
        let heap = LockedHeap::empty();
        give(&heap, &buffer.window(), span(&buffer, 7, 1));
        assert_eq!(heap.lock().size(), 0);
        give(&heap, &buffer.window(), span(&buffer, 0, 1));
        give(&heap, &buffer.window(), span(&buffer, 1, 1));
        let bottom: *mut u8 = pointer::to_mut(buffer.address());
        let heap = heap.lock();
        assert_eq!((heap.size(), heap.bottom()), (4096, bottom));
    }
}
