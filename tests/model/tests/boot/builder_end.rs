//! Where the builder's mapping ends, and which tables make it.
//!
//! *What this is*: entries of the builder's tables are removed or added without the guest's knowledge, or start_info
//! names other tables. The layer takes any end of an L1 table after the boot stack, and more tables than are live; what
//! contradicts start_info or the P2M list stops the boot before anything is changed.

use mmu::{MmuError, layout::KERNEL_MAP};
use start_info::{Mfn, Pfn, PfnRange};
use xen_guest::Cause;
use xen_model::{Built, GuestConfig, Loader, Pte, Ramdisk};

use crate::after::checked;

/// Pages of 4 MiB.
const STEP: u64 = 1024;
/// Where start_info has `nr_pt_frames`.
const TABLE_COUNT: usize = 0x60;

/// The table of a level that covers a page of the builder's mapping.
fn table(built: &Built, pfn: u64, level: u32) -> Mfn {
    let address = KERNEL_MAP.as_u64() + pfn * 4096;
    let index = |level: u32| (address >> (12 + 9 * (level - 1))) as usize % 512;
    let below = |mfn, level| Pte(built.machine.peek(mfn, index(level)).unwrap()).mfn();
    (level + 1..=4).rev().fold(built.machine.root().unwrap(), below)
}

/// Returns the machine address of the entry of a page in the builder's mapping.
pub(crate) fn slot(built: &Built, pfn: u64) -> u64 {
    table(built, pfn, 1).maddr().get() + pfn % 512 * 8
}

/// Has Xen unmap pages of the builder's mapping.
fn unmap(built: &mut Built, pages: std::ops::Range<u64>) {
    for pfn in pages {
        let slot = slot(built, pfn);
        built.machine.update_entries(&[(slot, 0)]).unwrap();
    }
}

/// Makes the tables for 4 MiB from a page on map the 4 MiB before.
fn map_once_more(built: &mut Built, pfn: u64) {
    for from in [pfn, pfn + 512] {
        let l2 = table(built, from, 2);
        let word = built.machine.peek(l2, (from - STEP) as usize / 512 % 512).unwrap();
        built.machine.poke(l2, from as usize / 512 % 512, word);
    }
}

fn set_table_count(built: &mut Built, change: impl Fn(u64) -> u64) {
    let places = &built.places.tables;
    let count = change(places.end - places.start);
    built.page[TABLE_COUNT..][..8].copy_from_slice(&count.to_le_bytes());
}

fn refused(built: Built) -> MmuError {
    let calls = built.machine.calls();
    let (built, failure) = built.boot().unwrap_err();
    let Cause::Mmu(error) = failure.cause() else { panic!("{failure}") };
    // The memory map was asked for.
    assert_eq!(built.machine.calls(), calls + 1, "{failure}");
    *error
}

fn guests() -> [GuestConfig; 4] {
    let ramdisk = || Ramdisk::of(vec![0x5a; 0x1_2345]);
    [
        GuestConfig::new(67 * 256 + 3),
        GuestConfig::new(64 * 256).with_notes().with_ramdisk(ramdisk()),
        GuestConfig::new(64 * 256).with_loader(Loader::Grub).with_ramdisk(ramdisk()),
        GuestConfig::new(64 * 256).with_loader(Loader::Grub).with_notes(),
    ]
}

fn boots(guest: &GuestConfig, built: Built) {
    let mut booted = checked(guest.clone(), built.boot().map_err(|(_, failure)| failure).unwrap());
    booted.use_all_memory();
    booted.check();
}

#[test]
fn a_mapping_that_ends_with_any_l1_table_after_the_boot_stack_is_used_as_it_is() {
    let mut shorter = 0;
    for guest in guests() {
        let places = guest.build().unwrap().places;
        let mut end = (places.stack + 1).next_multiple_of(512);
        while end < places.end {
            let mut built = guest.build().unwrap();
            unmap(&mut built, end..places.end);
            boots(&guest, built);
            (end, shorter) = (end + 512, shorter + 1);
        }
    }
    assert!(shorter > 0);
}

