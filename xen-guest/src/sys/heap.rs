//! The payload's heap.
//!
//! *What this is*: `linked_list_allocator` over memory the guest gives away, with the layer's one kind of lock. Events are
//! masked while it is held, because a handler may use the heap too.
//!
//! *What is not prevented*: running out. `alloc` reports it to the caller, or panics by Rust's rules.

use core::{
    alloc::{GlobalAlloc, Layout},
    mem::MaybeUninit,
    ptr::{NonNull, null_mut},
};

use linked_list_allocator::Heap;
use spin::Mutex;

use crate::sys::masked::masked;

// On the host, tests use the host's allocator, and each makes a heap of its own.
#[cfg_attr(target_os = "none", global_allocator)]
static HEAP: LockedHeap = LockedHeap::empty();

/// Less memory is no heap: the allocator's list of free pieces needs some.
const LEAST: usize = 4096;

struct LockedHeap(Mutex<Heap>);

impl LockedHeap {
    const fn empty() -> Self {
        Self(Mutex::new(Heap::empty()))
    }

    /// Does something with the heap.
    fn with<R>(&self, work: impl FnOnce(&mut Heap) -> R) -> R {
        masked(|| work(&mut self.0.lock()))
    }
}

// SAFETY: what `Heap` gives has the layout asked for and overlaps nothing it gave before; the lock keeps calls apart.
unsafe impl GlobalAlloc for LockedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.with(|heap| heap.allocate_first_fit(layout)).map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if let Some(memory) = NonNull::new(memory) {
            // SAFETY: the caller returns what `alloc` gave, with the same layout (GlobalAlloc's contract).
            self.with(|heap| unsafe { heap.deallocate(memory, layout) });
        }
    }
}

/// Gives the heap its memory. A second call does nothing: the memory is lost.
#[cfg(target_os = "none")]
pub(crate) fn init(memory: &'static mut [MaybeUninit<u8>]) {
    give(&HEAP, memory);
}

/// Returns how many bytes of the heap are in use.
#[must_use]
pub fn used() -> usize {
    HEAP.with(|heap| heap.used())
}

/// Returns how many bytes the heap has.
#[cfg(target_os = "none")]
pub(crate) fn size() -> usize {
    HEAP.with(|heap| heap.size())
}

fn give(heap: &LockedHeap, memory: &'static mut [MaybeUninit<u8>]) {
    heap.with(|heap| {
        // Neither a second time nor with too little for a list: the allocator would panic.
        if heap.size() == 0 && memory.len() >= LEAST {
            heap.init_from_slice(memory);
        }
    });
}

#[cfg(test)]
mod tests {
    use core::{
        alloc::{GlobalAlloc, Layout},
        ptr::{NonNull, null_mut},
    };

    use core::mem::MaybeUninit;

    use p2m::Authority;
    use start_info::{PageCount, Pfn, PfnRange};

    use super::{LEAST, LockedHeap, give};
    use crate::sys::{buffer::Buffer, bytes};

    fn memory(buffer: &Buffer, start: u64, pages: u64) -> &'static mut [MaybeUninit<u8>] {
        let range = PfnRange::try_new(Pfn::new(start), PageCount::new(pages)).unwrap();
        let span = buffer.window().free_span(&Authority::take().unwrap(), range);
        bytes::of_span(&buffer.window(), span).unwrap()
    }

    /// Takes memory from a heap; null when none is left.
    fn taken(heap: &LockedHeap, layout: Layout) -> *mut u8 {
        heap.with(|heap| heap.allocate_first_fit(layout)).map_or(null_mut(), NonNull::as_ptr)
    }

    #[test]
    fn the_heap_has_the_bytes_of_its_frames_and_no_others() {
        let buffer = Buffer::new(4);
        let heap = LockedHeap::empty();
        give(&heap, memory(&buffer, 1, 2));
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
        assert_eq!(heap.with(|heap| heap.used()), 0);
    }

    #[test]
    fn what_is_given_back_is_whole_again() {
        let buffer = Buffer::new(2);
        let heap = LockedHeap::empty();
        give(&heap, memory(&buffer, 0, 2));
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
            assert_eq!(heap.with(|heap| heap.used()), 0);
        }
        let all = Layout::from_size_align(8192, 8).unwrap();
        assert!(!taken(&heap, all).is_null());
    }

    #[test]
    fn a_second_piece_is_not_taken_and_too_small_a_one_is_no_memory() {
        let buffer = Buffer::new(2);
        let heap = LockedHeap::empty();
        give(&heap, &mut memory(&buffer, 0, 1)[..LEAST - 1]);
        assert_eq!(heap.with(|heap| heap.size()), 0);
        give(&heap, memory(&buffer, 0, 1));
        give(&heap, memory(&buffer, 1, 1));
        let found = heap.with(|heap| (heap.size(), heap.bottom().addr() as u64));
        assert_eq!(found, (4096, buffer.address().as_u64()));
    }
}
