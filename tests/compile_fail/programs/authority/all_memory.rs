//! All memory is claimed with the authority.
//!
//! On Xen: each frame has two owners from then on, the claimant and whom the boot gave it to; see `frames/span_twice`.

use p2m::{Span, Unmapped};
use start_info::{BootFacts, PageCount};

pub fn rest(facts: &BootFacts, left_over: Span<Unmapped>) -> Span<Unmapped> {
    left_over //~ TWIN
    Span::all_memory(facts.nr_pages()) //~ FAIL E0061
}
