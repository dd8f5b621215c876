//! A request to Xen is made once.
//!
//! On Xen: kept and made again, it maps a frame that is a table by now, or somebody else's.

use mmu::Update;

pub fn twice(update: Update, another: Update) -> [Update; 2] {
    let first = update;
    [first, another] //~ TWIN
    [first, update] //~ FAIL E0382
}
