//! Guests of random shapes.

use proptest::prelude::*;
use xen_guest::Cause;
use xen_model::{Domain, GuestConfig, Loader, Ramdisk, audit};

use crate::after::checked;

fn guests() -> impl Strategy<Value = GuestConfig> {
    let sizes = prop_oneof![
        0x1000_u64..0x6000,
        0x6000_u64..0x2_0000,
        // Around a gibibyte, where the second chunk starts.
        (1_u64 << 18) - 3..(1 << 18) + 3,
        (1_u64 << 18)..(1 << 18) + 0x9000,
    ];
    let image = (0x40_u64..0x1400, 16_u64..0x900);
    let lines = prop::sample::select(vec!["", "map=lazy", "revector=off", "map=lazy revector=off"]);
    let holes = prop::collection::vec((0_u64..0x4_8000, 1_u64..0x800), 0..4);
    let builders = prop::sample::select(vec![
        (Domain::Dom0, Loader::Toolstack),
        (Domain::Guest, Loader::Toolstack),
        (Domain::Guest, Loader::Grub),
        (Domain::Guest, Loader::Krata),
    ]);
    (builders, sizes, image, 0_u64..0x20_0000, any::<[bool; 2]>(), lines, holes, any::<u64>()).prop_map(
        |((domain, loader), pages, (image_start, image_pages), ramdisk, notes, line, holes, seed)| {
            let mut guest =
                GuestConfig { domain, loader, image_start, image_pages, ..GuestConfig::new(pages) }
                    .with_ramdisk(Ramdisk::zeros(ramdisk))
                    .with_command_line(line)
                    .with_seed(seed);
            guest.ramdisk_by_pfn = notes[0];
            guest.init_p2m = (notes[1] || loader == Loader::Krata).then_some(mmu::layout::INIT_P2M.as_u64());
            // Builders place nothing in holes; the last page has memory.
            let used = guest.build().map_or(pages, |built| built.places.used_end());
            guest.holes = (holes.into_iter())
                .map(|(start, len)| start.max(used)..(start + len).min(pages - 1))
                .filter(|hole| !hole.is_empty())
                .collect();
            guest
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_guest_of_any_shape_boots_or_says_that_memory_is_wanting(guest in guests()) {
        let Ok(built) = guest.build() else { return Ok(()) };
        match built.boot() {
            Ok(booted) => {
                let mut booted = checked(guest, booted);
                booted.read_ramdisk();
                booted.use_all_memory();
                booted.check();
            }
            Err((built, failure)) => {
                let wanting =
                    matches!(failure.cause(), Cause::Mmu(mmu::MmuError::NoFrames { .. } | mmu::MmuError::NoRun { .. }));
                prop_assert!(wanting, "{}", failure);
                audit::references(&built.machine).assert_none();
            }
        }
    }
}
