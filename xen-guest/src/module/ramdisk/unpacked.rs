//! The archives in a ramdisk, one after the other, each plain or compressed with gzip.
//!
//! *What this is*: reads what tools that make ramdisks write: an archive of processor microcode first, zeros for
//! alignment, and then the main archive, which is usually compressed. Any number of archives is accepted, with any
//! number of zeros between and after them. Compressed parts are unpacked here, into the heap, and live as long as this
//! value.
//!
//! *What must hold*: each archive starts with an entry and ends with its trailer; only zeros and archives follow. A
//! compressed part holds at least one plain archive, and zeros.
//!
//! *What is not prevented*: a ramdisk that is cut exactly between two archives. It looks complete.

use alloc::vec::Vec;

use start_info::PAGE_SIZE;

use crate::module::{
    error::ModuleError,
    ramdisk::{
        archive::{Visit, walk},
        gzip,
    },
};

/// Forms of compression that are not supported, by their first bytes.
const OTHERS: [(&[u8], &str); 6] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
    (b"BZh", "bzip2"),
    (&[0x5d, 0, 0], "lzma"),
    (&[0x02, 0x21, 0x4c, 0x18], "lz4"),
    (&[0x89, b'L', b'Z', b'O'], "lzo"),
];

/// A ramdisk whose archives are complete.
#[derive(Debug)]
pub struct RamdiskBytes<'a> {
    bytes: &'a [u8],
    pieces: Vec<Piece>,
}

/// A part of a ramdisk.
#[derive(Debug)]
enum Piece {
    /// One archive, from its first entry to its trailer.
    Plain {
        /// Where it starts.
        start: u64,
    },
    /// An unpacked gzip: archives and zeros.
    Unpacked {
        /// Where it starts in the ramdisk.
        offset: u64,
        bytes: Vec<u8>,
    },
}

impl<'a> RamdiskBytes<'a> {
    /// Reads a ramdisk from its first byte to its last, and unpacks its compressed parts.
    ///
    /// # Errors
    /// [`ModuleError::Archive`] with the byte where it happened, within [`ModuleError::InGzip`] if that byte was
    /// compressed; [`ModuleError::Gzip`] for a gzip that cannot be unpacked, [`ModuleError::Compression`] for another
    /// compression; [`ModuleError::NoMemory`].
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, ModuleError> {
        let mut pieces = Vec::new();
        let mut unpacked = 0;
        let mut at = first(bytes);
        loop {
            let found = rest(bytes, at);
            let (piece, end) = if gzip::starts(found) {
                let (inside, end) = gzip::unpack(bytes, at, gzip::MAX_UNPACKED - unpacked)?;
                unpacked += inside.len() as u64;
                walk_all(&inside, &mut |_| Ok(())).map_err(|cause| cause.in_gzip(at))?;
                (Piece::Unpacked { offset: at, bytes: inside }, end)
            } else if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| found.starts_with(magic)) {
                return Err(ModuleError::Compression { offset: at, name });
            } else {
                (Piece::Plain { start: at }, walk(bytes, at, &mut |_| Ok(()))?)
            };
            pieces.try_reserve(1).map_err(|_| ModuleError::NoMemory { entries: pieces.len() + 1 })?;
            pieces.push(piece);
            at = after_zeros(bytes, end);
            if at >= bytes.len() as u64 {
                return Ok(Self { bytes, pieces });
            }
        }
    }

    /// Calls `visit` with each entry of each archive, in their order.
    pub(in crate::module) fn entries<'s>(&'s self, visit: &mut Visit<'_, 's>) -> Result<(), ModuleError> {
        for piece in &self.pieces {
            match piece {
                Piece::Plain { start } => walk(self.bytes, *start, visit).map(|_| ())?,
                Piece::Unpacked { offset, bytes } => {
                    walk_all(bytes, visit).map_err(|cause| cause.in_gzip(*offset))?;
                }
            }
        }
        Ok(())
    }
}

/// Walks the archives in an unpacked gzip.
fn walk_all<'s>(bytes: &'s [u8], visit: &mut Visit<'_, 's>) -> Result<(), ModuleError> {
    let mut at = first(bytes);
    loop {
        at = after_zeros(bytes, walk(bytes, at, visit)?);
        if at >= bytes.len() as u64 {
            return Ok(());
        }
    }
}

/// Where the first archive should be: after leading zeros. If there are only zeros, at the first byte, where no archive
/// is found.
fn first(bytes: &[u8]) -> u64 {
    let at = after_zeros(bytes, 0);
    if at < bytes.len() as u64 { at } else { 0 }
}

/// Returns the offset of the next byte that is not zero; the end, if there is none.
fn after_zeros(bytes: &[u8], at: u64) -> u64 {
    // A page at a time: a ramdisk may be padded with hundreds of MiB.
    let rest = rest(bytes, at);
    let zeros = rest.chunks(PAGE_SIZE as usize).take_while(|page| is_zero(page));
    let zeros: usize = zeros.map(<[u8]>::len).sum();
    let more = rest.iter().skip(zeros).take_while(|byte| **byte == 0).count();
    at + (zeros + more) as u64
}

fn is_zero(page: &[u8]) -> bool {
    let (words, tail) = page.as_chunks::<8>();
    words.iter().all(|word| u64::from_le_bytes(*word) == 0) && tail.iter().all(|byte| *byte == 0)
}

/// Returns the bytes from `at` on; none beyond the last.
fn rest(bytes: &[u8], at: u64) -> &[u8] {
    let (_, rest) = bytes.split_at(at.min(bytes.len() as u64) as usize);
    rest
}
