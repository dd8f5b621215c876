//! A chunk whose mapping is refused half-way.

use xen_guest::LoadError;
use xen_model::GuestConfig;

use crate::subject::{Deed, Leaves, Subject};

fn grow(subject: &mut Subject) -> Result<(), LoadError> {
    let grown = subject.booted.running.grow()?;
    assert!(grown);
    Ok(())
}

/// Calls `each` with a growth into the rest of a live L2 table, and with one that needs a new L2 table.
fn each_growth(each: impl Fn(&Deed<'_>)) {
    let holes = vec![0x4_0123..0x4_0134, 0x4_0400..0x4_0a00];
    for holes in [Vec::new(), holes] {
        let guest = GuestConfig { image_start: 0x80, holes, ..GuestConfig::new((1 << 18) + 0x1345) };
        let guest = guest.with_command_line("map=lazy");
        for before in if guest.holes.is_empty() { 0..2 } else { 1..2 } {
            let prepare = |subject: &mut Subject| (0..before).for_each(|_| grow(subject).unwrap());
            let name = &format!("growth {before}");
            each(&Deed { name, guest: &guest, prepare: &prepare, act: &grow, leaves: Leaves::Before });
        }
    }
}

#[test]
fn a_growth_that_is_refused_or_cut_leaves_all_as_it_was() {
    each_growth(|deed| deed.refuse_calls());
}

#[test]
fn a_growth_without_a_frame_leaves_all_as_it_was() {
    each_growth(|deed| deed.deny_frames());
}
