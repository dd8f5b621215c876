//! What a step that fails must not lose, and what a lazy map must reach.

use p2m::Entry;
use start_info::Pfn;
use xen_guest::Running;
use xen_model::{Built, Guest, Ramdisk, audit};

use crate::account::{Account, drain};
use crate::guests::try_boot;
use crate::object::module;

const GIB: u64 = 1 << 18;

fn lost(guest: &Guest, spoil: impl FnOnce(&mut Built, &mut Running)) -> Vec<u64> {
    let mut tried = try_boot(&guest.build().unwrap(), |_| {});
    let running = tried.result.as_mut().unwrap();
    spoil(&mut tried.built, running);
    let free = drain(&mut tried.built.machine, running);
    Account::of(&tried.built, running).nobodys(&tried.built.machine, &free)
}

#[test]
fn a_lazy_map_reaches_memory_behind_a_gibibyte_that_yields_nothing() {
    let ramdisk = Ramdisk::zeros(11 << 27);
    for guest in [
        Guest { holes: vec![GIB..2 * GIB, 0..0], ..Guest::new(3 * GIB) },
        Guest { ramdisk_by_pfn: true, ..Guest::new(6 * GIB).with_ramdisk(ramdisk) },
    ] {
        let mut tried = try_boot(&guest.with_command_line("map=lazy").build().unwrap(), |_| {});
        let running = tried.result.as_mut().unwrap();
        drain(&mut tried.built.machine, running);
        assert_eq!(running.map.mapped(), running.map.total());
    }
}

#[test]
fn a_module_for_which_there_are_too_few_pages_loses_none() {
    for n in 1..=5 {
        let lost = lost(&Guest::new(0x2345), |built, running| {
            built.machine.deny_frame_at(n);
            running.load_module(&mut built.machine, "small", &module(), &[]).unwrap_err();
        });
        assert!(lost.is_empty(), "frame {n}: {lost:x?}");
    }
}

#[test]
fn an_entry_loses_no_page_when_a_spare_one_is_denied() {
    for n in [1, 2] {
        let lost = lost(&Guest::new(0x2345), |built, running| {
            built.machine.deny_frame_at(n);
            let set = running.set_entry(&mut built.machine, Pfn::new(0x900), Entry::Missing);
            assert_eq!(set.is_ok(), n == 2, "a leaf of our own needs no second page");
        });
        // The page whose entry is gone is the one that is nobody's.
        assert_eq!(lost, if n == 2 { vec![0x900] } else { vec![] }, "{n}");
    }
}

#[test]
fn memory_that_is_absent_takes_no_tables() {
    let tables = |holes: Vec<std::ops::Range<u64>>| {
        let guest = Guest { holes, ..Guest::new(5 * GIB) };
        audit::tables(&try_boot(&guest.build().unwrap(), |_| {}).built.machine).count()
    };
    let (full, holed) = (tables(Vec::new()), tables(vec![GIB..3 * GIB, 0..0]));
    assert!(holed + 1000 < full, "{holed} tables with 2 GiB absent, {full} without");
}
