//! ACPI's tables: which exist, and whether each has a right checksum.
//!
//! *What this is*: the walk from the root pointer through XSDT or RSDT to every table, and through the FADT to DSDT and
//! FACS (ACPI 6.5, 5.2.6 to 5.2.10). Contents are not interpreted.
//!
//! *What must hold*: a table is read in pieces of a page, not kept, and read only once, however often it is named. No
//! address from a table with a wrong checksum is followed. At most [`AcpiTables::MAX`] tables of at most [`MAX_LEN`]
//! bytes each, and [`MAX_TOTAL_LEN`] together, are read, and [`MAX_ENTRIES`] entries of the root table: each page that
//! is read takes several hypercalls.
//!
//! *What is not prevented*: reading a device's registers, if a table with a right checksum names their address. The
//! layer only reads, it never writes.

use core::fmt;

use arrayvec::ArrayVec;
use start_info::Maddr;

use crate::firmware::{
    acpi::{rsdp::Rsdp, signature::Signature},
    error::FirmwareError,
    memory::{MachineMemory, array, chunk, int, long, pieces, read, sum},
};

/// The longest table that is read: 16 MiB. The longest known ones, of large servers, have a few hundred KiB.
const MAX_LEN: u32 = 16 << 20;
/// The most bytes of all tables together: 32 MiB. A large server has a few MiB.
const MAX_TOTAL_LEN: u32 = 32 << 20;
/// The most entries of a root table that are read, empty and repeated ones included. A large server has a few hundred.
const MAX_ENTRIES: u32 = 1024;
/// The size of the header that every table except the FACS has.
const HEADER: u32 = 36;
/// The smallest size of a FACS.
const FACS_MIN_LEN: u32 = 64;
/// The size of the FADT up to and including `X_DSDT`, and where its fields are.
const FADT_BYTES: usize = 148;
const FIRMWARE_CTRL: usize = 36;
const DSDT: usize = 40;
const X_FIRMWARE_CTRL: usize = 132;
const X_DSDT: usize = 140;

const RSDT_NAME: Signature = Signature(*b"RSDT");
const XSDT_NAME: Signature = Signature(*b"XSDT");
const FADT_NAME: Signature = Signature(*b"FACP");
const FACS_NAME: Signature = Signature(*b"FACS");
const DSDT_NAME: Signature = Signature(*b"DSDT");
const BGRT_NAME: Signature = Signature(*b"BGRT");
/// The fields of the BGRT up to its image's address: version, status, type, address.
const BGRT_BYTES: u32 = 12;

/// The result of a table's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Zero, as it should be.
    Right,
    /// Something else.
    Wrong(u8),
    /// Something else, in a BGRT that Xen changed: where the boot logo lies in memory that Xen uses, it clears the
    /// image's address and valid bit and leaves the checksum as it was (arch/x86/acpi/boot.c, `acpi_invalidate_bgrt`).
    Invalidated(u8),
    /// The FACS has no checksum: firmware and kernel write to it.
    Without,
}

/// A table that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcpiTable {
    /// Its name.
    pub signature: Signature,
    /// Its first byte.
    pub at: Maddr,
    /// Its bytes.
    pub len: u32,
    /// Its checksum.
    pub checksum: Checksum,
}

/// The tables of a host, the root table first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcpiTables(ArrayVec<AcpiTable, { AcpiTables::MAX }>);

impl AcpiTables {
    /// The most tables that are read.
    pub(crate) const MAX: usize = 128;

    /// Returns the tables.
    #[must_use]
    pub fn as_slice(&self) -> &[AcpiTable] {
        &self.0
    }

    /// Returns the first table with a wrong checksum that Xen did not cause.
    #[must_use]
    pub fn wrong(&self) -> Option<&AcpiTable> {
        self.0.iter().find(|table| matches!(table.checksum, Checksum::Wrong(_)))
    }

