//! What the host's firmware left for the kernel that owns the host: ACPI's tables, EFI's facts, time and variables.
//!
//! *What this is*: for dom0. This module only decodes: bytes come through `MachineMemory` and [`EfiCalls`], which real
//! Xen implements in `sys`.
//!
//! *What must hold*: nothing from firmware is used before it is checked. No length in it makes this code allocate,
//! recurse or run without a bound, and what is wrong is an error with its numbers.
//!
//! *What is not prevented*: tables that are wrong but have a right checksum. The payload must judge their contents.

mod acpi;
mod efi;
mod error;
mod memory;

#[cfg(test)]
mod tests;

pub(crate) use acpi::rsdp::find_rsdp;
pub use acpi::rsdp::{Found, Rsdp};
pub use acpi::signature::Signature;
pub(crate) use acpi::tables::tables;
pub use acpi::tables::{AcpiTable, AcpiTables, Checksum};
pub use efi::facts::{EfiAnswer, EfiCalls, EfiFacts, Vendor, Version};
pub(crate) use efi::facts::{efi_facts, efi_time};
pub use efi::guid::Guid;
pub use efi::status::Status;
pub use efi::time::Time;
pub(crate) use efi::variable::efi_variable;
pub use efi::variable::{Variable, VariableBytes, VariableName};
pub use error::{FirmwareError, PlatformCall};
pub(crate) use memory::MachineMemory;
