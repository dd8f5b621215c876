//! A change of the P2M that is refused.

use p2m::Entry;
use xen_guest::LoadError;
use xen_model::Guest;

use crate::subject::{Deed, Leaves, Subject, WATCHED};

/// Calls `each` with a change for which a leaf must be made, and with one in a leaf of our own.
fn each_change(each: impl Fn(&Deed<'_>, bool)) {
    let hole = WATCHED.get() / 512 * 512..WATCHED.get() / 512 * 512 + 1024;
    for (name, holes) in [("new leaf", vec![hole]), ("in place", Vec::new())] {
        let guest = Guest { image_start: 0x80, image_pages: 0x200, holes, ..Guest::new(0x2345) };
        let act = |subject: &mut Subject| -> Result<(), LoadError> {
            let foreign = Entry::Foreign(subject.built.machine.other_domains_frame());
            Ok(subject.running.set_entry(&mut subject.built.machine, WATCHED, foreign)?)
        };
        let deed = Deed { name, guest: &guest, prepare: &|_| (), act: &act, leaves: Leaves::Before };
        each(&deed, name == "new leaf");
    }
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    each_change(|deed, makes_a_leaf| {
        if makes_a_leaf {
            deed.refuse_calls();
        }
    });
}

#[test]
fn a_change_without_a_frame_changes_nothing_or_is_done() {
    each_change(|deed, _| deed.deny_frames());
}