#[test]
fn a_mapping_that_ends_inside_the_range_of_an_l1_table_is_refused() {
    for guest in guests() {
        let places = guest.build().unwrap().places;
        let least = Pfn::new(places.stack + 1);
        for cut in [places.stack + 1, places.end - 1] {
            let mut built = guest.build().unwrap();
            unmap(&mut built, cut..cut + 1);
            let error = refused(built);
            let MmuError::BuilderEnd { end, least: said, most } = error else { panic!("{error}") };
            assert_eq!((end, said), (Pfn::new(cut), least));
            assert!(most >= Pfn::new(places.end), "{error}");
        }
    }
}

/// Also where the tables end with the range of an L1 table.
#[test]
fn a_mapping_without_the_boot_stack_is_refused() {
    for guest in guests() {
        let at = |image_pages| GuestConfig { image_pages, ..guest.clone() };
        let stack_of = |guest: &GuestConfig| guest.build().unwrap().places.stack;
        let aligned = (0x123..).map(at).find(|guest| stack_of(guest).is_multiple_of(512)).unwrap();
        let mut built = aligned.build().unwrap();
        let (stack, end) = (built.places.stack, built.places.end);
        unmap(&mut built, stack..end);
        let error = refused(built);
        let MmuError::BuilderEnd { end, least, .. } = error else { panic!("{error}") };
        assert_eq!((end, least), (Pfn::new(stack), Pfn::new(stack + 1)));
    }
}

/// Memory ends where the mapping ends; or a ramdisk or the list starts there.
#[test]
fn a_mapping_that_goes_on_where_something_else_is_is_refused() {
    let ramdisk = GuestConfig { ramdisk_by_pfn: true, ..GuestConfig::new(64 * 256) };
    for guest in [
        GuestConfig::new(0x1400),
        ramdisk.with_ramdisk(Ramdisk::zeros(1)),
        GuestConfig::new(64 * 256).with_notes(),
        GuestConfig::new(64 * 256).with_loader(Loader::Grub).with_notes(),
    ] {
        let mut built = guest.build().unwrap();
        let end = built.places.end;
        map_once_more(&mut built, end);
        let least = Pfn::new(built.places.stack + 1);
        let expected = MmuError::BuilderEnd { end: Pfn::new(end + 1), least, most: Pfn::new(end) };
        assert_eq!(refused(built), expected);
    }
}

#[test]
fn a_mapping_that_goes_on_with_other_pages_is_refused() {
    for loader in [Loader::Toolstack, Loader::Grub] {
        let mut built = GuestConfig::new(64 * 256).with_loader(loader).build().unwrap();
        let end = built.places.end;
        map_once_more(&mut built, end);
        let frame = |pfn| built.machine.built_mfn(pfn).unwrap();
        let (mapped, listed) = (frame(end - STEP), Some(frame(end)));
        assert_eq!(refused(built), MmuError::BuilderPage { pfn: Pfn::new(end), mapped, listed });
    }
}

/// The list has a hole where the mapping has a page.
#[test]
fn a_mapped_page_that_the_list_lacks_is_refused() {
    for loader in [Loader::Toolstack, Loader::Grub] {
        let mut built = GuestConfig::new(64 * 256).with_loader(loader).build().unwrap();
        let pfn = built.places.end - 1;
        let mapped = built.machine.built_mfn(pfn).unwrap();
        let leaf = built.machine.built_mfn(built.places.list.start + pfn / 512).unwrap();
        built.machine.poke(leaf, (pfn % 512) as usize, !0);
        assert_eq!(refused(built), MmuError::BuilderPage { pfn: Pfn::new(pfn), mapped, listed: None });
    }
}

/// Pages that start_info calls tables and that are not live come back with the others.
#[test]
fn more_tables_than_are_live_are_given_back_like_the_others() {
    for guest in guests() {
        let mut built = guest.build().unwrap();
        set_table_count(&mut built, |count| count + 40);
        boots(&guest, built);
    }
}

