//! `System.map`: the symbols of a kernel at the addresses where it ran, as `nm -C -n` shows a file.
//!
//! *What this is*: what `xenctx -s` and other tools read that know nothing of an image that was moved at boot. What is
//! absolute in the file did not move. `xenctx` takes an address for code if it lies between two symbols that Linux has:
//! a kernel on this layer has other names for them, so they are added.

use std::path::Path;

use anyhow::{Result, anyhow};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, SymbolKind, SymbolSection};

use tools::file;

/// The file.
pub(crate) const NAME: &str = "System.map";
/// `xenctx` reads lines of at most 255 bytes.
const LONGEST: usize = 220;
/// What ours are called, and what Linux's are.
const ALIASES: [(&str, &str); 2] = [("image_start", "_stext"), ("text_end", "_etext")];

/// Writes the file for a kernel that ran so far from where it was linked.
///
/// # Errors
/// The kernel is no ELF file, or the file cannot be written.
pub(crate) fn write(path: &Path, kernel: &Path, slide: u64) -> Result<()> {
    file::write(path, of(&kernel.display().to_string(), &file::bytes(kernel)?, slide)?)
}

fn of(name: &str, bytes: &[u8], slide: u64) -> Result<String> {
    let elf = object::File::parse(bytes).map_err(|error| anyhow!("{name}: {error}"))?;
    let mut lines: Vec<(u64, char, String)> = Vec::new();
    let is_one =
        |symbol: &object::Symbol<'_, '_>| !matches!(symbol.kind(), SymbolKind::File | SymbolKind::Section);
    for symbol in elf.symbols().filter(|symbol| !symbol.is_undefined() && is_one(symbol)) {
        let Some(name) = symbol.name().ok().filter(|name| !name.is_empty()) else { continue };
        let Some((kind, moves)) = kind(&elf, symbol.section()) else { continue };
        let kind = if symbol.is_global() { kind } else { kind.to_ascii_lowercase() };
        let address = if moves { symbol.address().wrapping_add(slide) } else { symbol.address() };
        let name: String = format!("{:#}", rustc_demangle::demangle(name)).chars().take(LONGEST).collect();
        lines.push((address, kind, name));
    }
    for (ours, linux) in ALIASES {
        let is_named = |name: &str| lines.iter().find(|(.., found)| found == name);
        if let (Some((address, ..)), None) = (is_named(ours), is_named(linux)) {
            lines.push((*address, 'T', linux.to_owned()));
        }
    }
    lines.sort();
    Ok(lines.iter().map(|(address, kind, name)| format!("{address:016x} {kind} {name}\n")).collect())
}

/// The letter that `nm` has for a global symbol, and whether it moves with the image.
fn kind(elf: &object::File<'_>, section: SymbolSection) -> Option<(char, bool)> {
    let index = match section {
        SymbolSection::Section(index) => index,
        SymbolSection::Absolute => return Some(('A', false)),
        _ => return None,
    };
    let section = elf.section_by_index(index).ok()?;
    let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
    // Allocated 2, writable 1, code 4: what is not loaded has no address.
    Some(match sh_flags.0 {
        flags if flags & 2 == 0 => return None,
        flags if flags & 4 != 0 => ('T', true),
        flags if flags & 1 == 0 => ('R', true),
        _ if section.kind() == SectionKind::UninitializedData => ('B', true),
        _ => ('D', true),
    })
}

#[cfg(test)]
mod tests {
    use kit::elf::{ALLOC, EXECUTE, Elf, Kind, NOBITS, PROGBITS, Symbol, WRITE};

    use super::{LONGEST, of};

    const TEXT: u64 = 0xffff_ffff_8100_0000;

    fn file() -> Vec<u8> {
        let symbol =
            |name: &str, info, section, value| Symbol { name: name.into(), info, section, value, size: 0 };
        let long = "x".repeat(400);
        let mut elf = Elf {
            kind: Kind::Program,
            segments: Vec::new(),
            sections: Vec::new(),
            symbols: vec![
                symbol("counter", 0x11, 3, TEXT + 0x2000),
                symbol("KERNEL_MAP", 0x10, 0xfff1, 0xffff_ffff_8000_0000),
                symbol("image_start", 0x10, 1, TEXT),
                symbol("_RNvCskwGfYPst2Cb_3foo16example_function", 0x02, 1, TEXT + 0x10),
                symbol("text_end", 0x10, 1, TEXT + 0x80),
                symbol("words", 0x01, 2, TEXT + 0x1000),
                symbol("stack", 0x11, 4, TEXT + 0x3000),
                symbol(&long, 0x02, 1, TEXT + 0x20),
                // A file's name, what is not loaded, what is elsewhere, and what has no name.
                symbol("a.rs", 0x04, 0xfff1, 0),
                symbol("remark", 0x11, 5, 7),
                symbol("undefined", 0x10, 0, 0),
                symbol("", 0x02, 1, TEXT + 0x30),
            ],
        };
        for (name, kind, flags) in [
            (".text", PROGBITS, ALLOC | EXECUTE),
            (".rodata", PROGBITS, ALLOC),
            (".data", PROGBITS, ALLOC | WRITE),
            (".bss", NOBITS, ALLOC | WRITE),
            (".comment", PROGBITS, 0),
        ] {
            elf.section(name, kind, flags, &[0; 16]);
        }
        elf.bytes()
    }

    #[test]
    fn symbols_are_where_the_kernel_ran_in_the_form_of_nm() {
        let long = "x".repeat(LONGEST);
        for slide in [0, 0x1234_5000] {
            let lines = [
                (0, "T _stext"),
                (0, "T image_start"),
                (0x10, "t foo::example_function"),
                (0x20, &format!("t {long}")),
                (0x80, "T _etext"),
                (0x80, "T text_end"),
                (0x1000, "r words"),
                (0x2000, "D counter"),
                (0x3000, "B stack"),
            ];
            let lines = lines.map(|(offset, rest)| format!("{:016x} {rest}\n", TEXT + offset + slide));
            // What is absolute stays.
            let expected = format!("ffffffff80000000 A KERNEL_MAP\n{}", lines.concat());
            assert_eq!(of("a kernel", &file(), slide).unwrap(), expected);
        }
        assert!(of("no kernel", b"no ELF", 0).unwrap_err().to_string().starts_with("no kernel: "));
    }
}
