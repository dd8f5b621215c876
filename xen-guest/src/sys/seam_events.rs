//! Real Xen, as events and time use it.

use core::time::Duration;

use mmu::Errno;

use crate::{
    event::{events::Events, handlers::EventHandler, source::EventSource},
    sys::{clock, events, hypercall, mask, sched, xen::Xen},
    time::instant::Instant,
};

impl Events for Xen {
    fn start_events(&mut self) -> Result<(), Errno> {
        events::start()
    }

    fn open_port(&mut self, source: EventSource) -> Result<u32, Errno> {
        events::open(source)
    }

    fn open_timer(&mut self) -> Result<u32, Errno> {
        events::open_virq(xen_sys::VIRQ_TIMER)
    }

    fn close_port(&mut self, port: u32) -> Result<(), Errno> {
        events::close(port)
    }

    fn send(&mut self, port: u32) -> Result<(), Errno> {
        events::send(port)
    }

    fn mask_port(&mut self, port: u32) {
        events::mask_port(port);
    }

    fn unmask_port(&mut self, port: u32) -> Result<(), Errno> {
        events::unmask_port(port)
    }

    fn set_handler(&mut self, port: u32, handler: Option<EventHandler>) -> bool {
        events::set_handler(port, handler)
    }

    fn take_event(&mut self, port: u32) -> bool {
        events::take(port)
    }

    fn mask_events(&mut self) -> bool {
        mask::mask()
    }

    fn unmask_events(&mut self) {
        mask::unmask(hypercall::nothing);
    }

    fn block(&mut self) -> Result<(), Errno> {
        sched::block()
    }

    fn set_timer(&mut self, at: Instant) -> Result<(), Errno> {
        clock::set_timer(at)
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn wall_clock_start(&self) -> Duration {
        clock::wall_start()
    }
}
