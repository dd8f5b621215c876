//! The trap table.
//!
//! *What this is*: `set_trap_table` (pv/callback.c, `do_set_trap_table`).
//!
//! *What must hold*: entries are taken in order up to the end or the first that is refused; those before it stay.
//!
//! *What is not prevented*: no trap is ever raised here.

use mmu::Errno;

use crate::machine::ModelMachine;
use crate::trace::{Plain, TracedCall};

impl ModelMachine {
    /// Makes the hypercall `set_trap_table` with vectors and addresses of handlers; an address of 0 marks the end.
    /// Without a table all handlers are cleared.
    ///
    /// # Errors
    /// `EINVAL` for an address that is not canonical; `EFAULT` if the end is missing.
    pub fn set_trap_table(&mut self, traps: Option<&[(u8, u64)]>) -> Result<(), Errno> {
        let call = TracedCall::Plain { call: Plain::SetTrapTable, command: 0 };
        self.carry_out_one(call, |machine| {
            let Some(traps) = traps else {
                machine.traps.clear();
                return Ok(());
            };
            for &(vector, address) in traps {
                if address == 0 {
                    return Ok(());
                }
                if (address as i64) << 16 >> 16 != address as i64 {
                    return Err(Errno::EINVAL);
                }
                machine.traps.insert(vector, address);
            }
            // stricter: Xen would read on after the list.
            Err(Errno::EFAULT)
        })
    }

    /// Returns the handler of a vector, if the guest has set one.
    #[must_use]
    pub fn trap_handler(&self, vector: u8) -> Option<u64> {
        self.traps.get(&vector).copied()
    }
}
