//! What the host's firmware left for the kernel that owns the host: ACPI's tables, EFI's facts, time and variables.
//!
//! *What this is*: for dom0. Everything here is decoding: bytes come through `MachineMemory` and [`EfiCalls`], which real Xen
//! implements in `sys`.
//!
//! *What must hold*: nothing that firmware wrote is believed before it is checked. No length of its makes this code allocate,
//! recurse or run without a bound, and what is wrong is an error with the numbers in it.
//!
//! *What is not prevented*: tables that are wrong and have a right checksum. Their contents are the payload's to judge.

mod acpi;
mod config_table;
mod efi;
mod error;
mod guid;
mod memory;
mod rsdp;
mod signature;
mod status;
mod time;
mod variable;

#[cfg(test)]
mod tests;

pub(crate) use acpi::tables;
pub use acpi::{Checksum, Table, Tables};
pub use efi::{Answer, EfiCalls, EfiFacts, Vendor, Version};
pub(crate) use efi::{efi_facts, efi_time};
pub use error::{Call, Error};
pub use guid::Guid;
pub(crate) use memory::MachineMemory;
pub(crate) use rsdp::find_rsdp;
pub use rsdp::{Found, Rsdp};
pub use signature::Signature;
pub use status::Status;
pub use time::Time;
pub(crate) use variable::efi_variable;
pub use variable::{Name, Variable, VariableBytes};
