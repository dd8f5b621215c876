//! A frame has one owner and is not copied.
//!
//! On Xen: one copy becomes a table and the other stays writable memory. The second role is refused, long after the
//! copy was made.

use p2m::Frame;

pub fn two(frame: Frame, another: Frame) -> [Frame; 2] {
    [another, frame] //~ TWIN
    [frame.clone(), frame] //~ FAIL E0599
}
