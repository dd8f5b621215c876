//! Only code with the authority can claim all memory.
//!
//! On Xen: each frame then has two owners, the claimant and the one from the boot; see `frames/span_twice`.

use p2m::{Span, Unmapped};
use start_info::{BootFacts, PageCount};

pub fn rest(facts: &BootFacts, left_over: Span<Unmapped>) -> Span<Unmapped> {
    left_over //~ TWIN
    Span::all_memory(facts.nr_pages()) //~ FAIL E0061
}
