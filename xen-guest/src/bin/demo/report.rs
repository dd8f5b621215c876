//! What the demonstration reports for programs.

use xen_guest::{Fact, Guest, Value, log};

/// Prints a fact, if the command line asks for `report=json`.
pub(crate) fn report(guest: &Guest, name: &str, fields: &[(&str, Value<'_>)]) {
    if guest.options().json {
        log::info!("{}", Fact::new(name, fields));
    }
}
