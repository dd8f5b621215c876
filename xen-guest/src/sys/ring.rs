//! The output half of the console ring (`public/io/console.h`).
//!
//! *What this is*: 2048 bytes and two indices in a page that xenconsoled maps too. We write bytes and advance the
//! producer index; it advances the consumer index. Indices are never reset and wrap at 2^32.
//!
//! *What must hold*: a byte is stored before the index that covers it. A full ring does not stop the guest for good:
//! after many yields without a reader the text is dropped, and so is what follows, until the reader moves. After one
//! wait in vain, neither a later line nor the end waits again until the reader has moved.
//!
//! *What is not prevented*: a reader that moves its index backwards gets bytes twice, or none until it is back.

use core::{
    mem::offset_of,
    sync::atomic::{AtomicU8, AtomicU32, Ordering, fence},
};

use p2m::SharedPage;

use crate::sys::{abi::ConsoleRing, pointer};

const OUT: u64 = offset_of!(ConsoleRing, output) as u64;
const OUT_SIZE: u32 = (offset_of!(ConsoleRing, input_consumer) - offset_of!(ConsoleRing, output)) as u32;
const OUT_CONSUMER: u64 = offset_of!(ConsoleRing, output_consumer) as u64;
const OUT_PRODUCER: u64 = offset_of!(ConsoleRing, output_producer) as u64;

const _: () = assert!(size_of::<ConsoleRing>() as u64 <= start_info::PAGE_SIZE);
const _: () = assert!(OUT_SIZE.is_power_of_two(), "or an index that wraps would jump in the ring");

/// The domain that reads the ring.
pub(super) trait Reader {
    /// Notifies it that there is something to read.
    fn notify(&mut self);

    /// Lets it run.
    fn give_way(&mut self);
}

/// A ring and its reader.
#[derive(Debug)]
pub(super) struct Ring<R> {
    page: SharedPage,
    reader: R,
    /// How often the processor is yielded to the reader before text is dropped.
    patience: u32,
    /// The reader's index after a wait in vain: it is not waited for again until it has moved.
    deaf_at: Option<u32>,
}

impl<R: Reader> Ring<R> {
    pub(super) const fn new(page: SharedPage, reader: R, patience: u32) -> Self {
        Self { page, reader, patience, deaf_at: None }
    }

    /// Continues at the ring's new address, with what is known of its reader.
    pub(super) fn move_to(&mut self, page: SharedPage, reader: R) {
        (self.page, self.reader) = (page, reader);
    }

