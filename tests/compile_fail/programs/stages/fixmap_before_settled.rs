//! A boot that has not settled its layout has none to make a fixmap of.
//!
//! On Xen: as in `layout/fixmap_of_a_plan`: a region reserved later may take the slot's address.

use mmu::Fixmap;
use xen_guest::stage::{Running, Arranged};

pub fn open<'s>(arranged: &'s Arranged, running: &'s Running) -> Fixmap<'s> {
    Fixmap::new(&running.layout) //~ TWIN
    Fixmap::new(&arranged.layout) //~ FAIL E0609
}