    /// Reads the table at `at`, unless it was read before. If a name is given, the table must have it.
    fn add<M: MachineMemory>(
        &mut self,
        memory: &mut M,
        expected: Option<Signature>,
        at: u64,
    ) -> Result<Option<AcpiTable>, FirmwareError> {
        if let Some(AcpiTable { signature: found, .. }) = self.0.iter().find(|table| table.at.get() == at) {
            return match expected.filter(|expected| expected != found) {
                Some(expected) => Err(FirmwareError::TableName { at, found: *found, expected }),
                None => Ok(None),
            };
        }
        if self.0.is_full() {
            return Err(FirmwareError::TooManyTables { limit: Self::MAX });
        }
        let head = Head::read(memory, expected, at, MAX_LEN)?;
        let before: u64 = self.0.iter().map(|table| u64::from(table.len)).sum();
        if before + u64::from(head.len) > u64::from(MAX_TOTAL_LEN) {
            let Head { signature, len: found, .. } = head;
            return Err(FirmwareError::TotalLength { signature, at, found, most: MAX_TOTAL_LEN });
        }
        let table = head.add_up(memory)?;
        self.0.try_push(table).map_err(|_| FirmwareError::TooManyTables { limit: Self::MAX })?;
        Ok(Some(table))
    }
}

/// Reads every table that `rsdp` leads to. A table with a wrong checksum is in the list, but what it leads to is not.
///
/// # Errors
/// A table cannot be read, has an impossible length, or is not the expected one; or there are too many tables or bytes.
pub(crate) fn tables<M: MachineMemory>(memory: &mut M, rsdp: &Rsdp) -> Result<AcpiTables, FirmwareError> {
    let mut tables = AcpiTables::default();
    let (name, at, entry) = match rsdp.xsdt {
        Some(xsdt) => (XSDT_NAME, xsdt, 8),
        None => (RSDT_NAME, u64::from(rsdp.rsdt), 4),
    };
    let root = Head::read(memory, Some(name), at, HEADER + MAX_ENTRIES * entry)?.add_up(memory)?;
    tables.0.try_push(root).map_err(|_| FirmwareError::TooManyTables { limit: AcpiTables::MAX })?;
    if root.checksum != Checksum::Right {
        return Ok(tables);
    }
    let bytes = root.len - HEADER;
    if !bytes.is_multiple_of(entry) {
        return Err(FirmwareError::RootEntries { signature: name, at, bytes, entry });
    }
    let mut fadt = None;
    for address in entries(memory, at + u64::from(HEADER), bytes, entry)? {
        let Some(table) = tables.add(memory, None, address)? else { continue };
        if table.signature == FADT_NAME && table.checksum == Checksum::Right && fadt.is_none() {
            fadt = Some(table);
        }
    }
    if let Some(fadt) = fadt {
        behind_fadt(memory, &fadt, &mut tables)?;
    }
    Ok(tables)
}

/// Returns the addresses in a root table, each once. Some firmware leaves entries empty.
fn entries<M: MachineMemory>(
    memory: &mut M,
    at: u64,
    bytes: u32,
    entry: u32,
) -> Result<ArrayVec<u64, { AcpiTables::MAX }>, FirmwareError> {
    let mut addresses = ArrayVec::new();
    let (mut address, mut read) = (0_u64, 0);
    let _all: Option<()> =
        pieces(memory, "the entries of the root table", at, bytes.into(), |_, _, piece| {
            // An entry may cross a page boundary.
            for byte in piece {
                address |= u64::from(*byte) << (read * 8);
                read += 1;
                if read == entry {
                    if address != 0 && !addresses.contains(&address) {
                        let too_many = |_| FirmwareError::TooManyTables { limit: AcpiTables::MAX };
                        addresses.try_push(address).map_err(too_many)?;
                    }
                    (address, read) = (0, 0);
                }
            }
            Ok(None)
        })?;
    Ok(addresses)
}

