//! A frame can be given back only once.
//!
//! On Xen: the allocator hands it out twice, and one of the two owners makes it a table while the other still stores to
//! it.

use p2m::{Frame, FrameAllocator, Memory};

pub fn give(memory: &mut impl Memory, allocator: &mut FrameAllocator, frame: Frame, another: Frame) {
    allocator.give_frame(memory, frame);
    allocator.give_frame(memory, another); //~ TWIN
    allocator.give_frame(memory, frame); //~ FAIL E0382
}
