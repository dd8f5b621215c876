//! Small modules as a compiler would make them, right or wrong in one place.

use crate::elf::{ALLOC, EXECUTE, Elf, Kind, NOBITS, PROGBITS, RELA, WRITE};

/// Row of the code in what [`saying`] makes.
pub const TEXT: u16 = 1;
/// Row of the constants.
pub const RODATA: u16 = 2;
/// Row of the variables.
pub const DATA: u16 = 3;
/// Row of `.modinfo`. The next section added gets the next row.
pub const SAYS: u16 = 5;

/// What the code is filled with.
pub const TEXT_BYTE: u8 = 0x90;
/// What the constants are filled with.
pub const RODATA_BYTE: u8 = 0x11;
/// What the variables are filled with.
pub const DATA_BYTE: u8 = 0x22;
/// Bytes of each of them.
const LEN: usize = 32;

/// The `.modinfo` of the module `good`.
pub const INFO: &[u8] = b"name=good\0version=1.0\0license=MIT\0abi=1\0";

/// A module with a page each of code, constants and variables, two pages of variables without values, `module_init`,
/// and `info` as its `.modinfo`. It has no relocations.
#[must_use]
pub fn saying(info: &[u8]) -> Elf {
    let mut module = Elf::new(Kind::Object);
    module.section(".text", PROGBITS, ALLOC | EXECUTE, &[TEXT_BYTE; LEN]);
    module.section(".rodata", PROGBITS, ALLOC, &[RODATA_BYTE; LEN]);
    module.section(".data", PROGBITS, ALLOC | WRITE, &[DATA_BYTE; LEN]);
    module.section(".bss", NOBITS, ALLOC | WRITE, &[]).size = 0x2000;
    module.section(".modinfo", PROGBITS, 0, info);
    module.symbol("module_init", 0x12, TEXT, 16);
    module
}

/// The module `good`.
#[must_use]
pub fn good() -> Elf {
    saying(INFO)
}

/// The module `small`.
#[must_use]
pub fn small_module() -> Vec<u8> {
    named_small().bytes()
}

/// The module `small` with an exit function and, as its last page, code for its start.
#[must_use]
pub fn small_module_with_start() -> Vec<u8> {
    let mut module = named_small();
    module.section(".init.text", PROGBITS, ALLOC | EXECUTE, &[TEXT_BYTE; LEN]);
    module.symbol("module_exit", 0x12, TEXT, 0);
    module.bytes()
}

fn named_small() -> Elf {
    saying(b"name=small\0version=1\0license=MIT\0abi=1\0")
}

impl Elf {
    /// Adds a section with one relocation of the section in row `section`.
    pub fn relocation(
        &mut self,
        section: u16,
        offset: u64,
        kind: u64,
        symbol: u64,
        addend: i64,
    ) -> &mut Self {
        let fields = [offset, symbol << 32 | kind, addend.cast_unsigned()];
        let row = self.section(".rela", RELA, 0, fields.map(u64::to_le_bytes).as_flattened());
        (row.info, row.align) = (section.into(), 8);
        self
    }
}
