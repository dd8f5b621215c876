//! Names for the addresses of a kernel: functions, and lines if its file has debug information.
//!
//! *What this is*: the symbol table of the file, demangled, which a release build without debug information still has;
//! debug information adds lines and inlined functions. What is missing is said.
//!
//! *What must hold*: addresses that come in and go out are those at which the kernel ran; those of the file stay in
//! here.

use std::path::Path;

use addr2line::Loader;
use anyhow::{Result, anyhow};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolKind};

use tools::file;

/// What a kernel's file knows of addresses.
pub(crate) struct Names {
    /// How far the image ran from where it was linked.
    slide: u64,
    loader: Option<Loader>,
    /// Start, size and name, by start.
    symbols: Vec<(u64, u64, String)>,
    /// What the linker script defines: places, of which none is a function or variable.
    places: Vec<(u64, String)>,
    /// Where code begins, and its bytes.
    code: Vec<(u64, Vec<u8>)>,
    has_lines: bool,
    kernel: String,
}

impl Names {
    /// Reads a kernel's file.
    ///
    /// # Errors
    /// It is no ELF file.
    pub(crate) fn of(kernel: &Path) -> Result<Self> {
        let name = kernel.display().to_string();
        let bytes = file::bytes(kernel)?;
        let elf = object::File::parse(&*bytes).map_err(|error| anyhow!("{name}: {error}"))?;
        let named = elf.symbols().filter(|symbol| {
            !symbol.is_undefined()
                && matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data | SymbolKind::Label)
        });
        let mut symbols: Vec<_> = named
            .filter_map(|symbol| {
                let name = symbol.name().ok().filter(|name| !name.is_empty())?;
                Some((symbol.address(), symbol.size(), format!("{:#}", rustc_demangle::demangle(name))))
            })
            .collect();
        symbols.sort();
        let places =
            elf.symbols().filter(|symbol| symbol.kind() == SymbolKind::Unknown && symbol.is_definition());
        let places =
            places.filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?.to_owned()))).collect();
        let is_code = |flags| matches!(flags, SectionFlags::Elf { sh_flags, .. } if sh_flags.0 & 4 != 0);
        let code = elf.sections().filter(|section| is_code(section.flags()));
        let code =
            code.filter_map(|section| Some((section.address(), section.data().ok()?.to_vec()))).collect();
        let has_lines = elf.section_by_name(".debug_line").is_some();
        let loader = if has_lines { Loader::new(kernel).ok() } else { None };
        Ok(Self { slide: 0, loader, symbols, places, code, has_lines, kernel: name })
    }

    /// The same for an image that ran so far from where it was linked.
    pub(crate) fn slid_by(self, slide: u64) -> Self {
        Self { slide, ..self }
    }

    /// The address in the file.
    const fn linked(&self, address: u64) -> u64 {
        address.wrapping_sub(self.slide)
    }

    /// Whether an address is in the kernel's code.
    pub(crate) fn is_code(&self, address: u64) -> bool {
        let address = self.linked(address);
        self.code
            .iter()
            .any(|(start, bytes)| address.checked_sub(*start).is_some_and(|at| at < bytes.len() as u64))
    }

    /// Whether the instruction before an address may be a call, as it must be for a return address.
    pub(crate) fn is_after_call(&self, address: u64) -> bool {
        let address = self.linked(address);
        let before = self
            .code
            .iter()
            .find_map(|(start, bytes)| bytes.get(..usize::try_from(address.checked_sub(*start)?).ok()?));
        before.is_some_and(|before| {
            let ends_with =
                |len: usize| before.len().checked_sub(len).is_some_and(|at| is_call(&before[at..]));
            (2..=7).any(ends_with)
        })
    }

    /// The address of a symbol.
    pub(crate) fn address_of(&self, name: &str) -> Option<u64> {
        let symbols = self.symbols.iter().map(|(start, _, found)| (start, found));
        let places = self.places.iter().map(|(start, found)| (start, found));
        let linked = symbols.chain(places).find(|(_, found)| *found == name);
        linked.map(|(start, _)| start.wrapping_add(self.slide))
    }

    /// The function or variable that an address is in.
    pub(crate) fn symbol(&self, address: u64) -> Option<&str> {
        let address = self.linked(address);
        let end = self.symbols.partition_point(|(start, ..)| *start <= address);
        let known = self.symbols[..end].iter().rev().take(8);
        // Symbols of an assembler may have no size: they reach to the next.
        let mut holds = known.filter(|(start, size, _)| *size == 0 || address - start < *size);
        holds.next().map(|(.., name)| name.as_str())
    }

    /// The functions that `address` lies in: one, and those inlined around it.
    pub(crate) fn frames(&self, address: u64) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(Ok(mut frames)) =
            self.loader.as_ref().map(|loader| loader.find_frames(self.linked(address)))
        {
            while let Ok(Some(frame)) = frames.next() {
                let name = frame.function.as_ref().and_then(|name| name.demangle().ok());
                let place = frame.location.and_then(|place| Some((place.file?, place.line?)));
                let name = name.as_deref().unwrap_or("?");
                lines.push(match place {
                    Some((file, line)) => format!("{address:#x} {name} at {file}:{line}"),
                    None => format!("{address:#x} {name}"),
                });
            }
        }
        if lines.is_empty() {
            lines.push(format!("{address:#x} {}", self.symbol(address).unwrap_or("no symbol")));
        }
        lines
    }

    /// What the file lacks for better names.
    pub(crate) fn lacks(&self) -> Option<String> {
        let kernel = &self.kernel;
        if self.symbols.is_empty() {
            Some(format!(
                "{kernel} is stripped, so there are no names; keep the file from before (strip = false)"
            ))
        } else if !self.has_lines {
            Some(format!("{kernel} has no debug information, so there are no lines; build with debug = 1"))
        } else {
            None
        }
    }
}

