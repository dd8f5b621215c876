//! Named guests.

use mmu::MmuError;
use xen_guest::Cause;
use xen_model::{GuestConfig, Loader, Ramdisk, audit};

use crate::after::booted;
use crate::used::{fully_used, ramdisk};

const MIB: u64 = 256;

#[test]
fn a_dom_u_of_64_mib() {
    fully_used(GuestConfig::new(64 * MIB));
}

#[test]
fn a_dom_u_of_67_mib_whose_page_count_is_no_multiple_of_anything() {
    fully_used(GuestConfig::new(67 * MIB + 3).with_ramdisk(ramdisk()));
}

#[test]
fn a_dom_u_of_a_gibibyte_with_a_ramdisk_of_64_mib() {
    fully_used(GuestConfig::new(1024 * MIB).with_ramdisk(Ramdisk::zeros(64 << 20)));
}

#[test]
fn a_dom_u_whose_memory_ends_one_page_into_the_second_gibibyte() {
    fully_used(GuestConfig::new((1 << 18) + 1));
    fully_used(GuestConfig::new((1 << 18) - 1));
}

#[test]
fn a_dom_u_with_the_notes() {
    fully_used(GuestConfig::new(1300 * MIB + 1).with_notes().with_ramdisk(ramdisk()));
}

#[test]
fn a_dom_u_whose_ramdisk_is_behind_the_mapping() {
    let guest = GuestConfig { ramdisk_by_pfn: true, ..GuestConfig::new(200 * MIB) };
    fully_used(guest.with_ramdisk(ramdisk()));
}

#[test]
fn a_dom_u_that_grub_loads() {
    let guest = || GuestConfig::new(1300 * MIB + 1).with_loader(Loader::Grub).with_ramdisk(ramdisk());
    fully_used(guest());
    fully_used(guest().with_notes());
    fully_used(guest().with_notes().with_command_line("revector=off"));
}

#[test]
fn a_dom_u_that_krata_builds() {
    fully_used(
        GuestConfig::new(67 * MIB + 3).with_loader(Loader::Krata).with_notes().with_ramdisk(ramdisk()),
    );
}

#[test]
fn dom0_without_the_notes() {
    fully_used(GuestConfig::dom0(400 * MIB + 17).with_ramdisk(ramdisk()));
}

#[test]
fn dom0_with_the_notes() {
    fully_used(GuestConfig::dom0(1900 * MIB + 5).with_notes().with_ramdisk(ramdisk()));
}

#[test]
fn holes_in_memory_are_mapped_nowhere_and_handed_out_to_nobody() {
    let holes = vec![0x4000..0x4001, 0x4003..0x4a00, 0x5ffe..0x6200, (1 << 18) - 1..(1 << 18) + 700];
    let guest = GuestConfig { holes, ..GuestConfig::new(1100 * MIB) };
    fully_used(guest.clone());
    fully_used(guest.with_notes().with_seed(9));
}

#[test]
fn memory_is_mapped_only_as_it_is_needed_if_the_map_is_lazy() {
    let guest = GuestConfig::new(3000 * MIB).with_command_line("map=lazy").with_ramdisk(ramdisk());
    let mut booted = booted(guest.clone());
    assert!(booted.running.mapped().get() < guest.pages, "nothing needed all of it");
    booted.read_ramdisk();
    booted.use_all_memory();
    assert_eq!(booted.running.mapped().get(), guest.pages);
    booted.check();
}

#[test]
fn a_p2m_left_where_it_was_stays_mapped() {
    for guest in [
        GuestConfig::new(300 * MIB),
        GuestConfig::new(300 * MIB).with_notes(),
        GuestConfig::dom0(300 * MIB).with_notes(),
    ] {
        let booted = booted(guest.with_command_line("revector=off"));
        assert!(booted.running.parts().publication.is_none());
        let at = booted.running.facts().p2m_list().at.as_u64();
        let machine = booted.machine();
        for pfn in 0..booted.guest.pages {
            assert_eq!(machine.read(at + pfn * 8).unwrap(), machine.held_mfn(pfn).unwrap().get());
        }
    }
}

/// The builder maps the INIT_P2M list writable and executable, and with `revector=off` its tables stay.
#[test]
fn a_list_that_stays_at_an_address_of_its_own_is_neither_writable_nor_executable() {
    let booted = booted(GuestConfig::new(300 * MIB).with_notes().with_command_line("revector=off"));
    audit::protection(booted.machine(), 0..0).assert_none();
}

/// The new address space keeps the tables that map such a list, and a lazy direct map does not reach them.
#[test]
fn a_list_that_stays_at_an_address_of_its_own_needs_no_eager_map() {
    booted(GuestConfig::new(3000 * MIB).with_notes().with_command_line("map=lazy revector=off"));
}

/// What there is after the image serves as well: `sparse.rs` has the case in which there is none.
#[test]
fn however_little_memory_is_below_the_kernel_it_boots() {
    for low in [1, 2, 3, 5, 8, 10, 12] {
        let booted = booted(GuestConfig { image_start: low, ..GuestConfig::new(20 * MIB) });
        audit::protection_of_tables(booted.machine()).assert_none();
    }
}

#[test]
fn a_frame_of_somebody_else_in_the_list_is_noticed_before_anything_is_mapped() {
    let mut built = GuestConfig::new(64 * MIB).build().unwrap();
    let list = built.machine.built_mfn(built.places.list.start).unwrap();
    built.machine.poke(list, 0, built.machine.other_domains_frame().get());
    let (built, failure) = built.boot().unwrap_err();
    assert!(matches!(failure.cause(), Cause::Mismatch(_)), "{failure}");
    assert_eq!(built.machine.calls(), 0);
}

/// A ramdisk page that the builder's list calls missing is mapped nowhere, so its bytes are not lent.
#[test]
fn a_ramdisk_with_a_page_without_memory_is_not_lent() {
    for by_pfn in [false, true] {
        let guest = GuestConfig {
            ramdisk_by_pfn: by_pfn,
            ..GuestConfig::new(0x2345).with_ramdisk(Ramdisk::zeros(5 << 12))
        };
        let mut built = guest.build().unwrap();
        let (list, ramdisk) = (built.places.list.start, built.places.ramdisk.clone().unwrap());
        let pfn = ramdisk.start + 2;
        let page = built.machine.built_mfn(list + pfn / 512).unwrap();
        built.machine.poke(page, pfn as usize % 512, u64::MAX);
        let Ok(mut booted) = built.boot() else { continue };
        assert_eq!(booted.running.ramdisk(), Err(MmuError::NoMemory { pfn: start_info::Pfn::new(pfn) }));
    }
}
