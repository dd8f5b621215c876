//! A change of the P2M that is refused.

use p2m::P2mEntry;
use xen_guest::LoadError;
use xen_model::GuestConfig;

use crate::subject::{Deed, Leaves, Subject, WATCHED};

/// Calls `each` with a change that needs a new leaf, and with one in a leaf of our own.
fn each_change(each: impl Fn(&Deed<'_>, bool)) {
    let leaf = WATCHED.get() / 512 * 512;
    for (name, hole) in [("new leaf", leaf..leaf + 1024), ("in place", WATCHED.get()..WATCHED.get() + 1)] {
        let guest = GuestConfig {
            image_start: 0x80,
            image_pages: 0x200,
            holes: vec![hole],
            ..GuestConfig::new(0x2345)
        };
        let act = |subject: &mut Subject| -> Result<(), LoadError> {
            let foreign = P2mEntry::Foreign(subject.machine().other_domains_frame());
            Ok(subject.booted.running.set_entry(WATCHED, foreign)?)
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
fn a_change_without_a_frame_changes_nothing() {
    // A change in place takes none: `kept.rs`.
    each_change(|deed, makes_a_leaf| {
        if makes_a_leaf {
            deed.deny_frames();
        }
    });
}
