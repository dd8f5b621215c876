//! A payload gives the heap a number of pages, not pages of its choice.
//!
//! On Xen: the allocator writes its lists into the heap: a page fault at the first allocation if nothing is mapped
//! there, otherwise somebody's memory is overwritten.

#![no_std]

use p2m::{Span, Unmapped};
use start_info::PageCount;
use xen_guest::Guest;

pub fn heap(guest: &mut Guest, len: PageCount, not: Span<Unmapped>) -> Span<Unmapped> {
    let _heap = guest.heap(len); //~ TWIN
    let _heap = guest.heap(not); //~ FAIL E0308
    not
}
