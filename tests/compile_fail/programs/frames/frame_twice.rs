//! A frame has one owner and cannot be copied.
//!
//! On Xen: one copy becomes a table and the other stays writable memory. Xen refuses the second role, long after the
//! copy was made.

use p2m::Frame;

pub fn two(frame: Frame, another: Frame) -> [Frame; 2] {
    [another, frame] //~ TWIN
    [frame.clone(), frame] //~ FAIL E0599
}
