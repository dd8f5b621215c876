//! The payload.

use xen_guest::{
    Guest, PageCount, entry, log,
    sys::{Reason, shutdown},
};

use alloc::{format, string::String};

entry!(main);

fn main(mut guest: Guest) -> ! {
    match run(&mut guest) {
        Ok(()) => log::info!("verdict: SUCCESS"),
        Err(why) => log::info!("verdict: FAILURE {why}"),
    }
    shutdown(Reason::Poweroff)
}

fn run(guest: &mut Guest) -> Result<(), String> {
    guest.heap(PageCount::new(256)).map_err(|error| format!("{error}"))?;
    crate::loopback::run(guest)?;
    crate::slept::run(guest)?;
    crate::refused::run(guest)?;
    crate::interrupted::run(guest)?;
    crate::trapped::run(guest)?;
    log::info!("{} hypercalls, {} refused", guest.hypercalls(), guest.refused());
    Ok(())
}
