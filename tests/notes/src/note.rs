//! One thing a kernel tells Xen: a note, or a string of `__xen_guest`.

/// What kind of value a note has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Number,
    Text,
    Other,
}

pub(crate) const ENTRY: u32 = 1;
pub(crate) const HYPERCALL_PAGE: u32 = 2;
pub(crate) const VIRT_BASE: u32 = 3;
pub(crate) const PADDR_OFFSET: u32 = 4;
pub(crate) const XEN_VERSION: u32 = 5;
pub(crate) const GUEST_OS: u32 = 6;
pub(crate) const LOADER: u32 = 8;
pub(crate) const PAE_MODE: u32 = 9;
pub(crate) const FEATURES: u32 = 10;
pub(crate) const BSD_SYMTAB: u32 = 11;
pub(crate) const SUSPEND_CANCEL: u32 = 14;
pub(crate) const INIT_P2M: u32 = 15;
pub(crate) const MOD_START_PFN: u32 = 16;
pub(crate) const SUPPORTED_FEATURES: u32 = 17;
pub(crate) const PHYS32_ENTRY: u32 = 18;

/// The types of `public/elfnote.h`.
const KNOWN: [(u32, &str, Form); 19] = [
    (0, "INFO", Form::Text),
    (ENTRY, "ENTRY", Form::Number),
    (HYPERCALL_PAGE, "HYPERCALL_PAGE", Form::Number),
    (VIRT_BASE, "VIRT_BASE", Form::Number),
    (PADDR_OFFSET, "PADDR_OFFSET", Form::Number),
    (XEN_VERSION, "XEN_VERSION", Form::Text),
    (GUEST_OS, "GUEST_OS", Form::Text),
    (7, "GUEST_VERSION", Form::Text),
    (LOADER, "LOADER", Form::Text),
    (PAE_MODE, "PAE_MODE", Form::Text),
    (FEATURES, "FEATURES", Form::Text),
    (BSD_SYMTAB, "BSD_SYMTAB", Form::Text),
    (12, "HV_START_LOW", Form::Number),
    (13, "L1_MFN_VALID", Form::Other),
    (SUSPEND_CANCEL, "SUSPEND_CANCEL", Form::Number),
    (INIT_P2M, "INIT_P2M", Form::Number),
    (MOD_START_PFN, "MOD_START_PFN", Form::Number),
    (SUPPORTED_FEATURES, "SUPPORTED_FEATURES", Form::Number),
    (PHYS32_ENTRY, "PHYS32_ENTRY", Form::Number),
];

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) kind: u32,
    pub(crate) content: Vec<u8>,
    /// What follows up to a multiple of 4 has a NUL: it ends a text that has none of its own.
    pub(crate) padded: bool,
}

impl Note {
    pub(crate) fn number(kind: u32, value: u64) -> Self {
        Self { kind, content: value.to_le_bytes().to_vec(), padded: false }
    }

    pub(crate) fn text_of(kind: u32, text: &str) -> Self {
        Self { kind, content: format!("{text}\0").into_bytes(), padded: false }
    }

    pub(crate) fn name(&self) -> String {
        let known = KNOWN.iter().find(|(kind, ..)| *kind == self.kind);
        known.map_or_else(|| format!("note {:#x}", self.kind), |(_, name, _)| (*name).to_owned())
    }

    pub(crate) fn form(&self) -> Form {
        KNOWN.iter().find(|(kind, ..)| *kind == self.kind).map_or(Form::Other, |(.., form)| *form)
    }

    /// Its number as Xen reads it: of 1, 2, 4 or 8 bytes; any other size is 0 there (libelf-tools.c, `elf_note_numeric`).
    pub(crate) fn value(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        matches!(self.content.len(), 1 | 2 | 4 | 8).then(|| {
            bytes[..self.content.len()].copy_from_slice(&self.content);
            u64::from_le_bytes(bytes)
        })
    }

    /// Its text; `None` without a NUL at its end.
    pub(crate) fn text(&self) -> Option<String> {
        let end = self.content.iter().position(|byte| *byte == 0);
        let end = end.or_else(|| self.padded.then_some(self.content.len()))?;
        Some(String::from_utf8_lossy(&self.content[..end]).into_owned())
    }

    /// Reads the notes of a segment or section that are Xen's.
    pub(crate) fn all(mut bytes: &[u8]) -> Vec<Self> {
        let mut notes = Vec::new();
        while let Some((header, rest)) = bytes.split_at_checked(12) {
            let word =
                |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            let (name, content, kind) = (word(0) as usize, word(4) as usize, word(8));
            let (Some(name_end), Some(at)) = (rest.get(..name), name.checked_next_multiple_of(4)) else {
                break;
            };
            let Some(content_bytes) = at.checked_add(content).and_then(|end| rest.get(at..end)) else {
                break;
            };
            if name_end == b"Xen\0" {
                let padding = rest.get(at + content..at + content.next_multiple_of(4)).unwrap_or_default();
                notes.push(Self { kind, content: content_bytes.to_vec(), padded: padding.contains(&0) });
            }
            let Some(next) = at.checked_add(content.next_multiple_of(4)) else { break };
            bytes = rest.get(next..).unwrap_or_default();
        }
        notes
    }
}
