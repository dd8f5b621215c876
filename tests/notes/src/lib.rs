//! What a kernel's file says to Xen.
//!
//! *What this is*: [`examine`] reads a file as Xen's builders do: notes of PT_NOTE, else of SHT_NOTE, else the strings of
//! `__xen_guest`, also inside a bzImage. It says what each note means, what the domain builders of a domU and of dom0,
//! GRUB and krata would miss, and what contradicts itself.
//!
//! *What must hold*: any bytes are a file; nothing is loaded or run. A rule of Xen is cited where it is checked (`libelf` is
//! xen/common/libelf/libelf-dominfo.c).
//!
//! *What is not prevented*: a kernel that Xen starts and that then does not work.

mod features;
mod guest_strings;
mod image;
mod legible;
mod note;
mod payload;
mod places;
mod red_zone;
mod rules;
mod settings;

pub use places::{Builder, Place};

use image::Image;
use settings::Settings;

/// Why a file is no PV kernel, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoKernel(String);

/// What was found in a PV kernel.
#[derive(Clone, Debug)]
pub struct Examination {
    /// What the file is.
    pub kind: String,
    /// Each note, and each segment, in words.
    pub lines: Vec<String>,
    /// Who can start it, and what each misses.
    pub places: Vec<Place>,
    /// What contradicts itself.
    pub contradictions: Vec<String>,
    /// What is unusual, or worth knowing.
    pub remarks: Vec<String>,
}

/// Examines a file.
///
/// # Errors
/// It is no PV kernel: what it is, and what to do.
pub fn examine(file: &[u8]) -> Result<Examination, NoKernel> {
    let (elf, wrapping) = payload::unpack(file)?;
    let image = Image::read(&elf)?;
    let settings = Settings::of(&image);
    if !settings.is_pv() {
        return Err(NoKernel(
            "its Xen notes are for PVH (PHYS32_ENTRY) alone, not for PV; boot it with type=\"pvh\""
                .to_owned(),
        ));
    }
    let (contradictions, remarks) = rules::check(&image, &settings);
    let kind = format!("{wrapping}{}", image.kind());
    let mut lines: Vec<String> = image.notes.iter().map(|note| legible::note(note, &image)).collect();
    lines.extend(image.segments.iter().map(|segment| legible::segment(segment, &image)));
    let places = places::all(&image, &settings, wrapping);
    Ok(Examination { kind, lines, places, contradictions, remarks })
}
