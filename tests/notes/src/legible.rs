//! Notes and segments in words.

use crate::features::{self, Features};
use crate::image::{Image, Segment};
use crate::note::{
    BSD_SYMTAB, ENTRY, FEATURES, Form, GUEST_OS, HYPERCALL_PAGE, INIT_P2M, LOADER, MOD_START_PFN, Note,
    PADDR_OFFSET, PAE_MODE, PHYS32_ENTRY, SUPPORTED_FEATURES, SUSPEND_CANCEL, VIRT_BASE, XEN_VERSION,
};

/// A note, its value, and what Xen does with it.
pub(crate) fn note(note: &Note, image: &Image<'_>) -> String {
    let number = note.value().unwrap_or(0);
    let text = note.text().unwrap_or_else(|| "(not ended by NUL)".to_owned());
    let value = match note.form() {
        Form::Number => format!("{number:#x}"),
        Form::Text => format!("\"{text}\""),
        Form::Other => format!("{} bytes", note.content.len()),
    };
    let function = image.function(number).map(|name| format!(" ({name})")).unwrap_or_default();
    let meaning = match note.kind {
        ENTRY => format!("the guest starts there{function}"),
        HYPERCALL_PAGE => "Xen writes its hypercall stubs over this page".to_owned(),
        VIRT_BASE => "page 0 of the guest's memory is mapped there".to_owned(),
        PADDR_OFFSET => "subtracted from each load address".to_owned(),
        XEN_VERSION => "made for Xen of this interface".to_owned(),
        GUEST_OS => "the kernel's name; that of a linux makes up for any LOADER".to_owned(),
        LOADER => "any domain builder may load it".to_owned(),
        PAE_MODE => "of no effect for a 64-bit kernel".to_owned(),
        FEATURES => {
            let Features { supported, required, .. } = Features::parse(&text);
            format!("works with {}; requires {}", features::names(supported), features::names(required))
        }
        BSD_SYMTAB => "the builder puts the symbol table after the image".to_owned(),
        SUSPEND_CANCEL => "a suspend may be cancelled (nobody reads it today)".to_owned(),
        INIT_P2M => "the builder maps the P2M list there, outside the boot mapping".to_owned(),
        MOD_START_PFN if number != 0 => {
            "the ramdisk is not mapped: start_info has its page number".to_owned()
        }
        MOD_START_PFN => "the ramdisk is mapped, because this is 0".to_owned(),
        SUPPORTED_FEATURES => format!("works with {}", features::names(number)),
        PHYS32_ENTRY => "where a PVH guest starts; of no effect for PV".to_owned(),
        _ => "of no effect for a PV boot".to_owned(),
    };
    format!("{:<18} {value:<22} {meaning}", note.name())
}

/// A segment: where it is linked and loaded, and its rights.
pub(crate) fn segment(segment: &Segment, image: &Image<'_>) -> String {
    let Segment { start, load, len, writable, executable, .. } = segment;
    let rights = match (writable, executable) {
        (false, false) => "read-only",
        (false, true) => "code",
        (true, false) => "writable",
        (true, true) => "writable code",
    };
    let entry = if segment.contains(image.entry) { ", with the file's entry" } else { "" };
    format!(
        "segment            {start:#x}..{:#x} loaded at {load:#x}: {rights}{entry}",
        start.wrapping_add(*len)
    )
}
