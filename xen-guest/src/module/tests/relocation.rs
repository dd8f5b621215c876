//! What each relocation stores, and the last value before each overflows.

use std::string::ToString;

use start_info::PageCount;
use x86_64::VirtAddr;

use crate::module::{
    ModuleError, Part, PartKind, Plan, PrintableName, RelocationKind,
    tests::{BASE, LOG, ROOM, exports, load, refusal},
};
use kit::module::{DATA, RODATA, TEXT, good};

/// Where the parts of [`good`] start: one page each, `.bss` follows `.data`.
const RODATA_AT: u64 = 0x1000;
const DATA_AT: u64 = 0x2000;

/// Loads an object whose `section` has one relocation at offset 8, and returns what is stored there.
fn stored(section: u16, kind: u64, symbol: (&str, u8, u16, u64), addend: i64) -> u64 {
    let mut object = good();
    let index = object.symbol(symbol.0, symbol.1, symbol.2, symbol.3);
    let bytes = object.relocation(section, 8, kind, index, addend).bytes();
    let image = load(&Plan::new(&bytes, ROOM).unwrap(), BASE).unwrap();
    let at = (u64::from(section) - 1) * 0x1000 + 8;
    u64::from_le_bytes(image[at as usize..][..8].try_into().unwrap())
}

#[test]
fn sorts_the_sections_into_parts() {
    let bytes = good().bytes();
    let plan = Plan::new(&bytes, ROOM).unwrap();
    let part = |kind, start, pages| Part { kind, start: PageCount::new(start), pages: PageCount::new(pages) };
    let parts = [
        part(PartKind::Text, 0, 1),
        part(PartKind::Rodata, 1, 1),
        part(PartKind::Data, 2, 3),
        part(PartKind::InitText, 5, 0),
        part(PartKind::InitData, 5, 0),
    ];
    assert_eq!(plan.parts(), &parts);
    assert_eq!(
        (plan.pages(), plan.init(), plan.exit(), plan.alignment()),
        (PageCount::new(5), 16, None, 0x1000)
    );
    let image = load(&plan, BASE).unwrap();
    let starts = [0, RODATA_AT, DATA_AT, DATA_AT + 32].map(|at| image[at as usize]);
    assert_eq!(starts, [0x90, 0x11, 0x22, 0]);
}

