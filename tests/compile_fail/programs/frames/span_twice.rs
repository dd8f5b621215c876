//! A run of memory has one owner and is not copied.
//!
//! On Xen: the allocator would hand out every frame of it twice. Two owners of one page are no matter for Xen, until
//! one of them makes it a table.

use p2m::{Mapped, Span};

pub fn two(span: Span<Mapped>, another: Span<Mapped>) -> [Span<Mapped>; 2] {
    [another, span] //~ TWIN
    [span.clone(), span] //~ FAIL E0599
}
