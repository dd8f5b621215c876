//! A run is made of frames that are given up for it.
//!
//! On Xen: frame and run are given back, and the page has two owners.

use p2m::{Frame, Mapped, Span};

pub fn run(frame: Frame) -> Span<Mapped> {
    Span::of(frame) //~ TWIN
    Span::of(&frame) //~ FAIL E0308
}