#[test]
fn stores_what_the_psabi_says() {
    let constant = ("constant", 1, RODATA, 4);
    let log = ("xen_guest_log", 0x10, 0, 0);
    let low = |value: u64| 0x2222_2222_0000_0000 | (value & 0xffff_ffff);
    // R_X86_64_64, then the 32-bit forms: 32 fits only what does not move.
    assert_eq!(stored(DATA, 1, constant, 3), BASE + RODATA_AT + 7);
    assert_eq!(stored(DATA, 11, constant, 3), low(BASE + RODATA_AT + 7));
    assert_eq!(stored(DATA, 10, ("fixed", 0x10, 0xfff1, 0xfff0_0000), 5), low(0xfff0_0005));
    // PC32, PLT32 and PC64, to the module and out of it.
    let place = BASE + DATA_AT + 8;
    assert_eq!(stored(DATA, 2, constant, -4), low((RODATA_AT + 4 - 4).wrapping_sub(DATA_AT + 8)));
    assert_eq!(stored(DATA, 4, log, -4), low((LOG - 4).wrapping_sub(place)));
    assert_eq!(stored(DATA, 24, log, -4), (LOG - 4).wrapping_sub(place));
    // The type that does nothing, and the null symbol.
    assert_eq!(stored(DATA, 0, constant, 3), 0x2222_2222_2222_2222);
    let bytes = good().relocation(DATA, 8, 1, 0, 0x77).bytes();
    let image = load(&Plan::new(&bytes, ROOM).unwrap(), BASE).unwrap();
    assert_eq!(image[DATA_AT as usize + 8..][..8], [0x77, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn gives_each_symbol_one_slot() {
    let mut object = good();
    let log = object.symbol("xen_guest_log", 0x10, 0, 0);
    let own = object.symbol("own", 0x11, DATA, 4);
    object.relocation(TEXT, 0, 9, log, -4).relocation(TEXT, 4, 41, own, -4).relocation(TEXT, 8, 42, log, -4);
    let bytes = object.relocation(TEXT, 12, 4, log, -4).bytes();
    let image = load(&Plan::new(&bytes, ROOM).unwrap(), BASE).unwrap();
    let slot = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap());
    let field = |at: usize| i32::from_le_bytes(image[at..at + 4].try_into().unwrap());
    // After the 32 bytes of `.rodata`, in the order of the symbols; a call of the same symbol does not use the slot.
    assert_eq!((slot(0x1020), slot(0x1028), slot(0x1030)), (LOG, BASE + DATA_AT + 4, 0));
    assert_eq!([field(0), field(4), field(8)], [0x1020 - 4, 0x1028 - 8, 0x1020 - 12]);
    assert_eq!(i64::from(field(12)), (LOG.wrapping_sub(BASE + 16)).cast_signed());
}

#[test]
fn names_the_symbol_whose_value_does_not_fit() {
    let cases = [
        // 32: one more than 2^32 - 1. 32S: just outside on both sides. PC32: 2 GiB away on both sides.
        (10, 0xffff_ffff, 0, 1, RelocationKind::Unsigned32),
        (11, 0x7fff_ffff, 0, 1, RelocationKind::Signed32),
        (11, 0xffff_ffff_8000_0000, 0, -1, RelocationKind::Signed32),
        (2, BASE.wrapping_add(0x7fff_ffff), 0, 1, RelocationKind::Relative32),
        (4, BASE - 0x8000_0000, 0, -1, RelocationKind::Relative32),
    ];
    for (kind, value, fits, overflows, expected) in cases {
        let make = |addend| {
            let mut object = good();
            let symbol = object.symbol("too_far", 0x10, 0xfff1, value);
            object.relocation(TEXT, 0, kind, symbol, addend).bytes()
        };
        let bytes = make(fits);
        load(&Plan::new(&bytes, ROOM).unwrap(), BASE).unwrap();
        match refusal(&make(overflows)) {
            ModuleError::Overflow { symbol, kind, place, .. } => {
                assert_eq!((symbol, kind, place), (PrintableName::new(b"too_far"), expected, BASE));
            }
            other => panic!("{other}"),
        }
    }
    let mut object = good();
    let symbol = object.symbol("", 3, RODATA, 0);
    let line = refusal(&object.relocation(DATA, 0, 10, symbol, 0).bytes()).to_string();
    let wanted =
        "unsigned 32-bit relocation at 0xffffffffa0002000 to symbol .rodata overflows: 0xffffffffa0001000";
    assert_eq!(line, wanted);
}

#[test]
fn keeps_alignments_and_asks_the_base_for_them() {
    let mut object = good();
    object.sections[1].align = 2 << 20;
    let bytes = object.bytes();
    let plan = Plan::new(&bytes, ROOM).unwrap();
    // The gap belongs to the part, so there are no gaps between parts.
    assert_eq!((plan.alignment(), plan.parts()[1].pages), (2 << 20, PageCount::new(512)));
    assert_eq!(plan.copies().nth(1).unwrap().0, 2 << 20);
    assert!(plan.resolve(VirtAddr::new(BASE), &exports).is_ok());
    for base in [BASE + 0x1000, BASE + 8, 0xffff_ffff_ffe0_0000 - 0x1000, 0x7fff_ffe0_0000 + (1 << 20)] {
        let refused = plan.resolve(VirtAddr::new(base), &exports);
        assert!(matches!(refused, Err(ModuleError::Base { .. })), "{base:#x}: {refused:?}");
    }
    // The last 2 MiB have no room for the rest of the module, and neither has the end of the lower half.
    for base in [0xffff_ffff_ffe0_0000, 0x7fff_ffe0_0000] {
        assert!(
            matches!(plan.resolve(VirtAddr::new(base), &exports), Err(ModuleError::Base { .. })),
            "{base:#x}"
        );
    }
}
