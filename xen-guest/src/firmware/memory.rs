//! Bytes at machine addresses.
//!
//! *What this is*: the interface through which firmware tables are read, and reading through it in pieces.
//!
//! *What must hold*: an address is checked before it is read. A piece never crosses a page boundary, so an
//! implementation that maps one page at a time maps once per piece.

use start_info::{Maddr, PAGE_SIZE};

use crate::firmware::error::FirmwareError;

const PAGE_BYTES: usize = PAGE_SIZE as usize;

/// Memory of the machine that need not be RAM, and need not be this domain's.
pub(crate) trait MachineMemory {
    /// Reads the bytes at a machine address.
    ///
    /// # Errors
    /// Why they cannot be read; then the content of `bytes` is undefined.
    fn read(&mut self, at: Maddr, bytes: &mut [u8]) -> Result<(), mmu::MmuError>;
}

/// Reads `bytes` at `at`; `what` names them in an error.
pub(super) fn read<M: MachineMemory>(
    memory: &mut M,
    what: &'static str,
    at: u64,
    bytes: &mut [u8],
) -> Result<(), FirmwareError> {
    let len = bytes.len() as u64;
    let last = at.checked_add(len.saturating_sub(1)).map(Maddr::try_new);
    let (Ok(start), Some(Ok(_))) = (Maddr::try_new(at), last) else {
        return Err(FirmwareError::Address { what, at, bytes: len });
    };
    memory.read(start, bytes).map_err(|cause| FirmwareError::Unreadable { what, at, bytes: len, cause })
}

/// Reads an array at `at`.
pub(super) fn array<M: MachineMemory, const LEN: usize>(
    memory: &mut M,
    what: &'static str,
    at: u64,
) -> Result<[u8; LEN], FirmwareError> {
    let mut bytes = [0; LEN];
    read(memory, what, at, &mut bytes).map(|()| bytes)
}

/// Passes the `len` bytes at `at` to `take` page by page, each piece with its address, until `take` returns a value.
pub(super) fn pieces<M: MachineMemory, T>(
    memory: &mut M,
    what: &'static str,
    at: u64,
    len: u64,
    mut take: impl FnMut(&mut M, u64, &[u8]) -> Result<Option<T>, FirmwareError>,
) -> Result<Option<T>, FirmwareError> {
    let mut page = [0; PAGE_BYTES];
    let mut done = 0;
    while done < len {
        let here = at.checked_add(done).ok_or(FirmwareError::Address { what, at, bytes: len })?;
        let step = (PAGE_SIZE - here % PAGE_SIZE).min(len - done);
        let Some(piece) = usize::try_from(step).ok().and_then(|step| page.get_mut(..step)) else { break };
        read(memory, what, here, piece)?;
        let found = take(memory, here, piece)?;
        if found.is_some() {
            return Ok(found);
        }
        done += step;
    }
    Ok(None)
}

/// Adds up the `len` bytes at `at`, as ACPI's checksums do.
pub(super) fn sum<M: MachineMemory>(
    memory: &mut M,
    what: &'static str,
    at: u64,
    len: u64,
) -> Result<u8, FirmwareError> {
    let mut total = 0;
    let _all: Option<()> = pieces(memory, what, at, len, |_, _, piece| {
        total = added(total, piece);
        Ok(None)
    })?;
    Ok(total)
}

/// Adds bytes to a checksum.
pub(super) fn added(sum: u8, bytes: &[u8]) -> u8 {
    bytes.iter().copied().fold(sum, u8::wrapping_add)
}

/// Reads a 2-byte number from the bytes; 0 beyond their end.
pub(super) fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(chunk(bytes, at))
}

/// Reads a 4-byte number from the bytes; 0 beyond their end.
pub(super) fn int(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(chunk(bytes, at))
}

/// Reads an 8-byte number from the bytes; 0 beyond their end.
pub(super) fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(chunk(bytes, at))
}

/// Takes some of the bytes; zeros beyond their end.
pub(super) fn chunk<const LEN: usize>(bytes: &[u8], at: usize) -> [u8; LEN] {
    bytes.get(at..).and_then(|tail| tail.first_chunk()).copied().unwrap_or([0; LEN])
}
