//! What a payload is given.

use crate::{
    firmware::{self, EfiFacts, Rsdp, Tables},
    stage::{MachineReader, Running},
    sys::Xen,
};

/// A booted guest on real Xen.
#[derive(Debug)]
pub struct Guest {
    /// The hypervisor.
    pub xen: Xen,
    /// Memory, page tables and what else the boot made.
    pub running: Running,
}

impl Guest {
    /// Returns the machine's memory, for reading. Xen shows dom0 what is no domain's memory; to others it refuses.
    pub fn machine_memory(&mut self) -> MachineReader<'_, Xen> {
        self.running.machine_memory(&mut self.xen)
    }

    /// Finds ACPI's root pointer and all tables, as dom0; `None` when the host has none. `efi` is what [`firmware::efi_facts`] gave.
    ///
    /// # Errors
    /// [`firmware::Error`]; a table with a wrong checksum is none, but in [`Tables::wrong`].
    pub fn acpi(&mut self, efi: Option<&EfiFacts>) -> Result<Option<(Rsdp, Tables)>, firmware::Error> {
        let mut memory = self.machine_memory();
        let Some(rsdp) = firmware::find_rsdp(&mut memory, efi)? else { return Ok(None) };
        let tables = firmware::tables(&mut memory, &rsdp)?;
        Ok(Some((rsdp, tables)))
    }
}
