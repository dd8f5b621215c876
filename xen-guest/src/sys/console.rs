//! Where text goes: Xen's own console, and the ring that xenconsoled empties.
//!
//! *What this is*: the one writer that the log, panics and refusals share. A release Xen lets only dom0 use
//! `console_io`; a domU's output goes through the ring (`public/io/console.h`). Both are tried.
//!
//! *What must hold*: events are masked while the ring is written, because a handler may write too. A full ring does not stop the guest for good: after many yields without a reader the text is
//! dropped.
//!
//! *What is not prevented*: text of a panic inside the writer. It goes out by `console_io` only.

use core::sync::atomic::{AtomicBool, Ordering};

use p2m::SharedPage;
use spin::Mutex;

use crate::{
    ring::{
        layout::CONSOLE_OUTPUT,
        patient::{PatientWriter, Reader},
        producer::Producer,
    },
    sys::{event, hypercall::unnoted, masked::masked, outcome::check, ring::PageWords, sched},
};

/// How often the processor is yielded to a ring's other side before that counts as gone.
pub(super) const PATIENCE: u32 = 1 << 20;

static RING: Mutex<Option<Attached>> = Mutex::new(None);
/// Set once Xen refused `console_io`: the refusal does not change later.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// The event channel to the ring's reader.
#[derive(Debug)]
struct Port(u32);

impl Reader for Port {
    fn notify(&mut self) {
        event::notify(self.0);
    }

    fn give_way(&mut self) {
        sched::give_way();
    }
}

/// The ring, where it is now.
struct Attached {
    page: SharedPage,
    port: Port,
    writer: PatientWriter,
}

/// Uses the ring at `page` from now on: for the first time, or at its new address.
pub(super) fn attach(page: SharedPage, port: u32) {
    masked(|| {
        let Some(mut ring) = RING.try_lock() else { return };
        match ring.as_mut() {
            Some(ring) => (ring.page, ring.port) = (page, Port(port)),
            None => {
                let writer =
                    PatientWriter::new(Producer::attach(&PageWords(&page), CONSOLE_OUTPUT), PATIENCE);
                *ring = Some(Attached { page, port: Port(port), writer });
            }
        }
    });
}

/// Writes text.
pub(super) fn write(text: &str) {
    write_hypervisor(text);
    with_ring(|Attached { page, port, writer }| writer.write(&mut PageWords(page), port, text));
}

/// Waits until the ring's reader has everything, so that nothing is lost when the domain ends.
pub(super) fn drain() {
    with_ring(|Attached { page, port, writer }| writer.drain(&PageWords(page), port));
}

/// Does something with the ring, if there is one and nobody else is at it.
fn with_ring(work: impl FnOnce(&mut Attached)) {
    masked(|| {
        if let Some(ring) = RING.try_lock().as_mut().and_then(|ring| ring.as_mut()) {
            work(ring);
        }
    });
}

/// Takes what was typed at Xen's console while that belongs to dom0, and returns how many bytes. A refusal is none.
pub(super) fn read_hypervisor(bytes: &mut [u8]) -> usize {
    let arguments = [u64::from(xen_sys::CONSOLEIO_read), bytes.len() as u64, bytes.as_mut_ptr() as u64, 0];
    // SAFETY: Xen writes at most `len` bytes at the pointer, which are the slice's.
    let read = check(unsafe { unnoted(xen_sys::__HYPERVISOR_console_io, arguments) });
    read.map_or(0, |read| bytes.len().min(read as usize))
}

fn write_hypervisor(text: &str) {
    if REFUSED.load(Ordering::Relaxed) || text.is_empty() {
        return;
    }
    let arguments = [u64::from(xen_sys::CONSOLEIO_write), text.len() as u64, text.as_ptr() as u64, 0];
    // SAFETY: Xen reads `len` bytes at the pointer, which are the string's.
    if check(unsafe { unnoted(xen_sys::__HYPERVISOR_console_io, arguments) }).is_err() {
        REFUSED.store(true, Ordering::Relaxed);
    }
}
