//! Events on real Xen: the upcall, and the requests.
//!
//! *What must hold*: the upcall runs with events masked. Whoever changes the handlers masks them too, so the lock is free when
//! the upcall wants it.

use mmu::Errno;
use spin::Mutex;

use crate::{
    event::{
        arrived::Arrived,
        handlers::{EventHandler, EventHandlers},
        scan::scan,
        source::EventSource,
    },
    sys::{
        abi::{
            DOMID_SELF, EvtchnAllocUnbound, EvtchnBindInterdomain, EvtchnBindVirq, EvtchnClose, EvtchnSend,
            EvtchnUnmask,
        },
        callbacks,
        hypercall::hypercall,
        mask,
        masked::masked,
        outcome::check,
        sched,
    },
};

/// The ports that were signalled.
static ARRIVED: Arrived = Arrived::new();

/// What is called for them.
static HANDLERS: Mutex<EventHandlers> = Mutex::new(EventHandlers::new());

/// Delivers what is marked. `traps.S` comes here, with events masked.
pub(super) fn upcall() {
    let Some(mut page) = mask::shared_info() else { return };
    scan(&mut page, |port| {
        ARRIVED.note(port);
        // The lock is not held while the handler runs.
        let handler = HANDLERS.try_lock().and_then(|handlers| handlers.of(port));
        if let Some(handler) = handler {
            handler();
        }
    });
}

/// Has Xen make upcalls. All ports are masked, and events as a whole.
pub(super) fn start() -> Result<(), Errno> {
    let Some(page) = mask::shared_info() else { return Err(Errno::EINVAL) };
    let _masked = mask::mask();
    page.mask_all_ports();
    callbacks::install()?;
    sched::stop_timer()
}

pub(super) fn take(port: u32) -> bool {
    ARRIVED.take(port)
}

pub(super) fn set_handler(port: u32, handler: Option<EventHandler>) -> bool {
    masked(|| HANDLERS.lock().set(port, handler))
}

pub(super) fn mask_port(port: u32) {
    if let Some(page) = mask::shared_info() {
        page.mask_port(port);
    }
}

/// Opens a port.
pub(super) fn open(source: EventSource) -> Result<u32, Errno> {
    match source {
        EventSource::Virq(virq) => open_virq(virq as u32),
        EventSource::Unbound { remote } => {
            let mut wanted = EvtchnAllocUnbound { dom: DOMID_SELF, remote_dom: remote.get(), port: 0 };
            ask(&mut Request::AllocUnbound(&mut wanted)).map(|()| wanted.port)
        }
        EventSource::Interdomain { remote, port } => {
            let (remote_dom, remote_port) = (remote.get(), port);
            let mut wanted = EvtchnBindInterdomain { remote_dom, remote_port, local_port: 0 };
            ask(&mut Request::BindInterdomain(&mut wanted)).map(|()| wanted.local_port)
        }
    }
}

/// Opens a port for an event of Xen's own, on this processor.
pub(super) fn open_virq(virq: u32) -> Result<u32, Errno> {
    let mut wanted = EvtchnBindVirq { virq, vcpu: 0, port: 0 };
    ask(&mut Request::BindVirq(&mut wanted)).map(|()| wanted.port)
}

pub(super) fn close(port: u32) -> Result<(), Errno> {
    ask(&mut Request::Close(&EvtchnClose { port }))
}

pub(super) fn send(port: u32) -> Result<(), Errno> {
    ask(&mut Request::Send(&EvtchnSend { port }))
}

pub(super) fn unmask_port(port: u32) -> Result<(), Errno> {
    ask(&mut Request::Unmask(&EvtchnUnmask { port }))
}

/// A request about event channels, with its argument.
enum Request<'a> {
    AllocUnbound(&'a mut EvtchnAllocUnbound),
    BindInterdomain(&'a mut EvtchnBindInterdomain),
    BindVirq(&'a mut EvtchnBindVirq),
    Close(&'a EvtchnClose),
    Send(&'a EvtchnSend),
    Unmask(&'a EvtchnUnmask),
}

fn ask(request: &mut Request<'_>) -> Result<(), Errno> {
    let (command, argument) = match request {
        Request::AllocUnbound(wanted) => (xen_sys::EVTCHNOP_alloc_unbound, &raw mut **wanted as u64),
        Request::BindInterdomain(wanted) => (xen_sys::EVTCHNOP_bind_interdomain, &raw mut **wanted as u64),
        Request::BindVirq(wanted) => (xen_sys::EVTCHNOP_bind_virq, &raw mut **wanted as u64),
        Request::Close(close) => (xen_sys::EVTCHNOP_close, &raw const **close as u64),
        Request::Send(send) => (xen_sys::EVTCHNOP_send, &raw const **send as u64),
        Request::Unmask(unmask) => (xen_sys::EVTCHNOP_unmask, &raw const **unmask as u64),
    };
    let arguments = [u64::from(command), argument, 0, 0];
    // SAFETY: the argument is the structure that public/event_channel.h has for the command. Xen reads it, and writes the
    // number of a new port to those that are borrowed mutably. A port's only effect on memory is its bits in shared_info.
    check(unsafe { hypercall(xen_sys::__HYPERVISOR_event_channel_op, arguments) }).map(|_| ())
}
