//! Memory yields frames only after it is mapped.
//!
//! On Xen: the allocator writes into the memory it is given, and so does whoever takes a frame: a page fault at the
//! first page behind what the builder mapped. Guests with little memory never reach it.

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
