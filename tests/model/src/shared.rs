//! The pages that the guest shares with the daemons of dom0: the console's and xenstore's.
//!
//! *What this is*: `xen_guest::SharedWords` on the guest's side, through its live page tables; plain access to the frame
//! on the daemons' side, who map it as a foreign one. What is typed on the console, and when the daemons run.
//!
//! *What must hold*: the guest uses a page that is a ring's, by an address that maps it writable.

use std::collections::{BTreeSet, VecDeque};

use p2m::SharedPage;
use start_info::Mfn;
use xen_guest::SharedWords;

use crate::guest::Domain;
use crate::machine::ModelMachine;
use crate::start_of_day::{CONSOLE_PORT, XENSTORE_PORT};
use crate::xenstored::Xenstored;

/// `struct xencons_interface`: the input's bytes, and its two indices.
const INPUT_LEN: u32 = 1024;
const INPUT_CONSUMER: u16 = 3072;
const INPUT_PRODUCER: u16 = 3076;

/// What the other sides of the rings do.
#[derive(Clone, Debug)]
pub(crate) struct Daemons {
    /// The frame of xenstore's ring; the console's is the machine's own.
    pub(crate) store_ring: Option<Mfn>,
    pub(crate) xenstored: Xenstored,
    /// What was typed and is not in the ring yet, or not read by dom0.
    typed: VecDeque<u8>,
    /// Ports that were notified since the guest waited for them.
    notified: BTreeSet<u32>,
    /// What the toolstack stores, a step each time the guest waits and nothing comes.
    later: VecDeque<(String, Vec<u8>)>,
}

impl Daemons {
    pub(crate) fn new() -> Self {
        Self {
            store_ring: None,
            xenstored: Xenstored::new(),
            typed: VecDeque::new(),
            notified: BTreeSet::new(),
            later: VecDeque::new(),
        }
    }
}

/// The words of a ring's page, as the guest sees them.
struct RingWords<'m> {
    machine: &'m mut ModelMachine,
    page: u64,
}

impl RingWords<'_> {
    fn word(&self, at: u16) -> (u64, u32) {
        let at = self.page + u64::from(at) % 4096;
        (at & !7, (at % 8 * 8) as u32)
    }

    fn load(&self, at: u16) -> u64 {
        let (address, shift) = self.word(at);
        match self.machine.read(address) {
            Ok(word) => word >> shift,
            Err(why) => self.machine.guest_bug(&format!("read a ring at {address:#x}, not mapped: {why}")),
        }
    }

    fn store(&mut self, at: u16, mask: u64, value: u64) {
        let (address, shift) = self.word(at);
        let old = self.load(at & !7) & !(mask << shift);
        if let Err(errno) = self.machine.write(address, old | value << shift) {
            self.machine.guest_bug(&format!("wrote to a ring at {address:#x}: {errno}"));
        }
    }
}

impl SharedWords for RingWords<'_> {
    fn index(&self, at: u16) -> u32 {
        self.load(at) as u32
    }

    fn set_index(&mut self, at: u16, value: u32) {
        self.store(at, u64::from(u32::MAX), u64::from(value));
    }

    fn byte(&self, at: u16) -> u8 {
        self.load(at) as u8
    }

    fn set_byte(&mut self, at: u16, byte: u8) {
        self.store(at, 0xff, u64::from(byte));
    }
}

