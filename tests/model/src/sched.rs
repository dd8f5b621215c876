//! Yielding, waiting and ending.
//!
//! *What this is*: `sched_op` (common/sched/core.c, `do_sched_op` and `do_poll`).
//!
//! *What must hold*: the reason of a shutdown has eight bits.
//!
//! *What is not modelled*: a guest that polls goes on at once, and one that has ended can still make calls.

use mmu::Errno;

use crate::event::VALID_PORTS;
use crate::machine::ModelMachine;
use crate::trace::{Plain, TracedCall};

/// Commands (public/sched.h, `SCHEDOP_*`).
const LAST: u32 = xen_sys::SCHEDOP_pin_override;
/// The shutdown reason of a guest that ended well.
pub(crate) const POWEROFF: u8 = 0;
/// The most ports that one call can wait for.
const MAX_PORTS: usize = 128;

impl ModelMachine {
    /// Makes the hypercall `sched_op` with a command and, for a shutdown, its reason.
    ///
    /// # Errors
    /// `ENOSYS` for an unknown command.
    pub fn sched_operation(&mut self, command: u32, reason: u32) -> Result<(), Errno> {
        self.carry_out_one(TracedCall::Plain { call: Plain::SchedOp, command }, |machine| match command {
            xen_sys::SCHEDOP_yield => Ok(()),
            xen_sys::SCHEDOP_block => {
                machine.wait();
                Ok(())
            }
            xen_sys::SCHEDOP_shutdown => {
                machine.stopped = Some(reason as u8);
                Ok(())
            }
            command if command <= LAST => machine.not_taught(Plain::SchedOp, command),
            _ => Err(Errno::ENOSYS),
        })
    }

    /// Makes the hypercall `sched_op` to wait for one of some ports.
    ///
    /// # Errors
    /// `EINVAL` for too many ports, or one that Xen has no record of.
    pub fn poll(&mut self, ports: &[u32]) -> Result<(), Errno> {
        let call = TracedCall::Plain { call: Plain::SchedOp, command: xen_sys::SCHEDOP_poll };
        let valid = ports.len() <= MAX_PORTS && ports.iter().all(|&port| port < VALID_PORTS);
        self.carry_out_one(call, |_| if valid { Ok(()) } else { Err(Errno::EINVAL) })
    }

    /// Returns the reason for which the guest ended, if it did.
    #[must_use]
    pub const fn shutdown_reason(&self) -> Option<u8> {
        self.stopped
    }
}