/// Whether bytes are one CALL: of an address (E8), or of what a register or memory holds (FF /2).
fn is_call(bytes: &[u8]) -> bool {
    match *bytes {
        [0xe8, ..] => bytes.len() == 5,
        [0xff, kind, ref rest @ ..] if kind >> 3 & 7 == 2 => {
            let has_index = kind & 7 == 4 && kind >> 6 != 3;
            let absolute = kind & 7 == 5 || has_index && rest.first().is_some_and(|index| index & 7 == 5);
            let displacement = match kind >> 6 {
                0 if absolute => 4,
                1 => 1,
                2 => 4,
                _ => 0,
            };
            rest.len() == usize::from(has_index) + displacement
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use kit::kernel::{BASE, KernelFile};

    use super::{Names, is_call};

    fn names(name: &str, kernel: &KernelFile) -> Names {
        let path = std::env::temp_dir().join(format!("lab-names-{name}-{}", std::process::id()));
        std::fs::write(&path, kernel.bytes()).unwrap();
        let names = Names::of(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        names
    }

    #[test]
    fn an_address_of_this_program_gets_its_name_and_line() {
        let program = std::env::current_exe().unwrap();
        let names = Names::of(&program).unwrap();
        let (start, ..) = names.symbols.iter().find(|(.., name)| name.ends_with("boot::fresh")).unwrap();
        let frames = names.frames(*start);
        assert!(
            frames.iter().any(|line| line.contains("fresh at ") && line.contains("boot.rs:")),
            "{frames:?}"
        );
        assert_eq!(names.lacks(), None);
        let (start, slide) = (*start, 0x1234_5000);
        let slid = names.slid_by(slide).frames(start + slide);
        assert!(
            slid.iter()
                .any(|line| line.starts_with(&format!("{:#x} ", start + slide)) && line.contains("boot.rs:"))
        );
    }

    #[test]
    fn a_return_address_follows_a_call() {
        let mut kernel = KernelFile::good();
        // call +0; call rax; call [rax+8]; nop; jmp rax
        let code = vec![0xe8, 0, 0, 0, 0, 0xff, 0xd0, 0xff, 0x50, 8, 0x90, 0xff, 0xe0];
        let end = code.len() as u64;
        kernel.sections.push((".text".into(), 1, 6, BASE, code));
        let names = names("calls", &kernel);
        let after: Vec<u64> = (0..=end + 1).filter(|at| names.is_after_call(BASE + at)).collect();
        assert_eq!(after, [5, 7, 10]);
        let names = names.slid_by(0x3000);
        assert!(names.is_after_call(BASE + 0x3005) && !names.is_after_call(BASE + 5));
        assert!(names.is_code(BASE + 0x3000) && !names.is_code(BASE));
        let names = names.slid_by(0);
        for call in [
            &[0xff, 0x10][..],
            &[0xff, 0x15, 0, 0, 0, 0],
            &[0xff, 0x14, 0xc5, 0, 0, 0, 0],
            &[0xff, 0x54, 0x24, 8],
        ] {
            assert!(is_call(call) && !is_call(&call[..call.len() - 1]), "{call:x?}");
        }
        assert!(names.is_code(BASE + end - 1) && !names.is_code(BASE + end) && !names.is_code(BASE - 1));
    }

    #[test]
    fn names_come_from_the_symbols_where_there_are_no_lines() {
        let mut kernel = KernelFile::good();
        kernel.functions =
            vec![("_RNvCskwGfYPst2Cb_3foo16example_function".into(), BASE + 0x100_0000, 0x100)];
        let with = names("symbols", &kernel);
        assert_eq!(with.frames(BASE + 0x100_0010), ["0xffffffff81000010 foo::example_function"]);
        assert_eq!(with.frames(BASE + 0x100_0100), ["0xffffffff81000100 no symbol"]);
        assert!(with.lacks().unwrap().contains("no debug information"));
        // Where it ran, and not where it was linked.
        let slide = 0x7fff_f000_u64.wrapping_neg();
        let slid = names("slid", &kernel).slid_by(slide);
        let ran = (BASE + 0x100_0010).wrapping_add(slide);
        assert_eq!(slid.frames(ran), [format!("{ran:#x} foo::example_function")]);
        assert_eq!(slid.frames(BASE + 0x100_0010), ["0xffffffff81000010 no symbol"]);
        assert_eq!(slid.address_of("foo::example_function"), Some(ran - 0x10));
        kernel.functions.clear();
        assert!(names("stripped", &kernel).lacks().unwrap().contains("is stripped"));
    }
}
