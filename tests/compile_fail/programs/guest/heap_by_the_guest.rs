//! The heap is only laid over memory that the guest takes for it.
//!
//! On Xen: the allocator writes its lists over another owner's memory.

use p2m::{Mapped, Span};
use start_info::PageCount;
use xen_guest::{Guest, Platform};

pub fn heap<P: Platform>(guest: &mut Guest<P>, len: PageCount, span: Span<Mapped>) -> Option<Span<Mapped>> {
    let _back = guest.give_span(span); //~ TWIN
    let _heap = xen_guest::sys::init_heap(span); //~ FAIL E0425
    guest.take_span(len).ok()
}
