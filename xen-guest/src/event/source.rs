//! Where events come from.

use core::fmt;

/// A domain's number (`domid_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomId(u16);

impl DomId {
    /// The domain that asks (`DOMID_SELF`).
    pub const SELF: Self = Self(0x7ff0);

    /// Makes the number of a domain, as `xl list` shows it.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for DomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::SELF { f.write_str("this domain") } else { write!(f, "domain {}", self.0) }
    }
}

/// An event of Xen's own (`public/xen.h`). The timer's is the layer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Virq {
    /// Somebody asked this domain to show its state: `xl debug-keys q`.
    Debug = xen_sys::VIRQ_DEBUG,
    /// As dom0: there is input on Xen's console.
    Console = xen_sys::VIRQ_CONSOLE,
    /// As dom0: a domain ended or was shut down.
    DomExc = xen_sys::VIRQ_DOM_EXC,
    /// As dom0: Xen's console ring has news.
    ConRing = xen_sys::VIRQ_CON_RING,
    /// As dom0: a processor came or went.
    PcpuState = xen_sys::VIRQ_PCPU_STATE,
    /// As dom0: Xen runs out of memory.
    Enomem = xen_sys::VIRQ_ENOMEM,
}

/// What a port is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventSource {
    /// An event of Xen's own.
    Virq(Virq),
    /// The other end is still to be bound, by that domain.
    Unbound {
        /// The domain that may bind it.
        remote: DomId,
    },
    /// A port that another domain opened for this one. It is signalled at once: what came before cannot be known.
    Interdomain {
        /// That domain.
        remote: DomId,
        /// Its port.
        port: u32,
    },
}

impl fmt::Display for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Virq(virq) => write!(f, "VIRQ {virq:?}"),
            Self::Unbound { remote } => write!(f, "{remote} to bind"),
            Self::Interdomain { remote, port } => write!(f, "port {port} of {remote}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::{DomId, EventSource, Virq};

    #[test]
    fn a_source_is_shown_by_what_it_is() {
        assert_eq!(EventSource::Virq(Virq::Console).to_string(), "VIRQ Console");
        assert_eq!(EventSource::Unbound { remote: DomId::new(3) }.to_string(), "domain 3 to bind");
        let source = EventSource::Interdomain { remote: DomId::SELF, port: 7 };
        assert_eq!(source.to_string(), "port 7 of this domain");
    }
}
