//! Hand-made firmware, right and damaged.

mod acpi;
mod efi;
mod host;
mod rsdp;
