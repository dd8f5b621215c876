//! A frame that was given back can no longer be written.
//!
//! On Xen: the frame may be a live table by then, and the store faults; or it describes the allocator's free span, and
//! the store breaks the allocator.

use p2m::{Frame, FrameAllocator, Memory};
use start_info::Index;

pub fn give(memory: &mut impl Memory, allocator: &mut FrameAllocator, mut frame: Frame, mut another: Frame) {
    frame.set(memory, Index::FIRST, another.pfn().get());
    another.set(memory, Index::FIRST, frame.pfn().get());
    allocator.give_frame(memory, frame);
    another.set(memory, Index::FIRST, 0); //~ TWIN
    frame.set(memory, Index::FIRST, 0); //~ FAIL E0382
}