impl ModelMachine {
    pub(crate) fn words_of_ring(&mut self, page: &SharedPage) -> impl SharedWords + '_ {
        let page = page.address().as_u64();
        match self.live_leaf(page) {
            Ok(leaf)
                if leaf.writable && [self.ring, self.daemons.store_ring].contains(&Some(leaf.pte.mfn())) => {}
            other => self.guest_bug(&format!("took {page:#x} for a ring, but it is {other:?}")),
        }
        RingWords { machine: self, page }
    }

    /// Returns the frame of xenstore's ring; `None` for dom0.
    #[must_use]
    pub const fn store_ring(&self) -> Option<Mfn> {
        self.daemons.store_ring
    }

    /// Returns the frame of the console's ring; `None` for dom0.
    #[must_use]
    pub const fn console_ring(&self) -> Option<Mfn> {
        self.ring
    }

    /// Reads 32 bits of a frame, as a daemon that maps it.
    #[must_use]
    pub fn peek_half(&self, mfn: Mfn, at: u16) -> u32 {
        let word = self.peek(mfn, usize::from(at / 8)).unwrap_or_default();
        (word >> (at % 8 * 8)) as u32
    }

    /// Stores 32 bits in a frame, as a daemon that maps it.
    pub fn poke_half(&mut self, mfn: Mfn, at: u16, value: u32) {
        self.store_bits(mfn, at, u64::from(u32::MAX), u64::from(value));
    }

    pub(crate) fn peek_byte(&self, mfn: Mfn, at: u16) -> u8 {
        let word = self.peek(mfn, usize::from(at / 8)).unwrap_or_default();
        (word >> (at % 8 * 8)) as u8
    }

    pub(crate) fn poke_byte(&mut self, mfn: Mfn, at: u16, byte: u8) {
        self.store_bits(mfn, at, 0xff, u64::from(byte));
    }

    fn store_bits(&mut self, mfn: Mfn, at: u16, mask: u64, value: u64) {
        let (index, shift) = (usize::from(at / 8), u32::from(at % 8 * 8));
        if let Some(frame) = self.frame(mfn) {
            let old = self.contents.word(frame, index) & !(mask << shift);
            self.contents.set(frame, index, old | value << shift);
        }
    }

    /// Types on the guest's console. As dom0, that is Xen's.
    pub fn type_on_console(&mut self, bytes: &[u8]) {
        self.daemons.typed.extend(bytes);
        self.others_run();
    }

    /// Returns how many bytes were typed that the guest has not taken, nor its ring has room for.
    #[must_use]
    pub fn untaken(&self) -> usize {
        self.daemons.typed.len()
    }

    /// `console_io`, command read.
    pub(crate) fn type_into(&mut self, bytes: &mut [u8]) -> usize {
        if self.console_io(xen_sys::CONSOLEIO_read, "").is_err() {
            return 0;
        }
        let mut read = 0;
        for (byte, typed) in bytes.iter_mut().zip(std::iter::from_fn(|| self.daemons.typed.pop_front())) {
            *byte = typed;
            read += 1;
        }
        read
    }

    /// Stores a value as the toolstack does, the next time that the guest waits and nothing else comes.
    pub fn store_later(&mut self, path: &str, value: &[u8]) {
        self.daemons.later.push_back((path.to_owned(), value.to_vec()));
    }

    /// The daemons of dom0 look at their rings.
    pub(crate) fn others_run(&mut self) {
        if self.domain == Domain::Guest {
            self.fill_input();
            self.run_xenstored();
        }
    }

    /// xenconsoled puts what was typed into the ring.
    fn fill_input(&mut self) {
        let Some(ring) = self.ring.filter(|_| !self.daemons.typed.is_empty()) else { return };
        let (consumer, mut producer) =
            (self.peek_half(ring, INPUT_CONSUMER), self.peek_half(ring, INPUT_PRODUCER));
        while producer.wrapping_sub(consumer) < INPUT_LEN
            && let Some(byte) = self.daemons.typed.pop_front()
        {
            self.poke_byte(ring, (producer % INPUT_LEN) as u16, byte);
            producer = producer.wrapping_add(1);
        }
        self.poke_half(ring, INPUT_PRODUCER, producer);
        self.notify_guest(CONSOLE_PORT);
    }

    pub(crate) fn notify_guest(&mut self, port: u32) {
        self.daemons.notified.insert(port);
    }

    /// The guest was blocked until this port was notified. It must have been, or be by what the toolstack does next.
    pub(crate) fn check_woken(&mut self, port: u32) {
        while !self.daemons.notified.remove(&port) {
            let Some((path, value)) = self.daemons.later.pop_front() else {
                self.guest_bug(&format!("waits for port {port}, which nobody will notify"));
            };
            self.store_as_dom0(&path, &value);
            self.others_run();
        }
    }

    pub(crate) fn xenstored_notifies(&mut self) {
        self.notify_guest(XENSTORE_PORT);
    }
}
