//! ACPI: the root pointer and the tables it leads to.

pub(crate) mod rsdp;
pub(crate) mod signature;
pub(crate) mod tables;
