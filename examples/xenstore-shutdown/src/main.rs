//! Xenstore, by polling: reads the domain's name, then waits until somebody types `xl shutdown`, and obeys.
//!
//! The layer has no client yet, so this kernel follows docs/misc/xenstore-ring.txt itself. It trusts xenstored: a wrong
//! answer ends the kernel's patience, not its memory.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use xen_guest::{
    Guest, Pfn, Ring, VirtAddr, entry, log,
    sys::{Reason, hypercall, shutdown},
};

const EVENT_CHANNEL_OP: u32 = 32;
const SEND: u64 = 4;
/// Kinds of messages (public/io/xs_wire.h).
const READ: u32 = 2;
const WRITE: u32 = 11;
const ERROR: u32 = 16;
/// Where the requests and the answers are in the page, and their producers and consumers.
const REQUESTS: (u64, u64, u64) = (0, 2048, 2052);
const ANSWERS: (u64, u64, u64) = (1024, 2056, 2060);

entry!(main);

fn main(guest: Guest) -> ! {
    let Some(ring) = guest.facts().xenstore() else {
        log::info!("verdict: FAILURE the domain has no xenstore");
        shutdown(Reason::Poweroff)
    };
    let Some(page) = shared_page(&guest, ring.mfn.get()) else {
        log::info!("verdict: FAILURE the page of xenstore is not mapped");
        shutdown(Reason::Poweroff)
    };
    let mut store = Store { page, ring };
    let mut bytes = [0; 256];
    let Some(name) = store.ask(READ, b"name\0", &mut bytes) else {
        log::info!("verdict: FAILURE xenstore does not say the domain's name");
        shutdown(Reason::Poweroff)
    };
    log::info!("this domain is {}", core::str::from_utf8(name).unwrap_or("not UTF-8"));
    log::info!("idle: waiting for xl shutdown");
    loop {
        match store.ask(READ, b"control/shutdown\0", &mut bytes) {
            None | Some([]) => core::hint::spin_loop(),
            Some(reason) => {
                log::info!("asked for {}", core::str::from_utf8(reason).unwrap_or("not UTF-8"));
                break;
            }
        }
    }
    // An empty value says that the request was seen.
    let _answer = store.ask(WRITE, b"control/shutdown\0", &mut bytes);
    log::info!("verdict: SUCCESS");
    shutdown(Reason::Poweroff)
}

/// The ring to xenstored.
struct Store {
    page: VirtAddr,
    ring: Ring,
}

impl Store {
    /// Sends a request and returns the body of the answer; `None` for an error, or for an answer that does not fit.
    fn ask<'b>(&mut self, kind: u32, body: &[u8], answer: &'b mut [u8]) -> Option<&'b [u8]> {
        let head = [kind, 0, 0, body.len() as u32];
        head.iter()
            .flat_map(|word| word.to_le_bytes())
            .chain(body.iter().copied())
            .for_each(|byte| self.put(byte));
        send(self.ring.port);
        let mut head = [0; 16];
        head.fill_with(|| self.take());
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (kind, len) = (word(0), word(12) as usize);
        for place in 0..len {
            let byte = self.take();
            if let Some(to) = answer.get_mut(place) {
                *to = byte;
            }
        }
        send(self.ring.port);
        if kind == ERROR { None } else { answer.get(..len) }
    }

    fn put(&self, byte: u8) {
        let (ring, consumer, producer) = REQUESTS;
        let next = half(self.page + producer).load(Ordering::Relaxed);
        while next.wrapping_sub(half(self.page + consumer).load(Ordering::Acquire)) >= 1024 {
            core::hint::spin_loop();
        }
        place(self.page + ring + u64::from(next % 1024)).store(byte, Ordering::Relaxed);
        half(self.page + producer).store(next.wrapping_add(1), Ordering::Release);
    }

    fn take(&self) -> u8 {
        let (ring, consumer, producer) = ANSWERS;
        let next = half(self.page + consumer).load(Ordering::Relaxed);
        while next == half(self.page + producer).load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
        let byte = place(self.page + ring + u64::from(next % 1024)).load(Ordering::Relaxed);
        half(self.page + consumer).store(next.wrapping_add(1), Ordering::Release);
        byte
    }
}

/// The address at which the layer maps the page of a machine frame: the M2P says which page it is.
fn shared_page(guest: &Guest, mfn: u64) -> Option<VirtAddr> {
    let m2p = VirtAddr::new(0xffff_8000_0000_0000 + mfn * 8);
    // SAFETY: an aligned word of the M2P, which Xen maps for every guest; the frame is the guest's own.
    let pfn = unsafe { AtomicU64::from_ptr(m2p.as_mut_ptr()) }.load(Ordering::Relaxed);
    guest.direct_address(Pfn::try_new(pfn).ok()?)
}

fn half(at: VirtAddr) -> &'static AtomicU32 {
    // SAFETY: called with multiples of 4 in the ring's page, which stays mapped; xenstored writes there atomically.
    unsafe { AtomicU32::from_ptr(at.as_mut_ptr()) }
}

fn place(at: VirtAddr) -> &'static AtomicU8 {
    // SAFETY: called with bytes of the ring's page, which stays mapped.
    unsafe { AtomicU8::from_ptr(at.as_mut_ptr()) }
}

fn send(port: u32) {
    // SAFETY: Xen reads the port's number.
    let _refused = unsafe { hypercall(EVENT_CHANNEL_OP, [SEND, &raw const port as u64, 0, 0]) };
}
