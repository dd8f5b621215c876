//! Memory yields frames only after it is mapped.
//!
//! On Xen: the allocator and every owner of a frame write into the memory: a page fault at the first page after the
//! builder's mapping. Guests with little memory never reach it.

use p2m::{FrameAllocator, Mapped, Memory, Span, Unmapped};

pub fn give(
    memory: &mut impl Memory,
    frames: &mut FrameAllocator,
    mapped: Span<Mapped>,
    not: Span<Unmapped>,
) {
    frames.give(memory, mapped); //~ TWIN
    frames.give(memory, not); //~ FAIL E0308
}
