//! A run of memory has one owner and cannot be copied.
//!
//! On Xen: the allocator would hand out every frame of it twice. Xen does not mind two owners of a page until one of
//! them makes it a table.

use p2m::{Mapped, Span};

pub fn two(span: Span<Mapped>, another: Span<Mapped>) -> [Span<Mapped>; 2] {
    [another, span] //~ TWIN
    [span.clone(), span] //~ FAIL E0599
}
