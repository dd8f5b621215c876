//! A number of bytes does not pass for a number of pages.
//!
//! On Xen: 4096 times the memory is asked for, and there is none.

use p2m::{FrameAllocator, Mapped, Memory, Span};
use start_info::PageCount;

pub fn heap(memory: &mut impl Memory, frames: &mut FrameAllocator, len: PageCount) -> Option<Span<Mapped>> {
    frames.take_span(memory, len) //~ TWIN
    frames.take_span(memory, len.bytes()) //~ FAIL E0308
}
