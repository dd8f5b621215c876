//! The ramdisks that a run can have.

use anyhow::Result;

use crate::build;
use crate::setup;
use checks::outside;
use kit::cpio::CpioWriter;

/// What the ramdisk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ramdisk {
    /// What `scripts/build` made.
    Usual,
    /// No ramdisk.
    Absent,
    /// Only the first half of it.
    Truncated,
    /// An archive without a module.
    Empty,
    /// An archive whose module is a text.
    NoElf,
    /// What distributions make: microcode in front, zeros, and then the usual one.
    Microcode,
    /// The same, with the usual one packed by gzip.
    MicrocodeGzip,
    /// Packed by gzip, and cut off in the middle of that.
    GzipTruncated,
    /// The module hello and no other: the usual one has some MiB.
    Hello,
    /// Hello and the modules that `docs/modules.md` has its reader write.
    Outside,
}

impl Ramdisk {
    /// Whether all that `modules=all` loads is there to be loaded.
    pub(crate) fn has_all_modules(self) -> bool {
        matches!(self, Self::Usual | Self::Microcode | Self::MicrocodeGzip)
    }

    /// Its bytes.
    ///
    /// # Errors
    /// What it is made of cannot be read, or `gzip` is missing.
    pub(crate) fn content(self) -> Result<Vec<u8>> {
        let usual = std::fs::read(build::ramdisk())?;
        Ok(match self {
            Self::Usual => usual,
            Self::Absent => Vec::new(),
            Self::Microcode => [microcode(512), usual].concat(),
            // A border that is a multiple of nothing.
            Self::MicrocodeGzip => [microcode(1), vec![0; 4099], setup::gzip(&build::ramdisk())?].concat(),
            Self::GzipTruncated => {
                let mut whole = [microcode(512), setup::gzip(&build::ramdisk())?].concat();
                whole.truncate(whole.len() / 2);
                whole
            }
            Self::Truncated => usual[..usual.len() / 2].to_vec(),
            Self::Empty => {
                let mut archive = CpioWriter::default();
                archive.folder("modules");
                archive.file("readme", 0o644, b"no module here\n");
                archive.finish()
            }
            Self::Hello => {
                let mut archive = CpioWriter::default();
                archive.folder("modules");
                archive.file("modules/hello.ko", 0o644, &std::fs::read(build::module("hello"))?);
                archive.finish()
            }
            Self::Outside => {
                let mut archive = CpioWriter::default();
                archive.folder("modules");
                archive.file("modules/hello.ko", 0o644, &std::fs::read(build::module("hello"))?);
                for (name, content) in outside::NAMES.iter().zip(outside::modules()?) {
                    archive.file(&format!("modules/{name}.ko"), 0o644, &content);
                }
                archive.finish()
            }
            Self::NoElf => {
                let mut archive = CpioWriter::default();
                archive.folder("modules");
                archive.file("modules/hello.ko", 0o644, b"This is a text, not an object file.\n");
                archive.finish()
            }
        })
    }
}

/// An archive of microcode as it stands in front of a ramdisk, padded with zeros to a multiple of `border`.
fn microcode(border: usize) -> Vec<u8> {
    let mut archive = CpioWriter::default();
    for folder in ["kernel", "kernel/x86", "kernel/x86/microcode"] {
        archive.folder(folder);
    }
    archive.file("kernel/x86/microcode/GenuineIntel.bin", 0o644, &[0x5a; 10_241]);
    let mut bytes = archive.finish();
    bytes.resize(bytes.len().next_multiple_of(border), 0);
    bytes
}
