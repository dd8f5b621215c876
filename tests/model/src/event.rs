//! Event channels.
//!
//! *What this is*: `event_channel_op` (common/event_channel.c) and the marks of the 2-level words (common/event_2l.c).
//!
//! *What must hold*: a domU has two open ports from its start: xenstore's and the console's. dom0 has none.
//!
//! *What is not modelled*: other domains but xenstored and the console's daemon (`shared.rs`, `xenstored.rs`). What is sent to others is
//! lost, and a test signals a port in their place.

use mmu::Errno;
use xen_guest::{DomId, EventSource};

use crate::errno::{EEXIST, ENOSPC, EOPNOTSUPP, ESRCH};
use crate::guest::Domain;
use crate::machine::ModelMachine;
use crate::start_of_day::{CONSOLE_PORT, XENSTORE_PORT};
use crate::trace::{Plain, TracedCall};

/// Ports that Xen has a record of, open or not, come so many at a time (`EVTCHNS_PER_BUCKET`).
pub(crate) const VALID_PORTS: u32 = 64;
const LAST: u32 = 14;
/// The highest port of a domU, if its configuration says nothing (xl.cfg(5), `event_channels`), and of dom0.
const HIGHEST: [u32; 2] = [1023, 4095];

/// Words of shared_info: what is marked and masked as a whole, the selector, and the words of ports.
const UPCALL: usize = 0;
const SELECTOR: usize = 1;
const PENDING: usize = 0x800 / 8;
const MASK: usize = 0xa00 / 8;
/// The bytes of the first word.
const UPCALL_PENDING: u64 = 0xff;
const UPCALL_MASK: u64 = 0xff00;

/// What a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Free,
    /// Port 0.
    Reserved,
    /// Of another domain, which the model does not have.
    Outside,
    /// For a domain to bind.
    Unbound(DomId),
    /// The other end is the guest's own.
    Interdomain(u32),
    Virq(u32),
}

/// All ports of the guest.
#[derive(Clone, Debug)]
pub(crate) struct Channels(Vec<Channel>);

impl Channels {
    pub(crate) fn new(domain: Domain) -> Self {
        let mut channels = vec![Channel::Free; VALID_PORTS as usize];
        channels[0] = Channel::Reserved;
        if domain == Domain::Guest {
            for port in [XENSTORE_PORT, CONSOLE_PORT] {
                channels[port as usize] = Channel::Outside;
            }
        }
        Self(channels)
    }

    fn get(&self, port: u32) -> Result<Channel, Errno> {
        self.0.get(port as usize).copied().ok_or(Errno::EINVAL)
    }

    fn put(&mut self, port: u32, channel: Channel) {
        if let Some(place) = self.0.get_mut(port as usize) {
            *place = channel;
        }
    }

    /// The lowest port that is free.
    fn free(&mut self, highest: u32) -> Result<u32, Errno> {
        let free = self.0.iter().position(|channel| *channel == Channel::Free);
        let port = free.unwrap_or(self.0.len()) as u32;
        if port > highest {
            return Err(ENOSPC);
        }
        while self.0.len() <= port as usize {
            self.0.extend([Channel::Free; VALID_PORTS as usize]);
        }
        Ok(port)
    }

    fn virq(&self, virq: u32) -> Option<u32> {
        let bound = self.0.iter().position(|channel| *channel == Channel::Virq(virq));
        bound.map(|port| port as u32)
    }

    /// Returns how many ports are open.
    fn open(&self) -> usize {
        self.0.iter().filter(|channel| !matches!(channel, Channel::Free | Channel::Reserved)).count()
    }
}

impl ModelMachine {
    /// Makes the hypercall `event_channel_op` with a command and a port.
    ///
    /// # Errors
    /// `EINVAL` for a port that is not open, `ENOSYS` for an unknown command, on a shim `EOPNOTSUPP`.
    pub fn event_operation(&mut self, command: u32, port: u32) -> Result<(), Errno> {
        let call = TracedCall::Plain { call: Plain::EventChannelOp, command };
        self.carry_out_one(call, |machine| match command {
            xen_sys::EVTCHNOP_send => machine.send_event(port),
            xen_sys::EVTCHNOP_close => machine.close_channel(port),
            xen_sys::EVTCHNOP_unmask => machine.unmask(port),
            command if command <= LAST => machine.not_taught(Plain::EventChannelOp, command),
            // pv/shim.c, pv_shim_event_channel_op.
            _ if machine.on_shim => Err(EOPNOTSUPP),
            _ => Err(Errno::ENOSYS),
        })
    }

