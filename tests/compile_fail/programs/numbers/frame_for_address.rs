//! A machine frame number does not pass for a machine address.
//!
//! On Xen: the table would be read 4096 times too low.

use mmu::MmuError;
use start_info::Maddr;
use xen_guest::{Guest, Platform};

pub fn read<P: Platform>(guest: &mut Guest<P>, table: Maddr, bytes: &mut [u8]) -> Result<(), MmuError> {
    guest.read_machine(table, bytes) //~ TWIN
    guest.read_machine(table.mfn(), bytes) //~ FAIL E0308
}
