//! The words of a page that is shared with another domain, as atomics.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use p2m::SharedPage;
use start_info::PAGE_SIZE;

use crate::{ring::words::SharedWords, sys::pointer};

/// A shared page, to be read and written.
#[derive(Debug)]
pub(super) struct PageWords<'p>(pub(super) &'p SharedPage);

impl PageWords<'_> {
    fn word(&self, at: u16) -> &AtomicU32 {
        let pointer = pointer::to_mut(self.0.address() + (u64::from(at) & (PAGE_SIZE - 4)));
        // SAFETY: a `SharedPage` is a whole mapped page that only its two sides use (p2m::linear_map), and the offset is a
        // multiple of 4 inside it; atomics, because the other side writes it too.
        unsafe { AtomicU32::from_ptr(pointer) }
    }

    fn place(&self, at: u16) -> &AtomicU8 {
        let pointer = pointer::to_mut(self.0.address() + (u64::from(at) & (PAGE_SIZE - 1)));
        // SAFETY: as for `word`; the offset is inside the page.
        unsafe { AtomicU8::from_ptr(pointer) }
    }
}

impl SharedWords for PageWords<'_> {
    fn index(&self, at: u16) -> u32 {
        self.word(at).load(Ordering::Acquire)
    }

    fn set_index(&mut self, at: u16, value: u32) {
        self.word(at).store(value, Ordering::Release);
    }

    fn byte(&self, at: u16) -> u8 {
        self.place(at).load(Ordering::Relaxed)
    }

    fn set_byte(&mut self, at: u16, byte: u8) {
        self.place(at).store(byte, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::string::String;
    use std::vec::Vec;

    use p2m::SharedPage;

    use super::PageWords;
    use crate::ring::{
        layout::CONSOLE_OUTPUT,
        patient::{PatientWriter, Reader},
        producer::Producer,
        words::SharedWords,
    };
    use crate::sys::buffer::Buffer;

    const PATIENCE: u32 = 5;
    // By number, as in `public/io/console.h`, because this tests the constants of `ring::layout`.
    const OUT: u64 = 1024;
    const OUT_SIZE: u32 = 2048;
    const OUT_CONSUMER: u64 = 3080;
    const OUT_PRODUCER: u64 = 3084;

    /// A console's output, as `sys::console` holds it.
    struct Ring {
        page: SharedPage,
        reader: Rc<RefCell<Daemon>>,
        writer: PatientWriter,
    }

    impl Ring {
        fn write(&mut self, text: &str) {
            self.writer.write(&mut PageWords(&self.page), &mut self.reader, text);
        }

        fn drain(&mut self) {
            self.writer.drain(&PageWords(&self.page), &mut self.reader);
        }

        fn waiting(&self) -> u32 {
            let words = PageWords(&self.page);
            words.index(OUT_PRODUCER as u16).wrapping_sub(words.index(OUT_CONSUMER as u16))
        }
    }

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
    fn ring(index: u32, appetite: u32) -> (Ring, Rc<RefCell<Daemon>>) {
        ring_in(Buffer::new(1), index, appetite)
    }

    fn ring_in(buffer: Buffer, index: u32, appetite: u32) -> (Ring, Rc<RefCell<Daemon>>) {
        buffer.set_half(OUT_CONSUMER, index);
        buffer.set_half(OUT_PRODUCER, index);
        let page = buffer.shared_page(0);
        let daemon = Daemon { buffer, appetite, text: Vec::new(), notified: 0, turns: 0 };
        let daemon = Rc::new(RefCell::new(daemon));
        let writer = PatientWriter::new(Producer::attach(&PageWords(&page), CONSOLE_OUTPUT), PATIENCE);
        (Ring { page, reader: Rc::clone(&daemon), writer }, daemon)
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
        let buffer = Buffer::new(1);
        buffer.set_bytes(0, &[0xff; 4096]);
        let (mut ring, daemon) = ring_in(buffer, OUT_SIZE - 2, 0);
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
        ring.page = daemon.borrow().buffer.shared_page(0);
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
    fn no_offset_leaves_the_page() {
        let buffer = Buffer::new(1);
        let page = buffer.shared_page(0);
        let mut words = PageWords(&page);
        for at in [4096, 4097, 4099, u16::MAX] {
            words.set_index(at, 0x1234_5678);
            words.set_byte(at, 0x9a);
            assert_eq!(words.byte(at), 0x9a);
            assert_eq!(words.byte(at), buffer.bytes(u64::from(at % 4096), 1)[0]);
            assert_eq!(words.index(at), buffer.half(u64::from(at % 4096 / 4 * 4)));
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
