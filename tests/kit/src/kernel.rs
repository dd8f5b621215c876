//! Kernels of a few bytes, as a linker would write them: segments at link and load addresses, notes, strings, functions.
//!
//! *What this is*: fields written by their offsets (System V ABI, chapters 4 and 5), so that a test can have any of them
//! wrong. [`KernelFile::xtf`] has the notes of a test of XTF, [`KernelFile::good`] those that this layer has.

use crate::elf::xen_note;

/// A kernel in the making.
#[derive(Clone, Debug)]
pub struct KernelFile {
    /// 2 at a fixed address, 3 position-independent.
    pub kind: u16,
    /// Where it starts.
    pub entry: u64,
    /// Parts of memory.
    pub segments: Vec<KernelSegment>,
    /// What PT_NOTE holds; there is none without.
    pub notes: Vec<u8>,
    /// Sections by name, type, flags, address and bytes.
    pub sections: Vec<(String, u32, u64, u64, Vec<u8>)>,
    /// Functions by name, address and size.
    pub functions: Vec<(String, u64, u64)>,
}

/// A part of memory with bytes.
#[derive(Clone, Debug)]
pub struct KernelSegment {
    /// Link address.
    pub start: u64,
    /// Load address.
    pub load: u64,
    /// 1 executable, 2 writable, 4 readable.
    pub flags: u32,
    /// What is in the file.
    pub bytes: Vec<u8>,
    /// Bytes of memory.
    pub len: u64,
}

/// VIRT_BASE of [`KernelFile::good`].
pub const BASE: u64 = 0xffff_ffff_8000_0000;

impl KernelFile {
    /// A kernel without contradictions: code at 16 MiB, with data after it.
    #[must_use]
    pub fn good() -> Self {
        let mut code = vec![0x90; 0x2000];
        code[0] = 0xc3;
        let notes = [
            xen_note(6, b"small\0\0\0"),
            xen_note(8, b"generic\0"),
            xen_note(5, b"xen-3.0\0"),
            xen_note(3, &BASE.to_le_bytes()),
            xen_note(4, &0_u64.to_le_bytes()),
            xen_note(1, &(BASE + 0x100_0000).to_le_bytes()),
            xen_note(2, &(BASE + 0x100_1000).to_le_bytes()),
            xen_note(15, &0xffff_c800_0000_0000_u64.to_le_bytes()),
            xen_note(16, &1_u64.to_le_bytes()),
            xen_note(17, &0x801_u32.to_le_bytes()),
        ]
        .concat();
        Self {
            kind: 2,
            entry: BASE + 0x100_0000,
            segments: vec![
                KernelSegment {
                    start: BASE + 0x100_0000,
                    load: 0x100_0000,
                    flags: 5,
                    bytes: code,
                    len: 0x2000,
                },
                KernelSegment {
                    start: BASE + 0x100_2000,
                    load: 0x100_2000,
                    flags: 6,
                    bytes: vec![1; 8],
                    len: 0x3000,
                },
            ],
            sections: vec![(".note.Xen".into(), 7, 2, 0, notes.clone())],
            notes,
            functions: vec![("_start".into(), BASE + 0x100_0000, 0x1000)],
        }
    }

    /// A kernel with the notes of XTF: no VIRT_BASE, so page 0 is at address 0, and one segment for all.
    #[must_use]
    pub fn xtf() -> Self {
        let notes = [
            xen_note(6, b"XTF\0"),
            xen_note(8, b"generic\0"),
            xen_note(2, &0x10_1000_u64.to_le_bytes()),
            xen_note(5, b"xen-3.0\0"),
            xen_note(10, b"!writable_page_tables|pae_pgdir_above_4gb\0\0\0"),
            xen_note(9, b"yes\0"),
        ]
        .concat();
        Self {
            kind: 2,
            entry: 0x10_0000,
            segments: vec![KernelSegment {
                start: 0x10_0000,
                load: 0x10_0000,
                flags: 7,
                bytes: vec![0x90; 0x3000],
                len: 0x5000,
            }],
            sections: Vec::new(),
            notes,
            functions: vec![("_start".into(), 0x10_0000, 0x10)],
        }
    }

    /// Writes the file: headers, segments, notes, sections, in this order.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut sections = self.sections.clone();
        let mut strings = vec![0];
        let mut symbols = vec![0; 24];
        for (name, start, size) in &self.functions {
            symbols.extend((strings.len() as u32).to_le_bytes());
            // Global, a function, in no section in particular (SHN_ABS).
            symbols.extend([0x12, 0, 0xf1, 0xff]);
            symbols.extend(start.to_le_bytes());
            symbols.extend(size.to_le_bytes());
            strings.extend(name.bytes().chain([0]));
        }
        sections.push((".symtab".into(), 2, 0, 0, symbols));
        sections.push((".strtab".into(), 3, 0, 0, Vec::new()));
        let names: Vec<u32> = sections
            .iter()
            .map(|(name, ..)| {
                let at = strings.len() as u32;
                strings.extend(name.bytes().chain([0]));
                at
            })
            .collect();
        let last = sections.len();
        sections[last - 1].4 = strings;
        let programs = self.segments.len() as u64 + u64::from(!self.notes.is_empty());
        let mut at = 64 + 56 * programs;
        let mut program_headers = Vec::new();
        let mut content = Vec::new();
        for KernelSegment { start, load, flags, bytes, len } in &self.segments {
            program_headers.extend(program(1, *flags, at, [*start, *load], [bytes.len() as u64, *len]));
            content.extend(bytes);
            at += bytes.len() as u64;
        }
        if !self.notes.is_empty() {
            let len = self.notes.len() as u64;
            program_headers.extend(program(4, 4, at, [0, 0], [len, len]));
            content.extend(&self.notes);
            at += len;
        }
        let mut rows = vec![0; 64];
        for ((_, kind, flags, address, bytes), name) in sections.iter().zip(names) {
            let link = if *kind == 2 { last as u32 } else { 0 };
            let entry = if *kind == 2 { 24 } else { 0_u64 };
            rows.extend([name.to_le_bytes(), kind.to_le_bytes()].concat());
            rows.extend([*flags, *address, at, bytes.len() as u64].map(u64::to_le_bytes).concat());
            rows.extend([link.to_le_bytes(), 0_u32.to_le_bytes()].concat());
            rows.extend([1, entry].map(u64::to_le_bytes).concat());
            content.extend(bytes);
            at += bytes.len() as u64;
        }
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        file.extend([self.kind, 62].map(u16::to_le_bytes).concat());
        file.extend(1_u32.to_le_bytes());
        file.extend([self.entry, 64, at].map(u64::to_le_bytes).concat());
        file.extend(0_u32.to_le_bytes());
        file.extend(
            [64, 56, programs as u16, 64, last as u16 + 1, last as u16].map(u16::to_le_bytes).concat(),
        );
        [file, program_headers, content, rows].concat()
    }
}

fn program(kind: u32, flags: u32, at: u64, addresses: [u64; 2], sizes: [u64; 2]) -> Vec<u8> {
    let [start, load] = addresses;
    let [in_file, in_memory] = sizes;
    let words = [at, start, load, in_file, in_memory, 4].map(u64::to_le_bytes).concat();
    [[kind, flags].map(u32::to_le_bytes).concat(), words].concat()
}
