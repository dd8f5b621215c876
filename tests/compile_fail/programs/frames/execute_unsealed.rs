//! Code is mapped only from a page that nobody can write.
//!
//! On Xen: nothing stops it, which is why the type does. The page is code at one address and writable at another.

//@ inside mmu

use mmu::paging::leaf::Leaf;
use p2m::{Data, Frame, Sealed};

pub fn code<'f>(sealed: &'f Frame<Sealed>, data: &'f Frame<Data>) -> Leaf<'f> {
    Leaf::executable(sealed) //~ TWIN
    Leaf::executable(data) //~ FAIL E0308
}