    /// Makes the hypercall `event_channel_op` to open a port, and returns its number.
    ///
    /// # Errors
    /// `EINVAL` for a port that nobody opened for this domain, `ESRCH` for a domain that is not there, `EEXIST` for a VIRQ
    /// that has a port, `ENOSPC` when there are no more ports.
    pub fn open_channel(&mut self, source: EventSource) -> Result<u32, Errno> {
        let command = match source {
            EventSource::Virq(_) => xen_sys::EVTCHNOP_bind_virq,
            EventSource::Unbound { .. } => xen_sys::EVTCHNOP_alloc_unbound,
            EventSource::Interdomain { .. } => xen_sys::EVTCHNOP_bind_interdomain,
        };
        self.asked_for_port(command, |machine| match source {
            EventSource::Virq(virq) => machine.bind_virq(virq as u32),
            EventSource::Unbound { remote } => machine.new_channel(Channel::Unbound(remote)),
            EventSource::Interdomain { remote: DomId::SELF, port } => machine.bind_own(port),
            EventSource::Interdomain { .. } => Err(ESRCH),
        })
    }

    /// Makes the hypercall `event_channel_op` to open a port for the timer.
    ///
    /// # Errors
    /// As [`Self::open_channel`].
    pub fn open_timer_channel(&mut self) -> Result<u32, Errno> {
        self.asked_for_port(xen_sys::EVTCHNOP_bind_virq, |machine| machine.bind_virq(xen_sys::VIRQ_TIMER))
    }

    fn asked_for_port(
        &mut self,
        command: u32,
        open: impl Fn(&mut Self) -> Result<u32, Errno>,
    ) -> Result<u32, Errno> {
        let opened = std::cell::Cell::new(0);
        let call = TracedCall::Plain { call: Plain::EventChannelOp, command };
        self.carry_out_one(call, |machine| open(machine).map(|port| opened.set(port)))?;
        Ok(opened.get())
    }

    fn new_channel(&mut self, channel: Channel) -> Result<u32, Errno> {
        let port = self.events.channels.free(HIGHEST[usize::from(self.domain == Domain::Dom0)])?;
        self.events.channels.put(port, channel);
        Ok(port)
    }

    fn bind_virq(&mut self, virq: u32) -> Result<u32, Errno> {
        if self.events.channels.virq(virq).is_some() {
            return Err(EEXIST);
        }
        self.new_channel(Channel::Virq(virq))
    }

    /// `evtchn_bind_interdomain`, for a port of the guest's own. The new port is signalled: what came before cannot be known.
    fn bind_own(&mut self, port: u32) -> Result<u32, Errno> {
        if self.events.channels.get(port)? != Channel::Unbound(DomId::SELF) {
            return Err(Errno::EINVAL);
        }
        let local = self.new_channel(Channel::Interdomain(port))?;
        self.events.channels.put(port, Channel::Interdomain(local));
        self.mark(local);
        Ok(local)
    }

    /// `evtchn_close`: the other end can be bound again, and the port's event is forgotten.
    fn close_channel(&mut self, port: u32) -> Result<(), Errno> {
        match self.events.channels.get(port)? {
            Channel::Free | Channel::Reserved => return Err(Errno::EINVAL),
            Channel::Interdomain(other) => self.events.channels.put(other, Channel::Unbound(DomId::SELF)),
            Channel::Outside | Channel::Unbound(_) | Channel::Virq(_) => {}
        }
        self.events.channels.put(port, Channel::Free);
        let (word, bit) = place(port);
        self.change_shared(PENDING + word, |pending| pending & !bit);
        Ok(())
    }

