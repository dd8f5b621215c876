//! Operations on processors.
//!
//! *What this is*: `vcpu_op` (x86/domain.c, `do_vcpu_op`; common/domain.c, `common_vcpu_op`) for the one processor
//! there is.
//!
//! *What must hold*: a missing processor is `ENOENT`, whatever the command.

use mmu::Errno;

use crate::machine::ModelMachine;
use crate::sched::POWEROFF;
use crate::trace::{Plain, TracedCall};

/// Commands (public/vcpu.h, `VCPUOP_*`).
const INITIALISE: u32 = 0;
const UP: u32 = 1;
const DOWN: u32 = 2;
const IS_UP: u32 = 3;
const SET_PERIODIC_TIMER: u32 = 6;
const STOP_PERIODIC_TIMER: u32 = 7;
const STOP_SINGLESHOT_TIMER: u32 = 9;
const GET_PHYSICAL_NUMBER: u32 = 12;
const LAST: u32 = 13;
/// The shortest period of a timer, in nanoseconds.
const SHORTEST: u64 = 1_000_000;

impl ModelMachine {
    /// Makes the hypercall `vcpu_op` with a command, a processor and a number, and returns the answer.
    ///
    /// # Errors
    /// `ENOENT` for any processor but 0, `EEXIST` for *initialise*, `EINVAL` for a period that is too short or for its
    /// physical number, `ENOSYS` for an unknown command.
    pub fn processor_operation(&mut self, command: u32, processor: u32, argument: u64) -> Result<u64, Errno> {
        let call = TracedCall::Plain { call: Plain::VcpuOp, command };
        self.carry_out_one(call, |machine| {
            if processor != 0 {
                return Err(Errno::ENOENT);
            }
            match command {
                INITIALISE => Err(Errno::EEXIST),
                UP | IS_UP | STOP_PERIODIC_TIMER | STOP_SINGLESHOT_TIMER => Ok(()),
                DOWN => {
                    // It was the last processor.
                    machine.stopped = Some(POWEROFF);
                    Ok(())
                }
                SET_PERIODIC_TIMER if argument < SHORTEST => Err(Errno::EINVAL),
                SET_PERIODIC_TIMER => Ok(()),
                // Only for a dom0 with pinned processors.
                GET_PHYSICAL_NUMBER => Err(Errno::EINVAL),
                command if command <= LAST => machine.not_taught(Plain::VcpuOp, command),
                _ => Err(Errno::ENOSYS),
            }
        })?;
        Ok(u64::from(command == IS_UP))
    }
}
