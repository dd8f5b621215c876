//! Only code with the authority can say that a mapping is gone.
//!
//! On Xen: the page is called free while it is mapped writable. Hooking it as a table is refused, or a second owner
//! finds its data changed.

use p2m::{Data, Frame};

pub fn mapped_again(data: &mut Frame<Data>) {
    data.count_mapping(); //~ TWIN
    data.discount_mapping(); //~ FAIL E0061
}
