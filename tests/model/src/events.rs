//! Events and time, as the guest uses them.
//!
//! *What this is*: `xen_guest::Events`. Xen delivers events at the end of a hypercall; a test has them come at any step.
//!
//! *What must hold*: events are let through only with a callback. Who waits for an event that never comes fails the test.

use std::time::Duration;

use mmu::Errno;
use xen_guest::{EventHandler, EventSource, Events, Instant, scan};

use crate::event::SharedWords;
use crate::machine::ModelMachine;
use crate::trace::{Plain, TracedCall};

/// How long a hypercall takes, and a look at the clock, in nanoseconds.
const HYPERCALL: u64 = 1000;
const LOOK: u64 = 50;
/// A timer that is set further into the future comes after [`SOON`] (common/sched/core.c, `do_set_timer_op`).
const FAR: u64 = 1 << 50;
const SOON: u64 = 100_000_000;
/// The model's system time 0 in seconds after 1970: 2026.
const START: u64 = 1_767_225_600;
/// The callback types (public/callback.h).
const EVENT: u16 = 0;
const FAILSAFE: u16 = 1;
/// `VCPUOP_stop_periodic_timer`.
const STOP_PERIODIC_TIMER: u32 = 7;
const MASK_WORDS: u32 = 64;

impl Events for ModelMachine {
    fn start_events(&mut self) -> Result<(), Errno> {
        self.look_at_shared_info();
        SharedWords(self).set_mask(true);
        (0..MASK_WORDS * u64::BITS).for_each(|port| SharedWords(self).mask_port(port));
        self.register_callback(FAILSAFE)?;
        self.register_callback(EVENT)?;
        self.processor_operation(STOP_PERIODIC_TIMER, 0, 0).map(|_| ())
    }

    fn open_port(&mut self, source: EventSource) -> Result<u32, Errno> {
        self.step();
        self.open_channel(source)
    }

    fn open_timer(&mut self) -> Result<u32, Errno> {
        self.step();
        self.open_timer_channel()
    }

    fn close_port(&mut self, port: u32) -> Result<(), Errno> {
        self.step();
        self.event_operation(xen_sys::EVTCHNOP_close, port)
    }

    fn send(&mut self, port: u32) -> Result<(), Errno> {
        self.step();
        self.event_operation(xen_sys::EVTCHNOP_send, port)
    }

    fn mask_port(&mut self, port: u32) {
        self.step();
        self.look_at_shared_info();
        SharedWords(self).mask_port(port);
    }

    fn unmask_port(&mut self, port: u32) -> Result<(), Errno> {
        self.step();
        self.event_operation(xen_sys::EVTCHNOP_unmask, port)
    }

    fn set_handler(&mut self, port: u32, handler: Option<EventHandler>) -> bool {
        self.step();
        self.events.handlers.set(port, handler)
    }

    fn take_event(&mut self, port: u32) -> bool {
        self.step();
        let arrived = self.events.arrived.iter().position(|arrived| *arrived == port);
        arrived.map(|rank| self.events.arrived.remove(rank)).is_some()
    }

    fn mask_events(&mut self) -> bool {
        self.step();
        self.look_at_shared_info();
        SharedWords(self).set_mask(true)
    }

    fn unmask_events(&mut self) {
        self.step();
        self.look_at_shared_info();
        SharedWords(self).set_mask(false);
        self.deliver();
    }

    fn block(&mut self) -> Result<(), Errno> {
        self.step();
        self.sched_operation(xen_sys::SCHEDOP_block, 0)
    }

    fn set_timer(&mut self, at: Instant) -> Result<(), Errno> {
        self.step();
        self.set_timer_operation(at.as_nanos())
    }

    fn now(&self) -> Instant {
        if !self.timeless {
            self.events.clock.set(self.events.clock.get() + LOOK);
        }
        Instant::from_nanos(self.events.clock.get())
    }

    fn wall_clock_start(&self) -> Duration {
        Duration::from_secs(START)
    }
}

impl ModelMachine {
    /// Makes the hypercall `callback_op` to register a callback of a type (pv/callback.c, `register_guest_callback`).
    ///
    /// # Errors
    /// `ENOSYS` for an unknown type.
    pub fn register_callback(&mut self, kind: u16) -> Result<(), Errno> {
        let call = TracedCall::Plain { call: Plain::CallbackOp, command: kind.into() };
        self.carry_out_one(call, |machine| match kind {
            EVENT => {
                machine.events.has_callback = true;
                Ok(())
            }
            FAILSAFE => Ok(()),
            _ => machine.not_taught(Plain::CallbackOp, kind.into()),
        })
    }

