//! What was mapped as a frame comes back as one, not as a run.
//!
//! On Xen: a run would take in pages of other owners.

use mmu::MappedPages;
use p2m::{Frame, Mapped, Span};
use xen_guest::{Guest, Platform};

pub fn unmap<P: Platform>(guest: &mut Guest<P>, run: MappedPages<Span<Mapped>>, one: MappedPages<Frame>) -> Option<Span<Mapped>> {
    let _one = &one;
    guest.unmap(run).ok() //~ TWIN
    guest.unmap(one).ok() //~ FAIL E0308
}
