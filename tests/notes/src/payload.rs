//! The ELF file inside a compressed kernel.
//!
//! *What this is*: Linux's bzImage (Documentation/arch/x86/boot.rst), or an ELF file packed as a whole. gzip, xz and zstd
//! are unpacked; others are named.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use crate::NoKernel;

/// The most bytes that are unpacked.
const MOST: u64 = 512 << 20;

/// What an ELF file is packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Xz,
    Zstd,
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

/// What an ELF file is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrapping {
    pub(crate) is_bzimage: bool,
    pub(crate) packing: Option<Packing>,
    /// Its last four bytes are the length of the ELF file, as after gzip, and in a bzImage.
    pub(crate) is_sized: bool,
}

impl fmt::Display for Wrapping {
    /// What stands before the words for the ELF file itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_bzimage, self.packing) {
            (true, Some(packing)) => write!(f, "a bzImage with {packing}: "),
            (true, None) => f.write_str("a bzImage: "),
            (false, Some(packing)) => write!(f, "packed with {packing}: "),
            (false, None) => Ok(()),
        }
    }
}

/// Returns the ELF file in a file, and what it was wrapped in.
pub(crate) fn unpack(file: &[u8]) -> Result<(Cow<'_, [u8]>, Wrapping), NoKernel> {
    let payload = bzimage(file)?;
    let (is_bzimage, bytes) = (payload.is_some(), payload.unwrap_or(file));
    Ok(match packed(bytes)? {
        Some((packing, elf)) => {
            let is_sized = bytes.last_chunk() == Some(&(elf.len() as u32).to_le_bytes());
            (Cow::Owned(elf), Wrapping { is_bzimage, packing: Some(packing), is_sized })
        }
        None => (Cow::Borrowed(bytes), Wrapping { is_bzimage, packing: None, is_sized: false }),
    })
}

fn word(file: &[u8], at: usize) -> Option<usize> {
    let bytes = file.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

/// The payload of a bzImage.
fn bzimage(file: &[u8]) -> Result<Option<&[u8]>, NoKernel> {
    if file.get(0x202..0x206) != Some(b"HdrS") {
        return Ok(None);
    }
    let version = u16::from_le_bytes([file[0x206], *file.get(0x207).unwrap_or(&0)]);
    if version < 0x208 {
        return Err(NoKernel(format!(
            "a bzImage of boot protocol {version:#x}, which does not say where its kernel is"
        )));
    }
    let sectors = usize::from(match file[0x1f1] {
        0 => 4,
        sectors => sectors,
    });
    let payload = word(file, 0x248).zip(word(file, 0x24c)).and_then(|(at, len)| {
        let start = (sectors + 1) * 512 + at;
        file.get(start..start.checked_add(len)?)
    });
    payload.map(Some).ok_or_else(|| NoKernel("a bzImage that is cut short; copy it again".to_owned()))
}

/// What is packed in bytes, and with what.
fn packed(bytes: &[u8]) -> Result<Option<(Packing, Vec<u8>)>, NoKernel> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let (kind, unpacked) = if starts(&[0x1f, 0x8b, 8]) {
        (Packing::Gzip, gzip(bytes))
    } else if starts(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        (Packing::Xz, read(lzma_rust2::XzReader::new(bytes, false)))
    } else if starts(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = ruzstd::decoding::StreamingDecoder::new(bytes).map_err(|error| error.to_string());
        (Packing::Zstd, decoder.and_then(read))
    } else {
        let known: [(&[u8], &str); 4] = [
            (&[0x02, 0x21, 0x4c, 0x18], "lz4"),
            (b"BZh", "bzip2"),
            (&[0x89, b'L', b'Z', b'O'], "lzo"),
            (&[0x5d, 0, 0], "lzma"),
        ];
        return match known.iter().find(|(magic, _)| starts(magic)) {
            Some((_, kind)) => Err(NoKernel(format!(
                "a kernel packed with {kind}, which is not read here; unpack it with Linux's scripts/extract-vmlinux"
            ))),
            None => Ok(None),
        };
    };
    let damaged =
        |error| NoKernel(format!("a kernel packed with {kind} that does not unpack: {error}; copy it again"));
    unpacked.map(|elf| Some((kind, elf))).map_err(damaged)
}

fn read(packed: impl Read) -> Result<Vec<u8>, String> {
    let mut elf = Vec::new();
    packed.take(MOST).read_to_end(&mut elf).map_err(|error| error.to_string())?;
    Ok(elf)
}

/// Unpacks the first member of a gzip (RFC 1952).
fn gzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let short = || "it is cut short".to_owned();
    let flags = *bytes.get(3).ok_or_else(short)?;
    let mut rest = bytes.get(10..).ok_or_else(short)?;
    if flags & 4 != 0 {
        let len = usize::from(u16::from_le_bytes(*rest.first_chunk().ok_or_else(short)?));
        rest = rest.get(2 + len..).ok_or_else(short)?;
    }
    for _ in 0..(flags >> 3 & 1) + (flags >> 4 & 1) {
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(short)?;
        rest = &rest[end + 1..];
    }
    rest = rest.get(usize::from(flags & 2)..).ok_or_else(short)?;
    miniz_oxide::inflate::decompress_to_vec_with_limit(rest, MOST as usize).map_err(|error| error.to_string())
}
