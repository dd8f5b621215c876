//! A machine frame number does not pass for a pseudo-physical one.
//!
//! On Xen: the P2M is asked about a page far beyond its end, or about the wrong page.

use p2m::{P2mEntry, Memory, Translate, Tree};
use start_info::{Mfn, Pfn};

pub fn entry(memory: &impl Memory, tree: &Tree, pfn: Pfn, mfn: Mfn) -> P2mEntry {
    tree.entry(memory, pfn) //~ TWIN
    tree.entry(memory, mfn) //~ FAIL E0308
}
