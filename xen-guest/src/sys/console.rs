//! Where text goes: Xen's own console, and the ring that xenconsoled empties.
//!
//! *What this is*: the one writer that the log, panics and refusals share. A release Xen lets only dom0 use `console_io`;
//! a domU's words reach a person through the ring (`public/io/console.h`). Both are tried.
//!
//! *What must hold*: a full ring does not stop the guest for ever: after many turns without a reader the text is dropped.
//!
//! *What is not prevented*: text of a panic inside the writer. It goes out by `console_io` only.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

use p2m::SharedPage;
use spin::Mutex;

use super::{
    event,
    hypercall::{check, hypercall},
    sched,
};

const OUT: u64 = 1024;
const OUT_SIZE: u32 = 2048;
const OUT_CONSUMER: u64 = 3080;
const OUT_PRODUCER: u64 = 3084;
/// How often the processor is given away for the ring's reader before text is dropped.
const PATIENCE: u32 = 1 << 20;
const CONSOLEIO_WRITE: u64 = 0;

static RING: Mutex<Option<Ring>> = Mutex::new(None);
static HYPERCALLS: AtomicU64 = AtomicU64::new(0);
/// Set once Xen refused `console_io`: it will not change its mind.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// The output half of the console ring.
#[derive(Debug)]
struct Ring {
    page: SharedPage,
    port: u32,
}

/// Uses a ring from now on, in place of any before.
pub(super) fn attach(page: SharedPage, port: u32) {
    *RING.lock() = Some(Ring { page, port });
}

/// Returns how many hypercalls writing took.
pub(super) fn hypercalls() -> u64 {
    HYPERCALLS.load(Ordering::Relaxed)
}

/// Writes text, with a carriage return before every line feed on the ring as a terminal wants it.
pub(super) fn write(text: &str) {
    write_hypervisor(text);
    if let Some(ring) = RING.try_lock().as_mut().and_then(|ring| ring.as_mut()) {
        for piece in text.split_inclusive('\n') {
            match piece.strip_suffix('\n') {
                Some(line) => {
                    ring.write(line.as_bytes());
                    ring.write(b"\r\n");
                }
                None => ring.write(piece.as_bytes()),
            }
        }
        count();
        event::notify(ring.port);
    }
}

/// Waits until the ring's reader has everything, so that nothing is lost when the domain ends.
pub(super) fn drain() {
    if let Some(ring) = RING.try_lock().as_ref().and_then(|ring| ring.as_ref()) {
        for _ in 0..PATIENCE {
            if ring.waiting() == 0 {
                break;
            }
            sched::give_way();
        }
    }
}

fn write_hypervisor(text: &str) {
    if REFUSED.load(Ordering::Relaxed) || text.is_empty() {
        return;
    }
    count();
    let arguments = [CONSOLEIO_WRITE, text.len() as u64, text.as_ptr() as u64, 0];
    // SAFETY: Xen reads `len` bytes at the pointer, which are the string's.
    if check(unsafe { hypercall(xen_sys::__HYPERVISOR_console_io, arguments) }).is_err() {
        REFUSED.store(true, Ordering::Relaxed);
    }
}

fn count() {
    HYPERCALLS.fetch_add(1, Ordering::Relaxed);
}

impl Ring {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.waiting() >= OUT_SIZE && !self.wait_for_room() {
                return;
            }
            let producer = self.index(OUT_PRODUCER).load(Ordering::Relaxed);
            self.byte(producer % OUT_SIZE).store(byte, Ordering::Relaxed);
            fence(Ordering::Release);
            self.index(OUT_PRODUCER).store(producer.wrapping_add(1), Ordering::Release);
        }
    }

    fn waiting(&self) -> u32 {
        let producer = self.index(OUT_PRODUCER).load(Ordering::Relaxed);
        producer.wrapping_sub(self.index(OUT_CONSUMER).load(Ordering::Acquire))
    }

    fn wait_for_room(&self) -> bool {
        event::notify(self.port);
        (0..PATIENCE).any(|_| {
            sched::give_way();
            self.waiting() < OUT_SIZE
        })
    }

    fn index(&self, offset: u64) -> &AtomicU32 {
        let pointer = (self.page.address() + offset).as_mut_ptr::<u32>();
        // SAFETY: a `SharedPage` is a whole mapped page that only its two sides use (p2m::window), and the offset is one of
        // the two constants above, a multiple of 4 inside it; atomics, because the other side writes it too.
        unsafe { AtomicU32::from_ptr(pointer) }
    }

    fn byte(&self, offset: u32) -> &AtomicU8 {
        let pointer = (self.page.address() + OUT + u64::from(offset)).as_mut_ptr::<u8>();
        // SAFETY: as for `index`; callers pass an offset below OUT_SIZE, and 1024 + 2048 lie inside the page.
        unsafe { AtomicU8::from_ptr(pointer) }
    }
}
