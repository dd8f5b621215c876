//! Staying up, and doing what the toolstack asks for.

use core::convert::Infallible;

use xen_guest::{
    Guest, XenstoreError,
    control::{Control, Request},
    log,
    sys::{Reason, shutdown},
};

/// Stays up until the toolstack asks for an end. As dom0 nobody does.
pub(crate) fn idle(guest: &mut Guest) -> ! {
    loop {
        match obey(guest) {
            Ok(never) => match never {},
            Err(XenstoreError::Missing) => break,
            Err(error) => log::warn!("{error}"),
        }
        if let Err(error) = guest.xenstore().and_then(|mut store| store.reconnect()) {
            log::warn!("{error}");
            break;
        }
    }
    xen_guest::sys::idle()
}

fn obey(guest: &mut Guest) -> Result<Infallible, XenstoreError> {
    let mut store = guest.xenstore()?;
    let control = Control::start(&mut store)?;
    loop {
        let request = control.wait(&mut store)?;
        log::info!("control: {request}");
        match request {
            Request::Poweroff | Request::Halt | Request::Sysrq('o') => shutdown(Reason::Poweroff),
            Request::Reboot | Request::Sysrq('b') => shutdown(Reason::Reboot),
            Request::Crash | Request::Sysrq('c') => shutdown(Reason::Crash),
            Request::Suspend => log::warn!("control: this kernel cannot suspend, so it cannot be saved"),
            Request::Sysrq(_) | Request::Unknown(_) => {}
        }
    }
}