    /// Writes text, with a carriage return before every line feed as a terminal needs it, and notifies the reader.
    pub(super) fn write(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            match piece.strip_suffix('\n') {
                Some(line) => {
                    self.bytes(line.as_bytes());
                    self.bytes(b"\r\n");
                }
                None => self.bytes(piece.as_bytes()),
            }
        }
        self.reader.notify();
    }

    /// Waits until the reader has everything, so that nothing is lost when the domain ends.
    pub(super) fn drain(&mut self) {
        let _in_vain = self.wait_until(|waiting| waiting == 0);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.waiting() >= OUT_SIZE {
                self.reader.notify();
                if !self.wait_until(|waiting| waiting < OUT_SIZE) {
                    return;
                }
            }
            let producer = self.index(OUT_PRODUCER).load(Ordering::Relaxed);
            self.byte(producer % OUT_SIZE).store(byte, Ordering::Relaxed);
            fence(Ordering::Release);
            self.index(OUT_PRODUCER).store(producer.wrapping_add(1), Ordering::Release);
        }
    }

    /// How many bytes the reader has not taken yet.
    fn waiting(&self) -> u32 {
        let producer = self.index(OUT_PRODUCER).load(Ordering::Relaxed);
        producer.wrapping_sub(self.consumer())
    }

    /// Returns the reader's index.
    fn consumer(&self) -> u32 {
        self.index(OUT_CONSUMER).load(Ordering::Acquire)
    }

    /// Lets the reader run until at most so many bytes wait for it; tells whether that happened.
    fn wait_until(&mut self, enough: impl Fn(u32) -> bool) -> bool {
        for _ in 0..self.patience {
            if enough(self.waiting()) {
                return true;
            }
            if self.deaf_at == Some(self.consumer()) {
                return false;
            }
            self.reader.give_way();
        }
        let came = enough(self.waiting());
        self.deaf_at = (!came).then(|| self.consumer());
        came
    }

    fn index(&self, offset: u64) -> &AtomicU32 {
        let pointer = pointer::to_mut(self.page.address() + offset);
        // SAFETY: a `SharedPage` is a whole mapped page that only its two sides use (p2m::window), and the offset is
        // one of the two constants above, a multiple of 4 inside it; atomics, because the other side writes it too.
        unsafe { AtomicU32::from_ptr(pointer) }
    }

    fn byte(&self, offset: u32) -> &AtomicU8 {
        let pointer = pointer::to_mut(self.page.address() + OUT + u64::from(offset));
        // SAFETY: as for `index`; callers pass an offset below OUT_SIZE, and 1024 + 2048 lie inside the page.
        unsafe { AtomicU8::from_ptr(pointer) }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::string::String;
    use std::vec::Vec;

    use super::{OUT, OUT_CONSUMER, OUT_PRODUCER, OUT_SIZE, Reader, Ring};
    use crate::sys::buffer::Buffer;

    const PATIENCE: u32 = 5;

    /// The other side: takes up to `appetite` bytes whenever it gets the processor.
    struct Daemon {
        buffer: Buffer,
        appetite: u32,
        text: Vec<u8>,
        notified: u32,
        turns: u32,
    }

    impl Daemon {
        fn take(&mut self) {
            let (consumer, producer) = (self.buffer.half(OUT_CONSUMER), self.buffer.half(OUT_PRODUCER));
            let count = producer.wrapping_sub(consumer).min(self.appetite);
            // Up to the end of the ring, and the rest from its start.
            let at = consumer % OUT_SIZE;
            let first = count.min(OUT_SIZE - at);
            self.text.extend(self.buffer.bytes(OUT + u64::from(at), first as usize));
            self.text.extend(self.buffer.bytes(OUT, (count - first) as usize));
            self.buffer.set_half(OUT_CONSUMER, consumer.wrapping_add(count));
        }

        /// Everything that was written, the rest of it taken now.
        fn everything(&mut self) -> String {
            self.appetite = u32::MAX;
            self.take();
            String::from_utf8(self.text.clone()).unwrap()
        }
    }

    impl Reader for Rc<RefCell<Daemon>> {
        fn notify(&mut self) {
            self.borrow_mut().notified += 1;
        }

        fn give_way(&mut self) {
            let mut daemon = self.borrow_mut();
            daemon.turns += 1;
            daemon.take();
        }
    }

    /// A ring whose indices start at `index`, and its reader.
    fn ring(index: u32, appetite: u32) -> (Ring<Rc<RefCell<Daemon>>>, Rc<RefCell<Daemon>>) {
        let buffer = Buffer::new(1);
        buffer.set_half(OUT_CONSUMER, index);
        buffer.set_half(OUT_PRODUCER, index);
        let page = buffer.shared_page(0);
        let daemon = Daemon { buffer, appetite, text: Vec::new(), notified: 0, turns: 0 };
        let daemon = Rc::new(RefCell::new(daemon));
        (Ring::new(page, Rc::clone(&daemon), PATIENCE), daemon)
    }

    #[test]
    fn a_line_ends_as_a_terminal_wants_it() {
        let (mut ring, daemon) = ring(0, 0);
        ring.write("one\n\ntwo");
        assert_eq!(daemon.borrow_mut().everything(), "one\r\n\r\ntwo");
        assert_eq!((daemon.borrow().notified, daemon.borrow().turns), (1, 0));
    }

    #[test]
    fn bytes_of_any_number_go_through_a_ring_that_is_emptied_slowly() {
        for (start, appetite) in [(OUT_SIZE - 3, 2047), (u32::MAX - 2100, 333)] {
            let (mut ring, daemon) = ring(start, appetite);
            let alphabet = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(60);
            let mut written = String::new();
            for len in [1, 2, 0, 1021, 2048] {
                let piece = &alphabet[written.len() % 36..][..len];
                ring.write(piece);
                written += piece;
            }
            assert_eq!(daemon.borrow_mut().everything(), written, "from {start:#x} on, {appetite} at a time");
            let end = start.wrapping_add(written.len() as u32);
            assert_eq!(daemon.borrow().buffer.half(OUT_PRODUCER), end);
        }
    }

    #[test]
    fn a_write_touches_only_its_bytes_and_its_index() {
        let (mut ring, daemon) = ring(0, 0);
        daemon.borrow().buffer.set_bytes(0, &[0xff; 4096]);
        daemon.borrow().buffer.set_half(OUT_CONSUMER, OUT_SIZE - 2);
        daemon.borrow().buffer.set_half(OUT_PRODUCER, OUT_SIZE - 2);
        ring.write("1234");
        let mut expected = std::vec![0xff; 4096];
        expected[1024 + 2046..1024 + 2048].copy_from_slice(b"12");
        expected[1024..1026].copy_from_slice(b"34");
        expected[OUT_CONSUMER as usize..][..4].copy_from_slice(&(OUT_SIZE - 2).to_le_bytes());
        expected[OUT_PRODUCER as usize..][..4].copy_from_slice(&(OUT_SIZE + 2).to_le_bytes());
        assert_eq!(daemon.borrow().buffer.bytes(0, 4096), expected);
    }

    #[test]
    fn a_full_ring_keeps_what_it_has_and_drops_the_rest() {
        let (mut ring, daemon) = ring(u32::MAX - 100, 0);
        let text = "01234567".repeat(OUT_SIZE as usize / 8);
        ring.write(&text);
        assert_eq!((ring.waiting(), daemon.borrow().turns), (OUT_SIZE, 0));
        ring.write("lost");
        assert_eq!((ring.waiting(), daemon.borrow().turns), (OUT_SIZE, PATIENCE));
        assert_eq!(daemon.borrow_mut().everything(), text);
    }

    #[test]
    fn a_reader_that_never_reads_is_waited_for_once() {
        let (mut ring, daemon) = ring(0, 0);
        for _ in 0..3 {
            ring.write(&"a line of text\n".repeat(60));
        }
        ring.drain();
        assert_eq!(daemon.borrow().turns, PATIENCE);
        // Once it reads, everything is as before.
        daemon.borrow_mut().appetite = 40;
        daemon.borrow_mut().take();
        daemon.borrow_mut().text.clear();
        let text = "0123456789".repeat(15);
        ring.write(&text);
        assert!(daemon.borrow_mut().everything().ends_with(&text));
    }

    #[test]
    fn the_end_is_waited_for_once_whatever_is_written_between() {
        for before in [1, OUT_SIZE as usize, 3 * OUT_SIZE as usize] {
            let (mut ring, daemon) = ring(7, 0);
            ring.write(&"x".repeat(before));
            ring.drain();
            assert_eq!(daemon.borrow().turns, PATIENCE, "{before} bytes");
            ring.drain();
            ring.write("fatal: one line more\n");
            ring.drain();
            assert_eq!(daemon.borrow().turns, PATIENCE, "{before} bytes");
            // A reader that moves is waited for again, and gets the rest.
            daemon.borrow_mut().appetite = 1;
            daemon.borrow_mut().take();
            daemon.borrow_mut().appetite = OUT_SIZE;
            ring.drain();
            assert_eq!((ring.waiting(), daemon.borrow().turns), (0, PATIENCE + 1), "{before} bytes");
        }
    }

    #[test]
    fn a_ring_that_is_mapped_elsewhere_has_the_same_reader() {
        let (mut ring, daemon) = ring(7, 0);
        ring.write("lost");
        ring.drain();
        let page = daemon.borrow().buffer.shared_page(0);
        ring.move_to(page, Rc::clone(&daemon));
        ring.drain();
        assert_eq!(daemon.borrow().turns, PATIENCE);
    }

    #[test]
    fn an_index_that_cannot_be_is_a_full_ring() {
        for consumer in [1, 0x8000_0000, u32::MAX - OUT_SIZE] {
            let (mut ring, daemon) = ring(0, 0);
            daemon.borrow().buffer.set_half(OUT_CONSUMER, consumer);
            ring.write("never");
            assert_eq!(daemon.borrow().buffer.half(OUT_PRODUCER), 0);
            assert_eq!(daemon.borrow().buffer.bytes(OUT, 8), [0; 8]);
        }
    }

    #[test]
    fn what_was_written_is_waited_for_at_the_end() {
        let (mut ring, daemon) = ring(0, 3);
        ring.write("0123456789");
        ring.drain();
        assert_eq!((ring.waiting(), daemon.borrow().turns), (0, 4));
    }
}
