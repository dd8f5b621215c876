//! A request to Xen can be made only once.
//!
//! On Xen: made again later, it maps a frame that is now a table or another owner's.

use mmu::Update;

pub fn twice(update: Update, another: Update) -> [Update; 2] {
    let first = update;
    [first, another] //~ TWIN
    [first, update] //~ FAIL E0382
}
