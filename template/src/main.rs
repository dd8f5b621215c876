//! The smallest kernel that shows something: a heap, the command line, and where everything is.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use xen_guest::{
    Guest, HeapError, PageCount, entry, log,
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

fn run(guest: &mut Guest) -> Result<(), HeapError> {
    // 4 MiB. From here on `alloc` works.
    guest.heap(PageCount::new(1024))?;
    let squares: Vec<u64> = (0..1000).map(|number| number * number).collect();
    log::info!(
        "hello from a kernel outside the repository: the squares add up to {}",
        squares.iter().sum::<u64>()
    );

    let line = guest.command_line();
    log::info!("command line \"{}\", name={:?}", line.as_str(), line.value_of("name"));
    log::info!("{} of {} pages mapped, {} free", guest.mapped(), guest.facts().nr_pages(), guest.free());
    log::info!("{}", guest.picture());
    Ok(())
}
