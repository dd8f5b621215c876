//! Firmware made by hand, right and damaged.

mod acpi;
mod efi;
mod host;
mod rsdp;
