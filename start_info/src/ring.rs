//! The pages a domain shares with xenstore and with the console daemon.
//!
//! *What this is*: for a domU two rings, each a machine frame and an event channel; for dom0 no ring, the console
//! hypercall, and perhaps a description of the screen.
//!
//! *What must hold*: frames and ports are in range, and no two things share one.
//!
//! *What is not prevented*: a frame that is not a ring's. `p2m::ring_page` finds the page and checks that it is one.

use crate::page::{Fields, START_INFO_BYTES};
use crate::{Maddr, Mfn, PAGE_SIZE, StartInfoError, flags::Flags, ring_name::RingName};

/// The ports that exist at boot; more exist only after a guest has asked for them (event_channel.h,
/// `EVTCHN_2L_NR_CHANNELS`).
const PORTS: u32 = 4096;

/// A page shared with a daemon, and the event channel that wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The machine frame of the page.
    pub mfn: Mfn,
    /// The event channel.
    pub port: u32,
}

/// Where console output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// To the console daemon, through a ring: a domU.
    Ring(Ring),
    /// To Xen, by hypercall: dom0.
    Hypervisor {
        /// Where the screen is described; [`crate::BootFacts::screen`] has the description.
        vga: Option<VgaInfo>,
    },
}

/// The place of `dom0_vga_console_info` in the start_info page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VgaInfo {
    /// The offset in the page.
    pub offset: u32,
    /// The bytes Xen filled in; older versions have fewer fields.
    pub size: u32,
}

/// Checks the address of shared_info, the only machine *byte* address among the fields.
pub(crate) fn shared_info(fields: &Fields) -> Result<Maddr, StartInfoError> {
    let found = fields.shared_info;
    match Maddr::try_new(found) {
        Ok(maddr) if found != 0 && found.is_multiple_of(PAGE_SIZE) => Ok(maddr),
        _ => Err(StartInfoError::SharedInfo { found }),
    }
}

/// Checks the rings of a domU, or that dom0 has no xenstore ring.
pub(crate) fn rings(
    fields: &Fields,
    flags: Flags,
    shared_info: Maddr,
) -> Result<(Option<Ring>, Console), StartInfoError> {
    if flags.contains(Flags::INITDOMAIN) {
        if fields.store_mfn != 0 || fields.store_evtchn != 0 {
            return Err(StartInfoError::XenstoreInDom0 { mfn: fields.store_mfn, port: fields.store_evtchn });
        }
        return Ok((None, Console::Hypervisor { vga: vga(fields)? }));
    }
    let xenstore = ring(RingName::Xenstore, fields.store_mfn, fields.store_evtchn)?;
    let console = ring(RingName::Console, fields.console_mfn, fields.console_evtchn)?;
    for (name, one, other) in [
        (RingName::Xenstore, xenstore.mfn, shared_info.mfn()),
        (RingName::Console, console.mfn, shared_info.mfn()),
        (RingName::Console, console.mfn, xenstore.mfn),
    ] {
        if one == other {
            return Err(StartInfoError::SharedFrame { ring: name, mfn: one });
        }
    }
    if console.port == xenstore.port {
        return Err(StartInfoError::SharedPort { port: console.port });
    }
    Ok((Some(xenstore), Console::Ring(console)))
}

fn ring(name: RingName, mfn: u64, port: u32) -> Result<Ring, StartInfoError> {
    if port == 0 || port >= PORTS {
        return Err(StartInfoError::RingPort { ring: name, found: port, limit: PORTS });
    }
    match Mfn::try_new(mfn) {
        Ok(frame) if mfn != 0 => Ok(Ring { mfn: frame, port }),
        _ => Err(StartInfoError::RingFrame { ring: name, found: mfn }),
    }
}

fn vga(fields: &Fields) -> Result<Option<VgaInfo>, StartInfoError> {
    let (offset, size) = (fields.console_info_off, fields.console_info_size);
    if offset == 0 && size == 0 {
        return Ok(None);
    }
    let behind_start_info = u64::from(offset) >= START_INFO_BYTES as u64;
    let in_the_page = u64::from(offset) + u64::from(size) <= PAGE_SIZE;
    if size > 0 && behind_start_info && in_the_page {
        Ok(Some(VgaInfo { offset, size }))
    } else {
        Err(StartInfoError::VgaInfo { offset, size, first: START_INFO_BYTES })
    }
}
