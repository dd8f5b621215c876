//! Unpacks gzip, the form in which most tools write a ramdisk's archive.
//!
//! *What this is*: the frame of gzip (RFC 1952) around `miniz_oxide`, which undoes the compression. A member is
//! unpacked twice: first into a small window, to learn where it ends, how much it is and that its checksum is right;
//! then into memory of exactly that size. So an out-of-memory error has the size that was needed, and nothing is copied
//! in order to grow.
//!
//! *What must hold*: memory is taken by calls that can fail, because `alloc` would otherwise end the kernel.
//!
//! *What is not prevented*: a large archive that takes long. [`MAX_UNPACKED`] bounds it.

use alloc::vec::Vec;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, TINFL_LZ_DICT_SIZE, decompress, inflate_flags};

use crate::module::ramdisk::error::GzipError;

/// What a member starts with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The only method of compression there is.
const DEFLATE: u8 = 8;

/// Bytes of a header without its optional parts, and of what follows the compressed data: checksum and length.
const HEADER: usize = 10;
const END: usize = 8;

/// Flags of a header: which optional parts it has, and the reserved ones.
const HEADER_CHECK: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// The most that one ramdisk may unpack to, all its members together: 1 GiB.
pub(in crate::module) const MAX_UNPACKED: u64 = 1 << 30;

/// Tells whether a member starts here.
pub(in crate::module) fn starts(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Unpacks the member that starts at byte `offset` and those that follow without a gap; returns where the last one
/// ends.
///
/// An archive may be cut into members anywhere, so they are unpacked into one run of bytes.
///
/// # Errors
/// [`GzipError::Header`], [`GzipError::Truncated`], [`GzipError::Data`], [`GzipError::Check`] for something that is not
/// a complete gzip; [`GzipError::TooLarge`] if it unpacks to more than `limit` bytes, [`GzipError::NoRoom`] if the heap
/// does not have that many.
pub(in crate::module) fn unpack(
    ramdisk: &[u8],
    offset: u64,
    limit: u64,
) -> Result<(Vec<u8>, u64), GzipError> {
    let (mut members, mut size, mut end) = (Vec::new(), 0, offset);
    while let Some(rest) = rest(ramdisk, end).filter(|rest| starts(rest)) {
        let member = Member::measure(rest, end, limit.saturating_sub(size as u64))?;
        size += member.size;
        end += member.len as u64;
        let bytes = size_of::<Member<'_>>() as u64;
        members.try_reserve(1).map_err(|_| GzipError::NoRoom { offset, bytes })?;
        members.push(member);
    }
    // Reserve all of it at once: the kernel's heap grows a vector by a copy, and would hold both.
    let mut unpacked = room(offset, size)?;
    members.iter().try_for_each(|member| member.append_to(&mut unpacked))?;
    Ok((unpacked, end))
}

fn rest(ramdisk: &[u8], offset: u64) -> Option<&[u8]> {
    ramdisk.get(usize::try_from(offset).ok()?..)
}

/// A complete member.
struct Member<'a> {
    /// Where it starts in the ramdisk.
    offset: u64,
    /// Its compressed data, and what follows it.
    data: &'a [u8],
    /// How many bytes it has, header and end included.
    len: usize,
    /// How many bytes it unpacks to.
    size: usize,
}

impl<'a> Member<'a> {
    /// Reads the member at the start of `bytes`, which is at `offset` of the ramdisk, to its end.
    fn measure(bytes: &'a [u8], offset: u64, limit: u64) -> Result<Self, GzipError> {
        let cut = || GzipError::Truncated { offset, present: bytes.len() as u64 };
        let data = data(bytes, offset)?.ok_or_else(cut)?;
        let mut inflater = inflater(offset)?;
        let mut window = room(offset, TINFL_LZ_DICT_SIZE)?;
        window.resize(TINFL_LZ_DICT_SIZE, 0);
        let (mut taken, mut size, mut check) = (0, 0, u32::MAX);
        loop {
            let at = size % TINFL_LZ_DICT_SIZE;
            let bad = |taken: usize| GzipError::Data {
                offset,
                at: offset + (bytes.len() - data.len() + taken) as u64,
            };
            let input = data.get(taken..).ok_or_else(|| bad(taken))?;
            let (status, read, written) = inflater.run(input, &mut window, at, 0);
            taken += read;
            size += written;
            check = crc(check, window.get(at..at + written).ok_or_else(|| bad(taken))?);
            if size as u64 > limit {
                return Err(GzipError::TooLarge { offset, limit: MAX_UNPACKED });
            }
            match status {
                TINFLStatus::Done => break,
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => return Err(cut()),
                _ => return Err(bad(taken)),
            }
        }
        let end = data.get(taken..).and_then(|end| end.get(..END)).ok_or_else(cut)?;
        let word =
            |at: usize| end.iter().skip(at).take(4).rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        let (found, wanted) = ((!check, size as u32), (word(0), word(4)));
        if found != wanted {
            return Err(GzipError::Check { offset, found, wanted });
        }
        Ok(Self { offset, data, len: bytes.len() - data.len() + taken + END, size })
    }