#[test]
fn a_live_table_that_start_info_does_not_name_is_refused() {
    let refused_at = |built: Built, level, table, count| {
        let start = built.places.tables.start;
        let tables = PfnRange::between(Pfn::new(start), Pfn::new(start + count));
        let expected = MmuError::BuilderTable { level, table: Pfn::new(table), tables };
        assert_eq!(refused(built), expected);
    };
    // GRUB's last table is the L1 table of address 0; without it all others still suffice for the mapping.
    let guest = GuestConfig::new(64 * 256).with_loader(Loader::Grub);
    let mut built = guest.build().unwrap();
    let tables = built.places.tables.clone();
    set_table_count(&mut built, |count| count - 1);
    refused_at(built, 1, tables.end - 1, tables.end - tables.start - 1);

    // A table elsewhere, for addresses that nobody asks for.
    for level in [2, 3] {
        let mut built = guest.build().unwrap();
        let stray = built.places.end + 7;
        let above = match level {
            3 => built.machine.root().unwrap(),
            _ => built.machine.built_mfn(tables.end - 3).unwrap(),
        };
        let entry = built.machine.built_mfn(stray).unwrap().maddr().get() | 0x67;
        built.machine.poke(above, 100, entry);
        refused_at(built, level, stray, tables.end - tables.start);
    }
}

/// It would stay mapped, and writable, where nobody looks for it.
#[test]
fn a_page_mapped_beside_the_kernels_mapping_is_refused() {
    let guest = GuestConfig::new(64 * 256).with_loader(Loader::Grub);
    for (index, pfn) in [(0, 0xff8), (1, 0x1001), (511, 0x2000)] {
        let mut built = guest.build().unwrap();
        let table = built.places.tables.end - 1;
        let mapped = built.machine.built_mfn(pfn).unwrap();
        let l1 = built.machine.built_mfn(table).unwrap();
        built.machine.poke(l1, index, mapped.maddr().get() | 0x67);
        assert_eq!(refused(built), MmuError::BuilderAlias { table: Pfn::new(table), mapped });
    }
}

/// In the top-level slot that has the kernel's mapping there are addresses below it, above it, and after its end.
#[test]
fn a_page_mapped_beside_the_kernels_mapping_in_its_own_slot_is_refused() {
    let guest = GuestConfig::new(64 * 256).with_loader(Loader::Grub);
    for (level, index) in [(3, 0), (3, 509), (3, 511), (2, 511)] {
        for is_mapped in [true, false] {
            let mut built = guest.build().unwrap();
            // GRUB's tables of address 0 go there.
            let tables = built.places.tables.end;
            let [l2, l1] = [tables - 2, tables - 1].map(|pfn| built.machine.built_mfn(pfn).unwrap());
            let (above, moved) = (table(&built, 0, level), if level == 3 { l2 } else { l1 });
            let slot = |table: Mfn, index: u64| table.maddr().get() + index * 8;
            let root = built.machine.root().unwrap();
            let moves = [(slot(root, 0), 0), (slot(above, index), moved.maddr().get() | 0x67)];
            built.machine.update_entries(&moves).unwrap();
            if is_mapped {
                let mapped = built.machine.built_mfn(0xff8).unwrap();
                built.machine.poke(l1, 3, mapped.maddr().get() | 0x67);
                let expected = MmuError::BuilderAlias { table: Pfn::new(tables - 1), mapped };
                assert_eq!(refused(built), expected, "L{level} entry {index}");
            } else {
                built.boot().map_err(|(_, failure)| failure).unwrap();
            }
        }
    }
}

/// A list that begins at the end of one top-level slot and goes on in the next: neither is the kernel's.
#[test]
fn a_list_of_two_top_level_slots_is_passed_over() {
    let guest = GuestConfig::new(64 * 256).with_notes();
    let border = mmu::layout::INIT_P2M.as_u64() + (1 << 39);
    let guest = GuestConfig { init_p2m: Some(border - 0x3000), ..guest };
    let built = guest.build().unwrap();
    boots(&guest, built);
}
