//! Who can start a kernel, and what each of them misses in it.

use crate::features::DOM0;
use crate::image::{Image, Source};
use crate::note::{ENTRY, Form, HYPERCALL_PAGE, INIT_P2M, MOD_START_PFN, Note, PADDR_OFFSET, VIRT_BASE};
use crate::payload::Wrapping;
use crate::settings::Settings;

/// Somebody who starts kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Who.
    pub name: &'static str,
    /// What it misses; nothing if it can start the kernel.
    pub missing: Vec<String>,
}

/// All of them.
pub(crate) fn all(image: &Image<'_>, settings: &Settings, wrapping: Wrapping) -> Vec<Place> {
    vec![
        Place { name: "domU (xl)", missing: domu(settings, wrapping) },
        Place { name: "dom0, and the PV shim", missing: dom0(settings) },
        Place { name: "GRUB-xen", missing: grub(image, settings, wrapping) },
        Place { name: "krata", missing: krata(image) },
    ]
}

/// What both of Xen's builders ask for (libelf, `elf_xen_note_check`).
fn xen(settings: &Settings) -> Vec<String> {
    let mut missing = Vec::new();
    if settings.loader.is_none() && !settings.is_linux() {
        missing.push("LOADER \"generic\"".to_owned());
    }
    if settings.xen_version.is_none() {
        missing.push("XEN_VERSION \"xen-3.0\"".to_owned());
    }
    missing
}

/// tools/libs/guest: a domU is not offered what it requires of a dom0 (xg_dom_elfloader.c), and a file that is no bzImage is
/// unpacked only if it is a gzip (xg_dom_core.c).
fn domu(settings: &Settings, wrapping: Wrapping) -> Vec<String> {
    let mut missing = xen(settings);
    if let Wrapping { packed: Some(kind @ ("xz" | "zstd")), is_bzimage: false } = wrapping {
        missing
            .push(format!("a file that is not packed, or with gzip: it unpacks {kind} in a bzImage alone"));
    }
    if settings.features.required & DOM0 != 0 {
        missing.push("FEATURES without !dom0".to_owned());
    }
    missing
}

/// xen/arch/x86/pv/dom0_build.c: if the bitmap is there, it must have the bit.
fn dom0(settings: &Settings) -> Vec<String> {
    let mut missing = xen(settings);
    if settings.bitmap.is_some_and(|bits| bits & DOM0 == 0) {
        missing.push("the bit of dom0 (0x800) in SUPPORTED_FEATURES".to_owned());
    }
    missing
}

/// grub-core/loader/i386/xen_fileXX.c: notes of PT_NOTE or `__xen_guest`; a number is read as eight bytes, whatever its size.
/// grub-core/io has gzio, xzio and lzopio.
fn grub(image: &Image<'_>, settings: &Settings, wrapping: Wrapping) -> Vec<String> {
    let mut missing = Vec::new();
    if wrapping.packed == Some("zstd") {
        missing.push("a file that is not packed, or with gzip or xz: it does not unpack zstd".to_owned());
    }
    if image.source == Source::Sections {
        missing.push("a PT_NOTE segment (it does not look at SHT_NOTE sections)".to_owned());
    }
    if settings.loader.as_deref().is_some_and(|loader| loader != "generic") {
        missing.push("LOADER \"generic\"".to_owned());
    }
    let read = [ENTRY, HYPERCALL_PAGE, VIRT_BASE, PADDR_OFFSET, INIT_P2M];
    let short =
        |note: &&Note| note.form() == Form::Number && read.contains(&note.kind) && note.content.len() != 8;
    missing.extend(image.notes.iter().filter(short).map(|note| format!("{} of 8 bytes", note.name())));
    missing
}

/// krata's crates/xen/xenplatform/src/elfloader.rs: SHT_NOTE sections, with all of these.
fn krata(image: &Image<'_>) -> Vec<String> {
    let mut missing = Vec::new();
    if !image.in_sections {
        missing.push("a section of type SHT_NOTE with the notes".to_owned());
    }
    let wanted = [
        (PADDR_OFFSET, "PADDR_OFFSET"),
        (VIRT_BASE, "VIRT_BASE"),
        (ENTRY, "ENTRY"),
        (HYPERCALL_PAGE, "HYPERCALL_PAGE"),
        (INIT_P2M, "INIT_P2M"),
        (MOD_START_PFN, "MOD_START_PFN"),
    ];
    let absent = wanted.iter().filter(|(kind, _)| image.note(*kind).is_none());
    missing.extend(absent.map(|(_, name)| (*name).to_owned()));
    missing
}
