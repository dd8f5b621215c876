//! Nobody outside the layer says what pages can be mapped.
//!
//! On Xen: a form of one's own passes frames that somebody holds already.

use mmu::OwnedPages;
use p2m::Frame;

pub struct Held(pub Vec<Frame>);

pub fn pages<O: OwnedPages>(pages: O) -> O {
    pages
}

pub fn map(held: Held) -> Vec<Frame> {
    pages(held.0) //~ TWIN
    pages(held).0 //~ FAIL E0277
}
