//! Bytes of start_info: refused with one line, or facts that can be built on.

use start_info::{BootFacts, Entry, P2mPlace};
use x86_64::VirtAddr;
use xen_model::{Built, Guest, Ramdisk};

use kit::random::{Random, repeat};

/// Where fields are (xen.h, `struct start_info`).
const FIELDS: [usize; 17] =
    [0x00, 0x08, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x58, 0x60, 0x68, 0x70, 0x78, 0x80, 0x480, 0x488];

fn seeds() -> Vec<Built> {
    let ramdisk = || Ramdisk::zeros(0x1_2345);
    [
        Guest::new(0x4303).with_ramdisk(ramdisk()),
        Guest::new(0x2_0000).with_notes().with_ramdisk(ramdisk()).with_command_line("map=lazy then=idle"),
        Guest::dom0(0x8765).with_ramdisk(ramdisk()),
        Guest::dom0(0x1_8765).with_notes().with_ramdisk(ramdisk()),
        Guest { ramdisk_by_pfn: true, ..Guest::new(0x4000).with_ramdisk(ramdisk()) },
        Guest::of_the_source_document(),
    ]
    .map(|guest| guest.build().unwrap())
    .into()
}

fn damage(random: &mut Random, page: &mut [u8; 4096], entry: &mut Entry, others: &[Built]) {
    let at = random.of(&FIELDS);
    match random.below(8) {
        0 => page[random.below(4096) as usize] = random.word() as u8,
        1 => page[at + random.below(8) as usize] ^= 1 << random.below(8),
        2 => page[at..at + 8].copy_from_slice(&random.edge().to_le_bytes()),
        3 => page[at..at + 4].copy_from_slice(&(random.edge() as u32).to_le_bytes()),
        // One field of another guest, or one field of this guest in the place of another.
        4 => {
            page[at..at + 8].copy_from_slice(&random.of(&others.iter().collect::<Vec<_>>()).page[at..at + 8])
        }
        5 => page.copy_within(at..at + 8, random.of(&FIELDS)),
        6 => {
            let near = u64::from_le_bytes(page[at..at + 8].try_into().unwrap());
            let step = random.of(&[1, 8, 511, 512, 4095, 4096, 0x20_0000]);
            let value = if random.below(2) == 0 { near.wrapping_add(step) } else { near.wrapping_sub(step) };
            page[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        _ => {
            let address = VirtAddr::new_truncate(random.edge());
            let Entry { start_info, virt_base, image_start, image_end } = entry;
            match random.below(4) {
                0 => *start_info = address,
                1 => *virt_base = address,
                2 => *image_start = address,
                _ => *image_end = address,
            }
        }
    }
}

/// What the boot builds on: areas that are apart and inside memory.
fn check(facts: &BootFacts) {
    let one = |pfn: u64| (pfn, pfn + 1);
    let run = |range: start_info::PfnRange| (range.start(), range.end());
    let (P2mPlace::Image(list) | P2mPlace::Own(list)) = facts.p2m_list().place;
    let mut areas = vec![
        run(facts.low_memory()),
        run(facts.image()),
        run(list),
        one(facts.start_info_pfn().get()),
        run(facts.page_tables().pfns),
        one(facts.boot_stack().get()),
        (facts.boot_stack().get() + 1, facts.least_boot_end().get()),
    ];
    areas.extend(facts.ramdisk().map(|ramdisk| run(ramdisk.pfns)));
    areas.retain(|area| area.0 != area.1);
    areas.sort_unstable();
    assert!(areas.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{areas:x?} meet");
    assert!(areas.iter().all(|area| area.0 < area.1 && area.1 <= facts.nr_pages().get()), "{areas:x?}");
    assert!(list.len().get() >= facts.nr_pages().get().div_ceil(512));
    assert!(facts.command_line().as_str().len() < 1024);
}

#[test]
fn any_bytes_are_refused_with_one_line_or_make_facts_that_can_be_built_on() {
    let seeds = seeds();
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    repeat("start_info", 60_000, |random| {
        let from = &seeds[random.index(seeds.len())];
        let (mut page, mut entry) = (from.page.clone(), from.entry);
        for _ in 0..=random.below(3) {
            damage(random, &mut page, &mut entry, &seeds);
        }
        match BootFacts::parse(&page, &entry) {
            Ok(facts) => {
                check(&facts);
                accepted += 1;
            }
            Err(error) => {
                let line = error.to_string();
                assert!(!line.is_empty() && !line.contains('\n'), "{line:?}");
                refused += 1;
            }
        }
    });
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused: one side was not tried");
}
