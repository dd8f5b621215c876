//! What is exported, and what is released after the start.

use std::string::ToString;
use std::vec::Vec;

use start_info::PageCount;

use crate::module::{
    Part, PartKind, Plan,
    tests::{BASE, ROOM, load, refusal},
};
use kit::elf::{ALLOC, EXECUTE, Elf, NOBITS, PROGBITS, WRITE};
use kit::module::{DATA, TEXT, good};

/// An object with 16 bytes each for its start, of code, constants and variables, and a page of zeros.
fn starting() -> Elf {
    let mut object = good();
    object.section(".init.text", PROGBITS, ALLOC | EXECUTE, &[0x33; 16]);
    object.section(".init.rodata", PROGBITS, ALLOC, &[0x44; 16]);
    object.section(".init.data", PROGBITS, ALLOC | WRITE, &[0x55; 16]);
    object.section(".init.bss", NOBITS, ALLOC | WRITE, &[]).size = 0x1000;
    object
}

#[test]
fn what_the_start_needs_comes_last() {
    let bytes = starting().bytes();
    let plan = Plan::new(&bytes, ROOM).unwrap();
    let parts: Vec<_> =
        plan.parts().iter().map(|Part { kind, start, pages }| (*kind, start.get(), pages.get())).collect();
    let expected = [
        (PartKind::Text, 0, 1),
        (PartKind::Rodata, 1, 1),
        (PartKind::Data, 2, 3),
        (PartKind::InitText, 5, 1),
        (PartKind::InitData, 6, 2),
    ];
    assert_eq!(parts, expected);
    assert_eq!((plan.pages(), plan.kept()), (PageCount::new(8), PageCount::new(5)));
    let image = load(&plan, BASE).unwrap();
    assert_eq!([0x5000, 0x6000, 0x6010, 0x6020].map(|at: usize| image[at]), [0x33, 0x44, 0x55, 0]);
}

#[test]
fn the_start_may_lie_there_and_the_end_may_not() {
    let mut object = starting();
    object.symbols[0].section = 6;
    object.symbols[0].value = 8;
    assert_eq!(Plan::new(&object.bytes(), ROOM).unwrap().init(), 0x5008);
    object.symbol("module_exit", 0x12, 6, 0);
    assert_eq!(refusal(&object.bytes()).to_string(), "module_exit does not lie in executable code");
    let mut writable = starting();
    writable.sections[5].flags = ALLOC | WRITE | EXECUTE;
    let line = "section .init.text is both writable and executable";
    assert_eq!(refusal(&writable.bytes()).to_string(), line);
}

/// An object that exports a symbol.
fn exporting(name: &str, info: u8, section: u16, value: u64, addend: i64) -> Elf {
    let mut object = starting();
    let index = object.symbol(name, info, section, value);
    object.section(".modexport", PROGBITS, ALLOC, &[0; 8]);
    let at = object.sections.len() as u16;
    object.relocation(at, 0, 1, index, addend);
    object
}

#[test]
fn exports_are_what_the_relocations_name() {
    let mut object = exporting("zebra", 0x12, TEXT, 4, 0);
    let ape = object.symbol("ape", 0x11, DATA, 8);
    object.relocation(10, 0, 1, ape, 0);
    let bytes = object.bytes();
    let plan = Plan::new(&bytes, ROOM).unwrap();
    assert_eq!(plan.exports().collect::<Vec<_>>(), [("ape", 0x2008), ("zebra", 4)]);
    // The section itself is for the loader, not for the module.
    assert_eq!((plan.pages(), plan.relocations()), (PageCount::new(8), 0));
}

#[test]
fn what_cannot_be_exported() {
    let line = "export odd is no global symbol that the module defines and keeps";
    for object in [
        exporting("odd", 0x02, TEXT, 0, 0),
        exporting("odd", 0x22, TEXT, 0, 0),
        exporting("odd", 0x12, TEXT, 0, 4),
        exporting("odd", 0x10, 0, 0, 0),
        exporting("odd", 0x11, 0xfff1, 77, 0),
        exporting("odd", 0x12, 6, 0, 0),
    ] {
        assert_eq!(refusal(&object.bytes()).to_string(), line);
    }
    let mut twice = exporting("odd", 0x12, TEXT, 0, 0);
    twice.relocation(10, 0, 1, 2, 0);
    let line = "symbol odd is exported by the module itself already";
    assert_eq!(refusal(&twice.bytes()).to_string(), line);
    let mut lost = exporting("odd", 0x12, TEXT, 0, 0);
    lost.relocation(10, 0, 1, 99, 0);
    let line = "a relocation of section .modexport refers to symbol 99 of 3";
    assert_eq!(refusal(&lost.bytes()).to_string(), line);
}

#[test]
fn two_relocations_of_one_place_are_refused() {
    for (second, refused) in [(0, true), (4, true), (7, true), (8, false)] {
        let mut object = good();
        object.relocation(DATA, 0, 1, 1, 0).relocation(DATA, second, 1, 1, 0);
        let bytes = object.bytes();
        let plan = Plan::new(&bytes, ROOM).unwrap();
        let error = load(&plan, BASE).err().map(|error| error.to_string());
        let line = std::format!("two relocations store at {:#x} of the module", 0x2000 + second);
        assert_eq!(error, refused.then_some(line));
    }
}