/// Adds the tables that only the FADT names. A 64-bit field is preferred to its 32-bit twin, unless it is zero or
/// beyond the table's end; if both are zero, there is no such table.
fn behind_fadt<M: MachineMemory>(
    memory: &mut M,
    fadt: &AcpiTable,
    tables: &mut AcpiTables,
) -> Result<(), FirmwareError> {
    let mut bytes = [0; FADT_BYTES];
    let len = (fadt.len as usize).min(FADT_BYTES);
    let (present, _absent) = bytes.split_at_mut(len);
    read(memory, "FADT", fadt.at.get(), present)?;
    let address = |wide: usize, narrow: usize| match long(present, wide) {
        0 => u64::from(int(present, narrow)),
        wide => wide,
    };
    let (dsdt, facs) = (address(X_DSDT, DSDT), address(X_FIRMWARE_CTRL, FIRMWARE_CTRL));
    for (name, at) in [(DSDT_NAME, dsdt), (FACS_NAME, facs)] {
        if at != 0 {
            let _read_before = tables.add(memory, Some(name), at)?;
        }
    }
    Ok(())
}

const WHAT: &str = "a table";

/// The header of a table, whose length was checked.
struct Head {
    signature: Signature,
    at: Maddr,
    len: u32,
}

impl Head {
    fn read<M: MachineMemory>(
        memory: &mut M,
        expected: Option<Signature>,
        at: u64,
        most: u32,
    ) -> Result<Self, FirmwareError> {
        if let Some(expected) = expected {
            let found = Signature(array(memory, "a table's name", at)?);
            if found != expected {
                return Err(FirmwareError::TableName { at, found, expected });
            }
        }
        let head: [u8; 8] = array(memory, WHAT, at)?;
        let place = Maddr::try_new(at).map_err(|_| FirmwareError::Address { what: WHAT, at, bytes: 8 })?;
        let (signature, len) = (Signature(chunk(&head, 0)), int(&head, 4));
        let least = if signature == FACS_NAME { FACS_MIN_LEN } else { HEADER };
        if !(least..=most).contains(&len) {
            return Err(FirmwareError::TableLength { signature, at, found: len, least, most });
        }
        Ok(Self { signature, at: place, len })
    }

    fn add_up<M: MachineMemory>(self, memory: &mut M) -> Result<AcpiTable, FirmwareError> {
        let Self { signature, at, len } = self;
        let checksum = match signature {
            FACS_NAME => Checksum::Without,
            _ => match sum(memory, WHAT, at.get(), u64::from(len))? {
                0 => Checksum::Right,
                sum if signature == BGRT_NAME && is_invalidated(memory, at.get(), len)? => {
                    Checksum::Invalidated(sum)
                }
                sum => Checksum::Wrong(sum),
            },
        };
        Ok(AcpiTable { signature, at, len, checksum })
    }
}

/// Tells whether a BGRT has the marks that Xen leaves: no image address, and a cleared valid bit.
fn is_invalidated<M: MachineMemory>(memory: &mut M, at: u64, len: u32) -> Result<bool, FirmwareError> {
    if len < HEADER + BGRT_BYTES {
        return Ok(false);
    }
    let fields: [u8; BGRT_BYTES as usize] = array(memory, "BGRT", at + u64::from(HEADER))?;
    let [_, _, status, ..] = fields;
    Ok(status & 1 == 0 && long(&fields, 4) == 0)
}

/// How many there are, and which have a wrong checksum.
impl fmt::Display for AcpiTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tables, ", self.0.len())?;
        if let Some(AcpiTable { signature, .. }) = self.wrong() {
            return write!(f, "{signature}'s checksum wrong");
        }
        f.write_str("all checksums right")?;
        for table in self.0.iter().filter(|table| matches!(table.checksum, Checksum::Invalidated(_))) {
            write!(f, " but that of {}, which Xen changed", table.signature)?;
        }
        Ok(())
    }
}

impl fmt::Display for AcpiTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signature, at, len, checksum } = self;
        write!(f, "{signature} at {at}, {len:#x} bytes, ")?;
        match checksum {
            Checksum::Right => f.write_str("checksum right"),
            Checksum::Wrong(sum) => write!(f, "checksum wrong: the bytes add up to {sum:#04x}, not to 0"),
            Checksum::Invalidated(sum) => write!(f, "checksum wrong by {sum:#04x}: Xen took out its image"),
            Checksum::Without => f.write_str("without a checksum"),
        }
    }
}
