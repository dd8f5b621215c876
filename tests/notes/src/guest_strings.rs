//! The section `__xen_guest`: settings as strings, from before there were notes.
//!
//! Two defaults differ from those of notes: PADDR_OFFSET is VIRT_BASE, and HYPERCALL_PAGE is a page number from VIRT_BASE
//! (libelf, `elf_xen_parse_guest_info`).

use crate::note::{
    BSD_SYMTAB, ENTRY, FEATURES, GUEST_OS, HYPERCALL_PAGE, LOADER, Note, PADDR_OFFSET, PAE_MODE, VIRT_BASE,
    XEN_VERSION,
};

/// Reads the strings, as the notes that would say the same.
pub(crate) fn notes(section: &[u8]) -> Vec<Note> {
    let text = String::from_utf8_lossy(section);
    let text = text.split('\0').next().unwrap_or_default();
    let number = |value: &str| {
        let digits = value.strip_prefix("0x");
        digits.map_or_else(|| value.parse().ok(), |digits| u64::from_str_radix(digits, 16).ok())
    };
    let pairs: Vec<(&str, &str)> =
        text.split(',').map(|pair| pair.trim().split_once('=').unwrap_or((pair.trim(), ""))).collect();
    let base = pairs.iter().find(|(key, _)| *key == "VIRT_BASE").and_then(|(_, value)| number(value));
    let mut notes = Vec::new();
    for (key, value) in &pairs {
        let kind = match *key {
            "VIRT_ENTRY" => ENTRY,
            "VIRT_BASE" => VIRT_BASE,
            "ELF_PADDR_OFFSET" => PADDR_OFFSET,
            "HYPERCALL_PAGE" => HYPERCALL_PAGE,
            "LOADER" => LOADER,
            "GUEST_OS" => GUEST_OS,
            "GUEST_VER" => 7,
            "XEN_VER" => XEN_VERSION,
            "PAE" => PAE_MODE,
            "BSD_SYMTAB" => BSD_SYMTAB,
            "FEATURES" => FEATURES,
            _ => continue,
        };
        notes.push(match (kind, number(value)) {
            (HYPERCALL_PAGE, Some(page)) => {
                Note::number(kind, base.unwrap_or(0).wrapping_add(page.wrapping_mul(4096)))
            }
            (ENTRY | VIRT_BASE | PADDR_OFFSET, Some(value)) => Note::number(kind, value),
            _ => Note::text_of(kind, value),
        });
    }
    if let Some(base) = base.filter(|_| !notes.iter().any(|note| note.kind == PADDR_OFFSET)) {
        notes.push(Note::number(PADDR_OFFSET, base));
    }
    notes
}
