//! There is no access that both writes and executes.
//!
//! On Xen: such an entry is accepted. That no page is ever both is a promise of this layer, kept by there being no word
//! for it.

use mmu::{Access, ImagePart};
use start_info::PfnRange;

pub fn text(pages: PfnRange) -> ImagePart {
    let access = Access::Execute; //~ TWIN
    let access = Access::ReadWriteExecute; //~ FAIL E0599
    ImagePart { pages, access }
}
