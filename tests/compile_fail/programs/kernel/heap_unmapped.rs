//! A heap is laid over memory that is mapped.
//!
//! On Xen: the allocator writes its lists into the heap: a page fault at the first allocation, or at the first that
//! leaves what the builder mapped.

#![no_std]

use p2m::{Mapped, Span, Unmapped, Window};
use xen_guest::sys::init_heap;

pub fn heap(window: &Window, mapped: Span<Mapped>, not: Span<Unmapped>) {
    init_heap(window, mapped); //~ TWIN
    init_heap(window, not); //~ FAIL E0308
}
