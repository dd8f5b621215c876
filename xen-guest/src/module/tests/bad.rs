//! Each way an object can be wrong, and its one line.

use std::string::ToString;
use std::vec::Vec;

use start_info::PageCount;

use crate::module::{
    ModuleError, Plan, PrintableName,
    tests::{BASE, ROOM, load, refusal},
};
use kit::elf::{ALLOC, EXECUTE, Elf, NOBITS, PROGBITS, Section, WRITE};
use kit::module::{DATA, TEXT, good};

/// Breaks one row of the section table by its index in the file.
fn row(index: u16, change: impl FnOnce(&mut Section)) -> Vec<u8> {
    good().spoiled(|sections, _| change(&mut sections[usize::from(index) - 1]))
}

/// Overwrites bytes of a good object.
fn patched(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = good().bytes();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

/// Makes an object with one relocation, and lets the caller break it.
fn relocated(offset: u64, kind: u64, symbol: u64, change: impl FnOnce(&mut Elf)) -> Vec<u8> {
    let mut object = good();
    object.relocation(TEXT, offset, kind, symbol, 0);
    change(&mut object);
    object.bytes()
}

#[track_caller]
fn says(bytes: &[u8], line: &str) {
    assert_eq!(refusal(bytes).to_string(), line);
}

#[test]
fn header() {
    says(b"#!/bin/sh\n", "no ELF file: starts with 23 21 2f 62, not 7f 45 4c 46");
    says(&patched(0, b"\x7fELG"), "no ELF file: starts with 7f 45 4c 47, not 7f 45 4c 46");
    says(b"", "object is truncated: the file header ends at 0x40, the file at 0x0");
    says(&patched(4, &[1]), "no x86-64 relocatable object: EI_CLASS is 0x1, must be 0x2");
    says(&patched(5, &[2]), "no x86-64 relocatable object: EI_DATA is 0x2, must be 0x1");
    says(&patched(6, &[0]), "no x86-64 relocatable object: EI_VERSION is 0x0, must be 0x1");
    says(&patched(16, &[3]), "no x86-64 relocatable object: e_type is 0x3, must be 0x1");
    says(&patched(18, &[183]), "no x86-64 relocatable object: e_machine is 0xb7, must be 0x3e");
    says(&patched(20, &[9]), "no x86-64 relocatable object: e_version is 0x9, must be 0x1");
    says(&patched(58, &[40]), "no x86-64 relocatable object: e_shentsize is 0x28, must be 0x40");
    let line = "object is truncated: the section table ends at 0xffffffffffffffff, the file at 0x33f";
    says(&patched(40, &[0xff; 8]), line);
    says(&patched(40, &[0; 8]), "module says no abi= in its section .modinfo");
}

#[test]
fn truncated_anywhere() {
    let bytes = good().relocation(TEXT, 0, 1, 1, 0).bytes();
    for len in 0..bytes.len() {
        let error = refusal(&bytes[..len]);
        assert!(
            matches!(error, ModuleError::Truncated { present, .. } if present == len as u64),
            "{len}: {error}"
        );
    }
    says(&bytes[..0x2c0], "object is truncated: section (unnamed) ends at 0x2e0, the file at 0x2c0");
}

#[test]
fn sections() {
    let line = "section .text is both writable and executable";
    says(&row(TEXT, |text| text.flags = ALLOC | WRITE | EXECUTE), line);
    for align in [3, 0x1001, 4 << 20, 1 << 63] {
        let error = refusal(&row(DATA, |data| data.align = align));
        assert_eq!(error, ModuleError::Alignment { section: PrintableName::new(b".data"), found: align });
    }
    let line = "section .data asks for alignment 0x3, must be a power of two up to 0x200000";
    says(&row(DATA, |data| data.align = 3), line);
    for align in [0, 1, 2 << 20] {
        assert!(Plan::new(&row(DATA, |data| data.align = align), ROOM).is_ok());
    }
    let line = "section .rodata of type 0xe with flags 0x2 cannot be loaded";
    says(&row(2, |rodata| rodata.kind = 14), line);
    says(
        &row(3, |data| data.flags |= 1 << 10),
        "section .data of type 0x1 with flags 0x403 cannot be loaded",
    );
    says(
        &row(3, |data| data.flags |= 1 << 11),
        "section .data of type 0x1 with flags 0x803 cannot be loaded",
    );
    let overlap = good().spoiled(|_, offsets| offsets[1] = offsets[0] + 31);
    assert!(matches!(refusal(&overlap), ModuleError::Overlap { first, second, .. }
        if first == PrintableName::new(b".text") && second == PrintableName::new(b".rodata")));
    let touching = good().spoiled(|_, offsets| offsets[1] = offsets[0] + 32);
    assert!(Plan::new(&touching, ROOM).is_ok());
}

#[test]
fn sizes() {
    for size in [0x40_0000, u64::MAX, u64::MAX - 0x2fff, 1 << 52] {
        let error = refusal(&row(4, |bss| bss.size = size));
        assert_eq!(error, ModuleError::TooLarge { section: PrintableName::new(b".bss"), size, room: ROOM });
    }
    says(
        &row(4, |bss| bss.size = 1 << 40),
        "module is too large: section .bss of 0x10000000000 bytes goes over 1024 pages",
    );
    let bytes = good().bytes();
    assert!(Plan::new(&bytes, PageCount::new(5)).is_ok());
    assert!(matches!(Plan::new(&bytes, PageCount::new(4)), Err(ModuleError::TooLarge { .. })));
    let huge = row(2, |rodata| rodata.size = u64::MAX);
    assert!(matches!(refusal(&huge), ModuleError::Truncated { end: u64::MAX, .. }));
    // Up to the last byte of the room, and one more.
    let rest = ROOM.bytes() - 0x2000 - 32;
    assert!(Plan::new(&row(4, |bss| bss.size = rest), ROOM).is_ok());
    assert!(Plan::new(&row(4, |bss| bss.size = rest + 1), ROOM).is_err());
    // Only a section with bytes must lie in the file.
    let bytes = row(4, |bss| bss.size = 0x30_0000);
    assert!(load(&Plan::new(&bytes, ROOM).unwrap(), BASE).is_ok());
}

#[test]
fn relocations() {
    says(&relocated(0, 99, 1, |_| {}), "relocation at 0x0 of section .text has unknown type 99");
    for (offset, kind) in [(32, 1), (25, 1), (29, 2), (u64::MAX, 1), (u64::MAX - 7, 1), (1 << 63, 2)] {
        let error = refusal(&relocated(offset, kind, 1, |_| {}));
        assert!(
            matches!(error, ModuleError::RelocationOutside { offset: at, size: 32, .. } if at == offset),
            "{error}"
        );
    }
    let line = "relocation of 8 bytes at 0x19 is outside section .text of 0x20 bytes";
    says(&relocated(25, 1, 1, |_| {}), line);
    assert!(Plan::new(&relocated(24, 1, 1, |_| {}), ROOM).is_ok());
    assert!(Plan::new(&relocated(28, 2, 1, |_| {}), ROOM).is_ok());
    says(&relocated(0, 1, 2, |_| {}), "a relocation of section .text refers to symbol 2 of 2");
    says(
        &relocated(0, 1, 0xffff_ffff, |_| {}),
        "a relocation of section .text refers to symbol 4294967295 of 2",
    );
    says(&relocated(0, 1, 1, |object| object.sections[5].info = 77), ".rela refers to section 77 of 9");
    says(&relocated(0, 1, 1, |object| object.sections[5].link = 1), ".rela refers to section 1 of 9");
    let line = "section .rela holds relocations of form 0x9, only RELA (0x4) is used on x86-64";
    says(&relocated(0, 1, 1, |object| object.sections[5].kind = 9), line);
    let line = "section .rela is 0x17 bytes, not a multiple of its entries' 0x18";
    says(&relocated(0, 1, 1, |object| object.sections[5].size = 0x17), line);
    let line = "section .symtab is 0x2f bytes, not a multiple of its entries' 0x18";
    says(&good().spoiled(|sections, _| sections[5].size = 0x2f), line);
}

#[test]
fn symbols() {
    let with = |name: &str, info, section, value| {
        relocated(0, 1, 2, |object| _ = object.symbol(name, info, section, value))
    };
    says(&with("xen_guest_lag", 0x10, 0, 0), "symbol xen_guest_lag is exported by nobody");
    says(&with("maybe", 0x20, 0, 0), "symbol maybe is exported by nobody");
    says(&with("two\nlines\u{7f}", 0x10, 0, 0), "symbol two\\nlines\\u{7f} is exported by nobody");
    says(
        &with("shared", 0x11, 0xfff2, 8),
        "symbol shared of type 1 in section 0xfff2 has no address in a module",
    );
    says(&with("tls", 0x16, DATA, 0), "symbol tls of type 6 in section 0x3 has no address in a module");
    says(&with("ifunc", 0x1a, TEXT, 0), "symbol ifunc of type 10 in section 0x1 has no address in a module");
    says(&with("lost", 0x11, 200, 0), "lost refers to section 200 of 9");
    says(&with("debug", 0x11, 6, 0), "symbol debug lies in section 6, which is not loaded");
    says(&with("beyond", 0x11, DATA, 33), "symbol beyond is at 0x21 of a section of 0x20 bytes");
    assert!(Plan::new(&with("end", 0x11, DATA, 32), ROOM).is_ok());
    let long = "x".repeat(5000);
    assert!(refusal(&with(&long, 0x10, 0, 0)).to_string().len() < 200);
}

#[test]
fn entry_points() {
    let with = |name: &str, info, section, value| {
        let mut object = good();
        object.symbols.clear();
        object.symbol(name, info, section, value);
        object.bytes()
    };
    for bytes in [
        with("init_module", 0x12, TEXT, 0),
        with("module_init", 0x02, TEXT, 0),
        with("module_init", 0x12, 0, 0),
    ] {
        says(&bytes, "module defines no global function module_init");
    }
    for bytes in [
        with("module_init", 0x12, DATA, 0),
        with("module_init", 0x12, TEXT, 32),
        with("module_init", 0x12, 0xfff1, 0),
        with("module_init", 0x12, 99, 0),
    ] {
        says(&bytes, "module_init does not lie in executable code");
    }
    // An indirect function: the symbol names a resolver, not the function to call.
    says(
        &with("module_init", 0x1a, TEXT, 0),
        "symbol module_init of type 10 in section 0x1 has no address in a module",
    );
    let mut object = good();
    object.symbol("module_exit", 0x12, TEXT, 7);
    assert_eq!(Plan::new(&object.bytes(), ROOM).unwrap().exit(), Some(7));
    object.symbols[1].section = DATA;
    says(&object.bytes(), "module_exit does not lie in executable code");
}

#[test]
fn exports_by_another_symbol_table() {
    let mut object = good();
    let lent = object.symbol("lent", 0x12, TEXT, 4);
    object.section(".modexport", PROGBITS, ALLOC, &[0; 8]);
    object.relocation(6, 0, 1, lent, 0);
    let plan = object.bytes();
    assert_eq!(Plan::new(&plan, ROOM).unwrap().exports().collect::<Vec<_>>(), [("lent", 4)]);
    object.sections[6].link = 1;
    says(&object.bytes(), ".rela refers to section 1 of 10");
}

#[test]
fn nothing_but_what_is_marked_is_loaded() {
    let mut object = good();
    object.section(".debug_info", PROGBITS, 0, &[0xdd; 4096]);
    object.section(".empty", NOBITS, ALLOC, &[]);
    let plan = object.bytes();
    assert_eq!(Plan::new(&plan, ROOM).unwrap().pages(), PageCount::new(5));
}
