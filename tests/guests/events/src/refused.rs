//! What Xen refuses: one line, and the guest goes on.

use alloc::{format, string::String};

use xen_guest::{DomId, EventSource, Guest, Virq, log};

pub(crate) fn run(guest: &mut Guest) -> Result<(), String> {
    let nobody = EventSource::Interdomain { remote: DomId::SELF, port: 4000 };
    let stranger = EventSource::Interdomain { remote: DomId::new(0x7000), port: 1 };
    for source in [nobody, stranger] {
        match guest.open(source) {
            Ok(port) => return Err(format!("{source} gave port {}", port.number())),
            Err(error) => log::info!("refused: {error}"),
        }
    }
    let debug = EventSource::Virq(Virq::Debug);
    let port = guest.open(debug).map_err(|error| format!("{error}"))?;
    match guest.open(debug) {
        Ok(port) => return Err(format!("{debug} gave port {} as well", port.number())),
        Err(error) => log::info!("refused: {error}"),
    }
    match guest.send(&port) {
        Ok(()) => return Err(format!("sent to Xen on port {}", port.number())),
        Err(error) => log::info!("refused: {error}"),
    }
    guest.close(port).map_err(|(_, error)| format!("{error}"))?;
    let again = guest.open(debug).map_err(|error| format!("{error}"))?;
    guest.close(again).map_err(|(_, error)| format!("{error}"))
}
