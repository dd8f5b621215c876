//! What firmware left, for dom0.

use crate::{
    firmware::{self, AcpiTables, EfiCalls, EfiFacts, Guid, Rsdp, Time, Variable, VariableName},
    guest::{Guest, device::MachineReader},
    platform::Platform,
};

impl<P: Platform> Guest<P> {
    /// Finds ACPI's root pointer and all tables, as dom0; `None` when the host has none. `efi` is what
    /// [`Guest::efi_facts`] gave.
    ///
    /// # Errors
    /// [`firmware::FirmwareError`]. A table with a wrong checksum is not an error; [`AcpiTables::wrong`] names it.
    pub fn acpi(
        &mut self,
        efi: Option<&EfiFacts>,
    ) -> Result<Option<(Rsdp, AcpiTables)>, firmware::FirmwareError> {
        let mut memory = MachineReader { guest: self };
        let Some(rsdp) = firmware::find_rsdp(&mut memory, efi)? else { return Ok(None) };
        let tables = firmware::tables(&mut memory, &rsdp)?;
        Ok(Some((rsdp, tables)))
    }
}

impl<P: Platform + EfiCalls> Guest<P> {
    /// Asks Xen for what EFI reported; `None` when Xen was not started by EFI.
    ///
    /// # Errors
    /// [`firmware::FirmwareError`] when Xen or EFI refuses, or reports something impossible.
    pub fn efi_facts(&mut self) -> Result<Option<EfiFacts>, firmware::FirmwareError> {
        firmware::efi_facts(&mut self.platform)
    }

    /// Asks EFI for the time; `None` where it has no clock.
    ///
    /// # Errors
    /// As [`Guest::efi_facts`].
    pub fn efi_time(&mut self) -> Result<Option<Time>, firmware::FirmwareError> {
        firmware::efi_time(&mut self.platform)
    }

    /// Asks EFI for a variable; `None` when none has that name.
    ///
    /// # Errors
    /// As [`Guest::efi_facts`].
    pub fn efi_variable(
        &mut self,
        name: &VariableName,
        owner: Guid,
    ) -> Result<Option<Variable>, firmware::FirmwareError> {
        firmware::efi_variable(&mut self.platform, name, owner)
    }
}
