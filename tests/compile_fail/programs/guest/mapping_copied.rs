//! There is one name for pages that are mapped.
//!
//! On Xen: unmapping the first gives the frames back, and the copy still writes to them.

use mmu::MappedPages;
use p2m::Frame;

pub fn copy(pages: MappedPages<Frame>) -> (MappedPages<Frame>, usize) {
    let size = size_of_val(&pages);
    (pages, size) //~ TWIN
    (pages.clone(), size) //~ FAIL E0599
}
