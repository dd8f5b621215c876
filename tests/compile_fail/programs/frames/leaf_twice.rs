//! A writable leaf is one mapping and is not copied.
//!
//! On Xen: each mapping holds a count of its frame. What is copied is counted once by us and twice by Xen, so the frame
//! would be called free while Xen still counts a mapping.

//@ inside mmu

use mmu::paging::leaf::Leaf;

pub fn two<'f>(leaf: Leaf<'f>, another: Leaf<'f>) -> [Leaf<'f>; 2] {
    [another, leaf] //~ TWIN
    [leaf.clone(), leaf] //~ FAIL E0599
}
