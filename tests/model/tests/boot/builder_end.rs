//! A boot mapping that ends where no builder would end it.
//!
//! *What this is*: entries of the builder's tables are removed or added without the guest's knowledge, at the last
//! places that are checked. The layer uses what is mapped, so a wrong end must stop the boot.

use mmu::{MmuError, layout::KERNEL_MAP};
use start_info::Mfn;
use xen_guest::Cause;
use xen_model::{Built, GuestConfig, Pte};

/// Pages of 4 MiB.
const STEP: u64 = 1024;

/// The table of a level that covers a page of the builder's mapping.
fn table(built: &Built, pfn: u64, level: u32) -> Mfn {
    let address = KERNEL_MAP.as_u64() + pfn * 4096;
    let index = |level: u32| (address >> (12 + 9 * (level - 1))) as usize % 512;
    let below = |mfn, level| Pte(built.machine.peek(mfn, index(level)).unwrap()).mfn();
    (level + 1..=4).rev().fold(built.machine.root().unwrap(), below)
}

fn set_l1(built: &mut Built, pfn: u64, value: u64) {
    let table = table(built, pfn, 1);
    built.machine.poke(table, pfn as usize % 512, value);
}

/// Makes the tables for 4 MiB from a page on map the 4 MiB before.
fn map_once_more(built: &mut Built, pfn: u64) {
    for from in [pfn, pfn + 512] {
        let l2 = table(built, from, 2);
        let word = built.machine.peek(l2, (from - STEP) as usize / 512 % 512).unwrap();
        built.machine.poke(l2, from as usize / 512 % 512, word);
    }
}

fn end(built: Built) -> Result<(), (u64, u64)> {
    match built.boot() {
        Ok(_) => Ok(()),
        Err((_, failure)) => match failure.cause() {
            Cause::Mmu(MmuError::BuilderEnd { found, least }) => Err((*found, *least)),
            other => panic!("{other:?}"),
        },
    }
}

#[test]
fn a_mapping_that_ends_a_page_early_is_refused() {
    for pages in [64 * 256, 67 * 256 + 3] {
        let mut built = GuestConfig::new(pages).build().unwrap();
        let last = built.places.end - 1;
        set_l1(&mut built, last, 0);
        assert_eq!(end(built), Err((last, last + 1)));
    }
}

#[test]
fn a_mapping_that_ends_a_page_into_the_next_4_mib_is_refused() {
    let mut built = GuestConfig::new(64 * 256).build().unwrap();
    let least = built.places.end;
    map_once_more(&mut built, least);
    set_l1(&mut built, least + STEP - 1, 0);
    // The tables are those of the 4 MiB before, whose end is gone as well.
    assert_eq!(end(built), Err((least - 1, least)));
}

#[test]
fn a_mapping_that_goes_on_behind_the_next_4_mib_is_refused() {
    let mut built = GuestConfig::new(64 * 256).build().unwrap();
    let least = built.places.end;
    map_once_more(&mut built, least);
    map_once_more(&mut built, least + STEP);
    assert_eq!(end(built), Err((least + 2 * STEP, least)));
}
