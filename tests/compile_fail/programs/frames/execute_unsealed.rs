//! Only a page that nobody can write is mapped as code.
//!
//! On Xen: Xen does not stop it, so the type must. The page is code at one address and writable at another.

//@ inside mmu

use mmu::paging::{entry::Entry, level::L1};
use p2m::{Data, Frame, Sealed};
use start_info::Mfn;

fn code(sealed: &Frame<Sealed>, data: &Frame<Data>, mfn: Mfn) -> Entry<L1> {
    Entry::executable(sealed, mfn) //~ TWIN
    Entry::executable(data, mfn) //~ FAIL E0308
}
