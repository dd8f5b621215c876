//! Memory: single frames, a run of frames, and a page at an address of its own whose protection changes.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use xen_guest::{
    Access, Guest, Index, MmuError, PageCount, entry, log,
    sys::{Reason, shutdown},
};

entry!(main);

fn main(mut guest: Guest) -> ! {
    match run(&mut guest) {
        Ok(()) => log::info!("verdict: SUCCESS"),
        Err(error) => log::info!("verdict: FAILURE {error}"),
    }
    shutdown(Reason::Poweroff)
}

fn run(guest: &mut Guest) -> Result<(), MmuError> {
    // The layer keeps notes of what is mapped on the heap.
    if let Err(error) = guest.heap(PageCount::new(64)) {
        log::warn!("heap: {error}");
    }
    // The first mapping makes tables, which stay for the next one.
    map(guest)?;
    let before = guest.free();
    // A frame is read and written through the guest, wherever it is mapped.
    let mut frame = guest.take_frame()?;
    guest.write(&mut frame, Index::new(0), 0xdead_beef);
    log::info!("{} says {:#x}", frame.pfn(), guest.read(&frame, Index::new(0)));

    // A run of 16 frames, taken apart again.
    let mut span = guest.take_span(PageCount::new(16))?;
    log::info!("a run of frames: {}", span.range());
    let first = guest.split_frame(&mut span);
    guest.give_span(span);
    if let Some(first) = first {
        guest.give_frame(first);
    }
    guest.give_frame(frame);
    map(guest)?;
    log::info!("{} frames free before, {} after", before, guest.free());
    Ok(())
}

/// Maps two pages at an address of their own, writes to them, and makes them read-only: no address can write them then.
fn map(guest: &mut Guest) -> Result<(), MmuError> {
    let pages = guest.take_span(PageCount::new(2))?;
    let mut mapped = guest.map(pages, Access::ReadWrite).map_err(|(_, error)| error)?;
    guest.write_bytes(&mut mapped, 4090, b"across both")?;
    guest.protect(&mut mapped, Access::Read)?;
    // The error says where they are. What was chosen at boot is not for the console.
    if guest.write_bytes(&mut mapped, 0, b"no").is_err() {
        log::info!("refused: the pages may be read only");
    }
    let mut text = [0; 11];
    guest.read_bytes(&mapped, 4090, &mut text)?;
    log::info!("what is mapped says {:?}", core::str::from_utf8(&text));
    let pages = guest.unmap(mapped).map_err(|(_, error)| error)?;
    guest.give_span(pages);
    Ok(())
}
