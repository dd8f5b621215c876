//! Who can start a kernel, and what each of them misses in it.

use std::fmt;

use crate::features::DOM0;
use crate::image::{Image, Source};
use crate::note::{ENTRY, Form, HYPERCALL_PAGE, INIT_P2M, MOD_START_PFN, Note, PADDR_OFFSET, VIRT_BASE};
use crate::payload::{Packing, Wrapping};
use crate::settings::Settings;

/// Somebody who starts kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    /// Xen's tools, for a domU.
    Xl,
    /// Xen itself, for dom0; also as the shim below a guest.
    Xen,
    /// GRUB as a PV guest.
    Grub,
    /// krata's tools.
    Krata,
}

impl fmt::Display for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xl => "domU (xl)",
            Self::Xen => "dom0, and the PV shim",
            Self::Grub => "GRUB-xen",
            Self::Krata => "krata",
        })
    }
}

/// What somebody who starts kernels makes of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Who.
    pub builder: Builder,
    /// What it misses; nothing if it can start the kernel.
    pub missing: Vec<String>,
}

/// All of them.
pub(crate) fn all(image: &Image<'_>, settings: &Settings, wrapping: Wrapping) -> Vec<Place> {
    [
        (Builder::Xl, domu(settings)),
        (Builder::Xen, dom0(settings)),
        (Builder::Grub, grub(image, settings)),
        (Builder::Krata, krata(image)),
    ]
    .into_iter()
    .map(|(builder, missing)| Place {
        builder,
        missing: unpacked(builder, wrapping).into_iter().chain(missing).collect(),
    })
    .collect()
}

/// What a builder cannot unpack. xl: tools/libs/guest/xg_dom_core.c (gzip) and xg_dom_bzimageloader.c. Xen:
/// xen/arch/x86/bzimage.c. Both take the last four bytes for the unpacked size. GRUB: grub-core/io, on the file and on the
/// payload; of these it loads gzio by itself. krata's elfloader.rs looks for gzip and xz anywhere in the file.
fn unpacked(builder: Builder, Wrapping { is_bzimage, packing, is_sized }: Wrapping) -> Option<String> {
    let Some(packing) = packing else {
        let plain = is_bzimage && builder == Builder::Krata;
        return plain.then(|| "a packed kernel in the bzImage (it finds no bare one there)".to_owned());
    };
    let (takes, instead) = match builder {
        Builder::Xl => (is_bzimage || packing == Packing::Gzip, "with gzip, or in a bzImage"),
        Builder::Xen => (true, ""),
        Builder::Grub => (packing == Packing::Gzip, "with gzip"),
        Builder::Krata => (packing != Packing::Zstd, "with gzip or xz"),
    };
    if !takes {
        return Some(format!(
            "a kernel that is not packed, or {instead} (by itself it does not unpack this {packing})"
        ));
    }
    (!is_sized && builder != Builder::Krata)
        .then(|| format!("the unpacked size in four bytes after the {packing}, as in Linux's bzImage"))
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

/// tools/libs/guest/xg_dom_elfloader.c: a domU is not offered what it requires of a dom0.
fn domu(settings: &Settings) -> Vec<String> {
    let mut missing = xen(settings);
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
fn grub(image: &Image<'_>, settings: &Settings) -> Vec<String> {
    let mut missing = Vec::new();
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
