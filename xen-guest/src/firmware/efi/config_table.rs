//! EFI's configuration table: pairs of a GUID and an address (UEFI 2.10, 4.6).
//!
//! *What must hold*: the number of entries is bounded before it is used.

use crate::firmware::{
    efi::{facts::EfiFacts, guid::Guid},
    error::FirmwareError,
    memory::{MachineMemory, array, chunk, long},
};

/// The most entries that are read; firmware has a few dozen.
const MAX_TABLES: u32 = 1024;
/// The size of an entry.
const ENTRY: u64 = 24;

/// Returns the address of ACPI's root pointer, preferably that of ACPI 2.0.
pub(in crate::firmware) fn acpi<M: MachineMemory>(
    memory: &mut M,
    facts: &EfiFacts,
) -> Result<Option<u64>, FirmwareError> {
    if facts.tables > MAX_TABLES {
        return Err(FirmwareError::ConfigurationTables { found: facts.tables, limit: MAX_TABLES });
    }
    let mut first = None;
    for index in 0..u64::from(facts.tables) {
        let at = facts.configuration.get() + index * ENTRY;
        let entry: [u8; 24] = array(memory, "EFI's configuration table", at)?;
        let address = long(&entry, 16);
        match Guid::from_bytes(chunk(&entry, 0)) {
            Guid::ACPI_20 => return Ok(Some(address)),
            Guid::ACPI_10 => first = first.or(Some(address)),
            _ => {}
        }
    }
    Ok(first)
}
