//! A payload gives the heap a number of pages, and none of its own.
//!
//! On Xen: the allocator writes its lists into the heap: a page fault at the first allocation where nothing is mapped, and
//! somebody's memory overwritten where something is.

#![no_std]

use p2m::{Span, Unmapped};
use start_info::PageCount;
use xen_guest::Guest;

pub fn heap(guest: &mut Guest, len: PageCount, not: Span<Unmapped>) -> Span<Unmapped> {
    let _heap = guest.init_heap(len); //~ TWIN
    let _heap = guest.init_heap(not); //~ FAIL E0308
    not
}
