//! Staying up, and doing what the toolstack asks for.

use core::convert::Infallible;

use xen_guest::{
    Guest, XenstoreError,
    control::{Control, ControlRequest},
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
            ControlRequest::Poweroff | ControlRequest::Halt | ControlRequest::Sysrq('o') => {
                shutdown(Reason::Poweroff)
            }
            ControlRequest::Reboot | ControlRequest::Sysrq('b') => shutdown(Reason::Reboot),
            ControlRequest::Crash | ControlRequest::Sysrq('c') => shutdown(Reason::Crash),
            ControlRequest::Suspend => {
                log::warn!("control: this kernel cannot suspend, so it cannot be saved")
            }
            ControlRequest::Sysrq(_) | ControlRequest::Unknown(_) => {}
        }
    }
}
