//! Writes the two kinds of ELF the walker reads, byte by byte.
//!
//! *What this is*: the layout `xl dump-core` uses (sections without segments, names at the end), and a kernel with segments and
//! a symbol table. Written by hand so that the reader is not tested against its own library.

const EHDR: u64 = 64;
const SHDR: u64 = 64;
const PHDR: u64 = 56;

fn header(kind: u16, shoff: u64, sections: u16, names: u16, segments: u16) -> Vec<u8> {
    let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    out.extend(kind.to_le_bytes());
    out.extend(62_u16.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(0_u64.to_le_bytes());
    out.extend(if segments == 0 { 0 } else { EHDR }.to_le_bytes());
    out.extend(shoff.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    for half in [EHDR as u16, PHDR as u16, segments, SHDR as u16, sections, names] {
        out.extend(half.to_le_bytes());
    }
    out
}

struct Section {
    name: &'static str,
    kind: u32,
    link: u32,
    align: u64,
    entry: u64,
    bytes: Vec<u8>,
}

fn section(name: &'static str, kind: u32, entry: u64, bytes: Vec<u8>) -> Section {
    Section { name, kind, link: 0, align: 0, entry, bytes }
}

fn bytes_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn names_of(sections: &[Section]) -> (Vec<u8>, Vec<u32>) {
    let (mut names, mut offsets) = (vec![0], Vec::new());
    for section in sections {
        offsets.push(names.len() as u32);
        names.extend(section.name.as_bytes());
        names.push(0);
    }
    (names, offsets)
}

fn section_header(name: u32, section: &Section, offset: u64) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(name.to_le_bytes());
    out.extend(section.kind.to_le_bytes());
    out.extend(bytes_of(&[0, 0, offset, section.bytes.len() as u64]));
    out.extend(section.link.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    out.extend(bytes_of(&[section.align, section.entry]));
    out
}

fn note(kind: u32, desc: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(4_u32.to_le_bytes());
    out.extend((desc.len() as u32).to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend(b"Xen\0");
    out.extend(desc);
    out
}

/// Returns a core with as many vCPUs as there are contexts.
pub(crate) fn core(context: &[u8], shared_info: &[u8], pages: &[u64], p2m: &[u64]) -> Vec<u8> {
    let notes = [
        note(0x200_0000, &[]),
        note(0x200_0001, &bytes_of(&[0xf00f_ebed, context.len() as u64 / 5168, p2m.len() as u64 / 2, 4096])),
        note(0x200_0002, &[0; 1280]),
        note(0x200_0003, &bytes_of(&[1])),
    ];
    let mut sections = vec![
        section(".shstrtab", 3, 0, Vec::new()),
        section(".note.Xen", 7, 0, notes.concat()),
        section(".xen_prstatus", 1, 5168, context.to_vec()),
        section(".xen_shared_info", 1, 4096, shared_info.to_vec()),
        section(".xen_pages", 1, 4096, bytes_of(pages)),
        section(".xen_p2m", 1, 16, bytes_of(p2m)),
    ];
    let (names, name_offsets) = names_of(&sections);
    sections[0].bytes = names;

    let count = sections.len() as u64 + 1;
    let mut out = header(4, EHDR, count as u16, 1, 0);
    out.resize((EHDR + SHDR * count) as usize, 0);
    // The names come last in the file though their header is first; the pages start on a page.
    for index in [1, 2, 3, 4, 5, 0] {
        if index == 4 {
            out.resize(out.len().next_multiple_of(4096), 0);
        }
        let at = (EHDR + SHDR * (index as u64 + 1)) as usize;
        let header = section_header(name_offsets[index], &sections[index], out.len() as u64);
        out[at..at + SHDR as usize].copy_from_slice(&header);
        out.extend_from_slice(&sections[index].bytes);
    }
    out
}

/// A symbol of the kernel: 1 for data, 2 for a function.
pub(crate) struct Symbol {
    pub(crate) name: &'static str,
    pub(crate) va: u64,
    pub(crate) size: u64,
    pub(crate) kind: u8,
}

/// Returns a kernel with segments of (address, length, flags).
pub(crate) fn kernel(segments: &[(u64, u64, u32)], symbols: &[Symbol]) -> Vec<u8> {
    let mut strings = vec![0];
    let mut table = vec![0; 24];
    for symbol in symbols {
        table.extend((strings.len() as u32).to_le_bytes());
        table.extend([symbol.kind, 0, 1, 0]);
        table.extend(bytes_of(&[symbol.va, symbol.size]));
        strings.extend(symbol.name.as_bytes());
        strings.push(0);
    }
    let table = Section { name: "", kind: 2, link: 2, align: 8, entry: 24, bytes: table };
    let strings = section("", 3, 0, strings);

    let phdrs_end = EHDR + PHDR * segments.len() as u64;
    let table_at = phdrs_end;
    let strings_at = table_at + table.bytes.len() as u64;
    let shoff = (strings_at + strings.bytes.len() as u64).next_multiple_of(8);
    let mut out = header(2, shoff, 3, 2, segments.len() as u16);
    for (va, len, flags) in segments {
        out.extend(1_u32.to_le_bytes());
        out.extend(flags.to_le_bytes());
        out.extend(bytes_of(&[0, *va, *va, 0, *len, 4096]));
    }
    out.extend(&table.bytes);
    out.extend(&strings.bytes);
    out.resize(shoff as usize + SHDR as usize, 0);
    out.extend(section_header(0, &table, table_at));
    out.extend(section_header(0, &strings, strings_at));
    out
}