    /// `evtchn_send`.
    fn send_event(&mut self, port: u32) -> Result<(), Errno> {
        match self.events.channels.get(port)? {
            Channel::Interdomain(other) => self.mark(other),
            Channel::Outside | Channel::Unbound(_) => {}
            Channel::Free | Channel::Reserved | Channel::Virq(_) => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// `evtchn_2l_set_pending`.
    pub(crate) fn mark(&mut self, port: u32) {
        let (word, bit) = place(port);
        let pending = self.shared(PENDING + word);
        self.set_shared(PENDING + word, pending | bit);
        if pending & bit == 0 && self.shared(MASK + word) & bit == 0 {
            self.select(word);
        }
    }

    /// `evtchn_2l_unmask`.
    fn unmask(&mut self, port: u32) -> Result<(), Errno> {
        self.events.channels.get(port)?;
        let (word, bit) = place(port);
        self.change_shared(MASK + word, |mask| mask & !bit);
        if self.shared(PENDING + word) & bit != 0 {
            self.select(word);
        }
        Ok(())
    }

    fn select(&mut self, word: usize) {
        let selector = self.shared(SELECTOR);
        self.set_shared(SELECTOR, selector | 1 << word);
        if selector & 1 << word == 0 {
            self.change_shared(UPCALL, |upcall| upcall | 1);
        }
    }

    /// Signals the port of the timer, if it has one.
    pub(crate) fn mark_timer(&mut self) {
        if let Some(port) = self.events.channels.virq(xen_sys::VIRQ_TIMER) {
            self.mark(port);
        }
    }

    /// Returns how many ports are open.
    #[must_use]
    pub fn open_ports(&self) -> usize {
        self.events.channels.open()
    }

    fn shared(&self, word: usize) -> u64 {
        self.peek(self.shared_info(), word).unwrap_or_default()
    }

    fn set_shared(&mut self, word: usize, value: u64) {
        if let Some(frame) = self.frame(self.shared_info()) {
            self.contents.set(frame, word, value);
        }
    }

    fn change_shared(&mut self, word: usize, change: impl Fn(u64) -> u64) {
        let value = change(self.shared(word));
        self.set_shared(word, value);
    }
}

/// The words as the guest uses them. Where they are mapped is looked at by who makes this.
pub(crate) struct SharedWords<'m>(pub(crate) &'m mut ModelMachine);

impl SharedWords<'_> {
    /// Tells whether an event is to be delivered.
    pub(crate) fn is_due(&self) -> bool {
        let upcall = self.0.shared(UPCALL);
        upcall & UPCALL_PENDING != 0 && upcall & UPCALL_MASK == 0
    }

    /// Masks events as a whole, or lets them through; tells whether they were masked.
    pub(crate) fn set_mask(&mut self, masked: bool) -> bool {
        let upcall = self.0.shared(UPCALL);
        let mask = if masked { 0x100 } else { 0 };
        self.0.set_shared(UPCALL, upcall & !UPCALL_MASK | mask);
        upcall & UPCALL_MASK != 0
    }

    /// Masks a port.
    pub(crate) fn mask_port(&mut self, port: u32) {
        let (word, bit) = place(port);
        self.0.change_shared(MASK + word, |mask| mask | bit);
    }
}

impl xen_guest::EventWords for SharedWords<'_> {
    fn take_any(&mut self) -> bool {
        let any = self.0.shared(UPCALL) & UPCALL_PENDING != 0;
        self.0.change_shared(UPCALL, |upcall| upcall & !UPCALL_PENDING);
        any
    }

    fn take_selector(&mut self) -> u64 {
        let selector = self.0.shared(SELECTOR);
        self.0.set_shared(SELECTOR, 0);
        selector
    }

    fn ready(&mut self, word: usize) -> u64 {
        self.0.shared(PENDING + word) & !self.0.shared(MASK + word)
    }

    fn clear(&mut self, port: u32) {
        let (word, bit) = place(port);
        self.0.change_shared(PENDING + word, |pending| pending & !bit);
    }
}

/// A port's word, and its bit in that.
const fn place(port: u32) -> (usize, u64) {
    ((port / u64::BITS) as usize, 1 << (port % u64::BITS))
}
