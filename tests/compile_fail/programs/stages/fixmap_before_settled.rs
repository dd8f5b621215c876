//! A boot that has not settled its layout has none to make a fixmap of.
//!
//! On Xen: as in `layout/fixmap_of_a_plan`: a region reserved later may take the slot's address.

use mmu::Fixmap;
use xen_guest::stage::{Running, Translated};

pub fn open<'s>(translated: &'s Translated, running: &'s Running) -> Fixmap<'s> {
    Fixmap::new(&running.layout) //~ TWIN
    Fixmap::new(&translated.layout) //~ FAIL E0609
}
