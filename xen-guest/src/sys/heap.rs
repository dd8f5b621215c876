//! The payload's heap.
//!
//! *What this is*: `linked_list_allocator` over a run of frames of the direct map.
//!
//! *What is not prevented*: running out. `alloc` reports it to the caller, or panics by Rust's rules.

use linked_list_allocator::LockedHeap;
use p2m::{Mapped, Span, Window};
use start_info::Pfn;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// Gives the heap its memory. A second call does nothing and loses the span.
pub fn init(window: &Window, span: Span<Mapped>) {
    let bytes = span.len().bytes() as usize;
    let start = Pfn::try_new(span.range().start()).ok().and_then(|pfn| window.address(pfn));
    let mut heap = HEAP.lock();
    if let (Some(start), 0) = (start, heap.size()) {
        // SAFETY: the span is mapped writable, one frame after the other, for ever, and was ours alone until this call
        // took it; the heap had no memory, as just checked.
        unsafe { heap.init(start.as_mut_ptr(), bytes) };
    }
}

/// Returns how many bytes of the heap are in use.
#[must_use]
pub fn used() -> usize {
    HEAP.lock().used()
}
