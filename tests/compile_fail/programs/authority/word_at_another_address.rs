//! Only code with the authority names a word of a page at another address.
//!
//! On Xen: another page is mapped there, and its owner's memory is overwritten.

use p2m::{Authority, Data, Frame, WordMut};
use start_info::Index;
use x86_64::VirtAddr;

pub fn word<'f>(authority: &Authority, page: &'f mut Frame<Data>, at: VirtAddr) -> WordMut<'f> {
    let _authority = authority;
    page.word_mut_at(authority, at, Index::FIRST) //~ TWIN
    page.word_mut_at(at, Index::FIRST) //~ FAIL E0061
}