    /// Unpacks it after the data that is there; the room was reserved.
    fn append_to(&self, unpacked: &mut Vec<u8>) -> Result<(), GzipError> {
        let before = unpacked.len();
        unpacked.resize(before + self.size, 0);
        let (_, out) = unpacked
            .split_at_mut_checked(before)
            .ok_or(GzipError::Data { offset: self.offset, at: self.offset })?;
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        match inflater(self.offset)?.run(self.data, out, 0, flags) {
            (TINFLStatus::Done, _, written) if written == self.size => Ok(()),
            // It was complete in the first pass.
            (_, read, _) => Err(GzipError::Data { offset: self.offset, at: self.offset + read as u64 }),
        }
    }
}

/// Returns what follows the header; `None` if that is cut off.
fn data(bytes: &[u8], offset: u64) -> Result<Option<&[u8]>, GzipError> {
    let &[_, _, method, flags, ..] = bytes else { return Ok(None) };
    if method != DEFLATE || flags & RESERVED != 0 {
        return Err(GzipError::Header { offset, method, flags });
    }
    let mut rest = bytes.get(HEADER..);
    if flags & EXTRA != 0 {
        rest = rest.and_then(|rest| match rest {
            [low, high, rest @ ..] => rest.get(usize::from(u16::from_le_bytes([*low, *high]))..),
            _ => None,
        });
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            rest = rest.and_then(|rest| {
                let end = rest.iter().position(|byte| *byte == 0)?;
                rest.get(end + 1..)
            });
        }
    }
    if flags & HEADER_CHECK != 0 {
        rest = rest.and_then(|rest| rest.get(2..));
    }
    Ok(rest)
}

/// The state of unpacking, some 10 KiB: on the heap, because a kernel's stack is small.
struct Inflater(Vec<DecompressorOxide>);

fn inflater(offset: u64) -> Result<Inflater, GzipError> {
    let mut state = Vec::new();
    let bytes = size_of::<DecompressorOxide>() as u64;
    state.try_reserve_exact(1).map_err(|_| GzipError::NoRoom { offset, bytes })?;
    state.push(DecompressorOxide::new());
    Ok(Inflater(state))
}

impl Inflater {
    fn run(&mut self, input: &[u8], out: &mut [u8], at: usize, flags: u32) -> (TINFLStatus, usize, usize) {
        match self.0.first_mut() {
            Some(state) => decompress(state, input, out, at, flags),
            None => (TINFLStatus::Failed, 0, 0),
        }
    }
}

fn room(offset: u64, bytes: usize) -> Result<Vec<u8>, GzipError> {
    let mut room = Vec::new();
    let full = |_| GzipError::NoRoom { offset, bytes: bytes as u64 };
    room.try_reserve_exact(bytes).map_err(full)?;
    Ok(room)
}

/// Continues gzip's checksum, which starts with all ones and is inverted at the end.
fn crc(check: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(check, |check, byte| {
        let index = (check ^ u32::from(*byte)) as u8;
        // The table has 256 words; indexing would leave a path to a panic.
        TABLE.get(usize::from(index)).copied().unwrap_or_default() ^ check >> 8
    })
}

/// The checksum of each byte alone.
static TABLE: [u32; 256] = {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 0 { value >> 1 } else { value >> 1 ^ POLYNOMIAL };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};
