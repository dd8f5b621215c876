//! The smallest object that is a module: code, constants, variables with and without values.

/// What the parts hold.
pub(crate) const TEXT: u8 = 0x90;
pub(crate) const RODATA: u8 = 0x11;
pub(crate) const DATA: u8 = 0x22;
/// Bytes of the variables without values.
const BSS: u64 = 0x2000;
/// Bytes of each other part.
const LEN: u64 = 32;

/// Name, kind, flags, offset, size, link to another section, and what it counts (gabi, "Section Header").
type Row = (u32, u32, u64, u64, u64, u32, u32);

/// Writes the object. It has no relocations, so that nothing but memory can go wrong.
pub(crate) fn module() -> Vec<u8> {
    object(false)
}

/// Writes one that also has a page of code for its start, the last, and an exit function.
#[allow(dead_code, reason = "not all tests that share this file load it")]
pub(crate) fn module_with_start() -> Vec<u8> {
    object(true)
}

fn object(start: bool) -> Vec<u8> {
    const STRINGS: &[u8] = b"\0module_init\0.text\0.modinfo\0module_exit\0.init.text\0";
    let info = format!("name=small\0version=1\0license=MIT\0abi={}\0", xen_guest::module::ABI);
    let sections = if start { 9 } else { 8 };
    let symbols = if start { 3 * 24 } else { 2 * 24 };
    let parts = 64 + 64 * sections;
    let symbols_at = parts + 4 * LEN;
    let strings = symbols_at + symbols;
    let info_at = strings + STRINGS.len() as u64;
    let rows: [Row; 9] = [
        (0, 0, 0, 0, 0, 0, 0),
        (13, 1, 2 | 4, parts, LEN, 0, 0),
        (0, 1, 2, parts + LEN, LEN, 0, 0),
        (0, 1, 2 | 1, parts + 2 * LEN, LEN, 0, 0),
        (0, 8, 2 | 1, symbols_at, BSS, 0, 0),
        (0, 2, 0, symbols_at, symbols, 6, 1),
        (0, 3, 0, strings, STRINGS.len() as u64, 0, 0),
        (19, 1, 0, info_at, info.len() as u64, 0, 0),
        (40, 1, 2 | 4, parts + 3 * LEN, LEN, 0, 0),
    ];
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([1, 0, 62, 0, 1, 0, 0, 0]);
    file.extend([0, 0, 64_u64].map(u64::to_le_bytes).as_flattened());
    file.extend([0; 4]);
    file.extend([64, 0, 0, 64, sections as u16, 6].map(u16::to_le_bytes).as_flattened());
    for (name, kind, flags, offset, size, link, info) in rows.into_iter().take(sections as usize) {
        let entry = if kind == 2 { 24 } else { 0 };
        file.extend([name, kind].map(u32::to_le_bytes).as_flattened());
        file.extend([flags, 0, offset, size].map(u64::to_le_bytes).as_flattened());
        file.extend([link, info].map(u32::to_le_bytes).as_flattened());
        file.extend([16, entry].map(u64::to_le_bytes).as_flattened());
    }
    for byte in [TEXT, RODATA, DATA, TEXT] {
        file.extend([byte; LEN as usize]);
    }
    // Behind the null symbol, global functions in section 1.
    file.extend([0; 24]);
    for name in [1, 28].into_iter().take(symbols as usize / 24 - 1) {
        file.extend([name, 0, 0, 0, 0x12, 0, 1, 0]);
        file.extend([0; 16]);
    }
    file.extend(STRINGS);
    file.extend(info.as_bytes());
    file
}