    /// Makes the hypercall `set_timer_op`; 0 stops the timer.
    ///
    /// # Errors
    /// None of its own.
    pub fn set_timer_operation(&mut self, at: u64) -> Result<(), Errno> {
        let call = TracedCall::Plain { call: Plain::SetTimerOp, command: 0 };
        self.carry_out_one(call, |machine| {
            let (now, is_far) =
                (machine.events.clock.get(), at > machine.events.clock.get().saturating_add(FAR));
            machine.events.timer = (at != 0).then_some(if is_far { now + SOON } else { at });
            Ok(())
        })
    }

    /// Signals a port, as another domain would.
    pub fn signal(&mut self, port: u32) {
        self.mark(port);
        self.deliver();
    }

    /// Signals a port before the `n`-th step of the guest from now on (1 is the next): a request about events or time. A guest
    /// that waits before is woken by it.
    pub fn signal_at(&mut self, n: u64, port: u32) {
        self.events.signals.push((self.events.steps + n, port));
    }

    /// Returns how many steps the guest took so far.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.events.steps
    }

    /// Returns how many upcalls were made.
    #[must_use]
    pub const fn upcalls(&self) -> u64 {
        self.events.upcalls
    }

    /// Tells whether events are let through.
    #[must_use]
    pub fn lets_events_through(&mut self) -> bool {
        let mut words = SharedWords(self);
        let masked = words.set_mask(true);
        words.set_mask(masked);
        !masked
    }

    fn step(&mut self) {
        self.events.steps += 1;
        let now = self.events.steps;
        let due: Vec<u32> =
            self.events.signals.extract_if(.., |(at, _)| *at <= now).map(|(_, port)| port).collect();
        due.into_iter().for_each(|port| self.mark(port));
        self.fire_timer();
        self.deliver();
    }

    fn fire_timer(&mut self) {
        if self.events.timer.is_some_and(|at| at <= self.events.clock.get()) {
            self.events.timer = None;
            self.mark_timer();
        }
    }

    /// What happens at the end of every hypercall.
    pub(crate) fn end_of_call(&mut self) {
        if !self.timeless {
            self.events.clock.set(self.events.clock.get() + HYPERCALL);
        }
        self.fire_timer();
        self.deliver();
    }

    /// Lets events through and waits for one: the next of a test's, or the timer.
    pub(crate) fn wait(&mut self) {
        SharedWords(self).set_mask(false);
        if SharedWords(self).is_due() {
            return;
        }
        self.events.signals.sort_unstable();
        if self.events.signals.is_empty() {
            let Some(at) = self.events.timer else { self.guest_bug("waits for good: nothing will wake it") };
            self.events.clock.set(self.events.clock.get().max(at));
            self.fire_timer();
        } else {
            let (_, port) = self.events.signals.remove(0);
            self.mark(port);
        }
        if !SharedWords(self).is_due() {
            self.guest_bug("waits for good: what came is masked or has no port");
        }
    }

    /// Makes the upcalls that are due.
    fn deliver(&mut self) {
        while SharedWords(self).is_due() {
            if !self.events.has_callback {
                self.guest_bug("let events through without a callback");
            }
            self.events.upcalls += 1;
            SharedWords(self).set_mask(true);
            let mut ports = Vec::new();
            scan(&mut SharedWords(self), |port| ports.push(port));
            for port in ports {
                if !self.events.arrived.contains(&port) {
                    self.events.arrived.push(port);
                }
                if let Some(handler) = self.events.handlers.of(port) {
                    handler();
                }
            }
            SharedWords(self).set_mask(false);
        }
    }

    /// The guest reaches the words where it mapped them.
    fn look_at_shared_info(&self) {
        let leaf = self.shared_info_at.map(|at| self.live_leaf(at));
        if !matches!(&leaf, Some(Ok(leaf)) if leaf.writable && leaf.pte.mfn() == self.shared_info()) {
            self.guest_bug(&format!("used the words of events where shared_info is not: {leaf:?}"));
        }
    }
}
