//! Why a ramdisk cannot be read, in one line each.

use crate::module::hex::Hex;

/// Why an archive cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Something else is where an archive entry should start.
    #[error("no archive entry at byte {offset:#x}: found {}, a newc cpio has 30 37 30 37 30 31", Hex(.found))]
    NotAnArchive {
        /// Where, counted from the first byte of the ramdisk, or of what was unpacked.
        offset: u64,
        /// What is there instead of the magic number.
        found: [u8; 6],
    },
    /// A field of an archive entry's header is not a hexadecimal number.
    #[error("archive header field at byte {offset:#x} is not a hexadecimal number: {}", Hex(.found))]
    Field {
        /// Where the field starts.
        offset: u64,
        /// What it holds.
        found: [u8; 8],
    },
    /// The archive ends inside an entry, or before its trailer.
    #[error(
        "ramdisk archive is truncated: {wanted:#x} bytes wanted at byte {offset:#x}, {present:#x} present"
    )]
    Truncated {
        /// Where the piece that is cut off starts.
        offset: u64,
        /// How many bytes it should have.
        wanted: u64,
        /// How many there are.
        present: u64,
    },
}

/// Why a gzip cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// A gzip has an unknown method or unknown flags.
    #[error("gzip at byte {offset:#x} has method {method} and flags {flags:#x}, must be 8 and below 0x20")]
    Header {
        /// Where it starts.
        offset: u64,
        /// Its method of compression.
        method: u8,
        /// Its flags.
        flags: u8,
    },
    /// The ramdisk ends inside a gzip.
    #[error("gzip at byte {offset:#x} is truncated: its {present:#x} bytes end before its data")]
    Truncated {
        /// Where it starts.
        offset: u64,
        /// How many bytes follow from there.
        present: u64,
    },
    /// The compressed data of a gzip is invalid.
    #[error("gzip at byte {offset:#x} is damaged: the data at byte {at:#x} cannot be unpacked")]
    Data {
        /// Where it starts.
        offset: u64,
        /// Roughly where it goes wrong.
        at: u64,
    },
    /// A gzip unpacks to something other than its checksum and length say.
    #[error(
        "gzip at byte {offset:#x} is damaged: it unpacks to {:#x} bytes with checksum {:#x}, must be {:#x} with \
         {:#x}",
        .found.1, .found.0, .wanted.1, .wanted.0
    )]
    Check {
        /// Where it starts.
        offset: u64,
        /// Checksum and length of what comes out.
        found: (u32, u32),
        /// What it says they were.
        wanted: (u32, u32),
    },
    /// The ramdisk unpacks to more than the limit.
    #[error("gzip at byte {offset:#x} makes the ramdisk unpack to more than {limit:#x} bytes, the limit")]
    TooLarge {
        /// Where the gzip starts.
        offset: u64,
        /// How many bytes a ramdisk may unpack to.
        limit: u64,
    },
    /// The heap cannot hold the unpacked data.
    #[error(
        "heap is full: no room for {bytes:#x} bytes to unpack the gzip at byte {offset:#x}; \
         give the guest more memory, or a ramdisk that is smaller or not compressed"
    )]
    NoRoom {
        /// Where it starts.
        offset: u64,
        /// How many bytes were wanted.
        bytes: u64,
    },
}
