//! A sealed page can no longer be written.
//!
//! On Xen: its writable mapping is gone, so the store faults. With that mapping, running code would change.

use p2m::{Data, Frame, Memory, Sealed};
use start_info::Index;

pub fn patch(memory: &mut impl Memory, data: &mut Frame<Data>, sealed: &mut Frame<Sealed>) {
    data.set(memory, Index::FIRST, 0xc3); //~ TWIN
    sealed.set(memory, Index::FIRST, 0xc3); //~ FAIL E0599
}
