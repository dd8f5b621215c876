//! Between the two times that relocations are applied: the image's address is chosen.
//!
//! *What this is*: what `start.S` calls while the image runs where it was linked. What it leaves in memory is the image with
//! its address, which holds page numbers; addresses of the image only where the image stays.
//!
//! *What must hold*: nothing here registers an address of the image with somebody who uses it after the move, but for the
//! trap table, which [`crate::sys::entered`] gives to Xen again.

use spin::Mutex;

use crate::{
    boot::{image::Image, kaslr::choose_address},
    sys::{entry::Start, random, symbols, traps, xen::Xen},
};

static CHOSEN: Mutex<Option<Image>> = Mutex::new(None);

/// Maps the image at the address it is to run at, and returns how far that is from where it was linked.
#[unsafe(no_mangle)]
extern "C" fn xen_guest_slide(start_info: u64) -> u64 {
    // Should Xen refuse the table, it does so again.
    let _refused = traps::install();
    let image = symbols::image();
    let Ok((page, entry)) = Start::read(start_info, &image) else { return 0 };
    // SAFETY: the builder's tables are live, and this one is gone before `entered` makes another.
    let mut xen = unsafe { Xen::new() };
    // Should Xen refuse this, it does so again if the image stays. One that moves has its stack at the new address, and there
    // no guard page is mapped.
    let _refused = mmu::unmap_guard(&mut xen, image.guard, image.map);
    let image = choose_address(&mut xen, &page, &entry, &image, |xen| random::words(xen, &page));
    *CHOSEN.lock() = Some(image);
    image.map.slide()
}

/// Returns the image where it runs.
pub(super) fn image() -> Image {
    CHOSEN.lock().unwrap_or_else(symbols::image)
}
