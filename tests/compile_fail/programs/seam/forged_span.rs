//! Only mapping makes mapped memory; naming its pages does not.
//!
//! On Xen: as in `frames/free_memory_unmapped`: a page fault, or a page with two owners.

use std::marker::PhantomData;

use p2m::{Mapped, Span};
use start_info::PfnRange;

pub fn span(range: PfnRange, mapped: Span<Mapped>) -> Span<Mapped> {
    mapped //~ TWIN
    Span { range, state: PhantomData } //~ FAIL E0451
}
