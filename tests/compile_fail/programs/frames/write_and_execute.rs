//! No access allows both writing and executing.
//!
//! On Xen: such an entry is accepted. This layer promises that no page is ever both, and has no name for such an
//! access.

use mmu::{Access, ImagePart};
use start_info::PfnRange;

pub fn text(pages: PfnRange) -> ImagePart {
    let access = Access::Execute; //~ TWIN
    let access = Access::ReadWriteExecute; //~ FAIL E0599
    ImagePart { pages, access }
}
