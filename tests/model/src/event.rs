//! Event channels.
//!
//! *What this is*: `event_channel_op`, command *send* (common/event_channel.c, `evtchn_send`).
//!
//! *What must hold*: a domU has two open ports from its start: xenstore's and the console's. dom0 has none.
//!
//! *What is not modelled*: opening or closing ports. The other ends are `shared.rs` and `xenstored.rs`.

use mmu::Errno;

use crate::errno::EOPNOTSUPP;
use crate::guest::Domain;
use crate::machine::ModelMachine;
use crate::start_of_day::{CONSOLE_PORT, XENSTORE_PORT};
use crate::trace::{Plain, TracedCall};

/// Ports that Xen has a record of, open or not, before any is opened (`EVTCHNS_PER_BUCKET`).
pub(crate) const VALID_PORTS: u32 = 64;
const LAST: u32 = 14;

impl ModelMachine {
    /// Makes the hypercall `event_channel_op` with a command and a port.
    ///
    /// # Errors
    /// `EINVAL` for a port that is not open, `ENOSYS` for an unknown command, on a shim `EOPNOTSUPP`.
    pub fn event_operation(&mut self, command: u32, port: u32) -> Result<(), Errno> {
        let call = TracedCall::Plain { call: Plain::EventChannelOp, command };
        self.carry_out_one(call, |machine| match command {
            xen_sys::EVTCHNOP_send => {
                let open = [XENSTORE_PORT, CONSOLE_PORT].contains(&port);
                if open && machine.domain == Domain::Guest { Ok(()) } else { Err(Errno::EINVAL) }
            }
            command if command <= LAST => machine.not_taught(Plain::EventChannelOp, command),
            // pv/shim.c, pv_shim_event_channel_op.
            _ if machine.on_shim => Err(EOPNOTSUPP),
            _ => Err(Errno::ENOSYS),
        })
    }
}
