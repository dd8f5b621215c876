//! Xenstore: reads the domain's name, then waits until somebody types `xl shutdown`, `xl reboot` or `xl sysrq`, and obeys.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use xen_guest::{
    Guest, PageCount, XenstoreError,
    control::{Control, ControlRequest},
    entry, log,
    sys::{Reason, shutdown},
};

entry!(main);

fn main(mut guest: Guest) -> ! {
    // What xenstore answers is on the heap.
    let reason = match guest.heap(PageCount::new(64)) {
        Ok(()) => serve(&mut guest),
        Err(error) => {
            log::info!("verdict: FAILURE {error}");
            shutdown(Reason::Poweroff)
        }
    };
    match reason {
        Ok(reason) => {
            log::info!("verdict: SUCCESS");
            shutdown(reason)
        }
        Err(error) => {
            log::info!("verdict: FAILURE {error}");
            shutdown(Reason::Poweroff)
        }
    }
}

/// Waits for what ends the domain, and returns it.
fn serve(guest: &mut Guest) -> Result<Reason, XenstoreError> {
    let mut store = guest.xenstore()?;
    log::info!("this domain is {}", store.read_text("name")?);
    for child in store.directory("control")? {
        log::info!("the toolstack made control/{child}");
    }
    // Either both are stored or none.
    store.transaction(|store| {
        store.write("data/kernel", b"xenstore-shutdown")?;
        store.write("data/state", b"up")
    })?;
    let control = Control::start(&mut store)?;
    // Whoever has something else to say to this kernel writes it there.
    store.watch("data/message", "message")?;
    log::info!("idle: waiting for xl shutdown");
    loop {
        let event = store.wait_event()?;
        if event.token == "message" {
            match store.read_text("data/message") {
                // As after an error that says that the two sides are out of step.
                Ok(text) if text == "reconnect" => {
                    store.remove("data/message")?;
                    log::info!("reconnected: {:?}", store.reconnect());
                }
                Ok(text) => log::info!("message: {text}"),
                Err(error) => log::info!("{error}"),
            }
            continue;
        }
        let Some(request) = control.request(&mut store, &event)? else { continue };
        log::info!("asked for {request}");
        match request {
            ControlRequest::Poweroff | ControlRequest::Halt => return Ok(Reason::Poweroff),
            ControlRequest::Reboot => return Ok(Reason::Reboot),
            ControlRequest::Crash => return Ok(Reason::Crash),
            ControlRequest::Suspend | ControlRequest::Sysrq(_) | ControlRequest::Unknown(_) => {}
        }
    }
}
