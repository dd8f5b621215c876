//! Xen's own console.
//!
//! *What this is*: `console_io` (drivers/char/console.c, `do_console_io`; include/xsm/dummy.h, `xsm_console_io`).
//!
//! *What must hold*: only dom0 may use it; on a debug Xen a domU may write. The text is kept apart from what a domU
//! writes to its ring.

use mmu::Errno;

use crate::guest::Build;
use crate::machine::ModelMachine;
use crate::trace::{Plain, TracedCall};

const WRITE: u32 = 0;
const READ: u32 = 1;

impl ModelMachine {
    /// Makes the hypercall `console_io` with a command and a text.
    ///
    /// # Errors
    /// `EPERM` in a domU, whatever the command, but for a write on a debug Xen; `ENOSYS` for an unknown command.
    pub fn console_io(&mut self, command: u32, text: &str) -> Result<(), Errno> {
        self.carry_out_one(TracedCall::Plain { call: Plain::ConsoleIo, command }, |machine| {
            // Xen decides by `CONFIG_VERBOSE_DEBUG`.
            if command != WRITE || machine.build == Build::Release {
                machine.only_dom0(Errno::EPERM)?;
            }
            match command {
                WRITE => machine.xens_console.push_str(text),
                // Nobody types.
                READ => {}
                _ => return Err(Errno::ENOSYS),
            }
            Ok(())
        })
    }

    /// Returns all that was written to Xen's console.
    #[must_use]
    pub fn xens_console(&self) -> &str {
        &self.xens_console
    }
}
