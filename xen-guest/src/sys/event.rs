//! Event channels, as far as the console needs them.

use crate::sys::{abi::EvtchnSend, hypercall::unnoted};

/// Notifies the other side of `port`. A refusal is ignored: the sender can do nothing about it.
pub(super) fn notify(port: u32) {
    let send = EvtchnSend { port };
    // SAFETY: `struct evtchn_send` of public/event_channel.h is one u32; Xen reads it only.
    let _refused = unsafe {
        unnoted(
            xen_sys::__HYPERVISOR_event_channel_op,
            [u64::from(xen_sys::EVTCHNOP_send), &raw const send as u64, 0, 0],
        )
    };
}
