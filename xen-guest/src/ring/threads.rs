//! Both halves of a ring at the same time, in every order that the memory model allows.
//!
//! *What this is*: a tiny ring whose words are loom's atomics, with the orderings of `sys::ring`. Loom runs each test in
//! all ways in which its threads can meet, and lets a load return any value that the orderings allow.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use loom::thread;

use crate::ring::{consumer::Consumer, layout::RingLayout, producer::Producer, words::SharedWords};

/// Two bytes, and the two indices at 4 and 8.
const TINY: RingLayout = RingLayout { name: "tiny", bytes: 0, size: 2, consumer: 4, producer: 8 };

#[derive(Clone)]
struct Page(Arc<([AtomicU8; 2], [AtomicU32; 2])>);

impl Page {
    fn new(index: u32) -> Self {
        let bytes = [AtomicU8::new(0), AtomicU8::new(0)];
        Self(Arc::new((bytes, [AtomicU32::new(index), AtomicU32::new(index)])))
    }
}

impl SharedWords for Page {
    fn index(&self, at: u16) -> u32 {
        self.0.1[usize::from(at / 4) - 1].load(Ordering::Acquire)
    }

    fn set_index(&mut self, at: u16, value: u32) {
        self.0.1[usize::from(at / 4) - 1].store(value, Ordering::Release);
    }

    fn byte(&self, at: u16) -> u8 {
        self.0.0[usize::from(at)].load(Ordering::Relaxed)
    }

    fn set_byte(&mut self, at: u16, byte: u8) {
        self.0.0[usize::from(at)].store(byte, Ordering::Relaxed);
    }
}

#[test]
fn every_byte_arrives_once_and_in_order_whatever_the_order_of_steps() {
    for start in [0, u32::MAX] {
        loom::model(move || {
            let page = Page::new(start);
            let mut writes = page.clone();
            let writer = thread::spawn(move || {
                let mut producer = Producer::attach(&writes, TINY);
                let mut left: &[u8] = &[1, 2, 3];
                while !left.is_empty() {
                    let written = producer.write(&mut writes, left).unwrap();
                    left = &left[written..];
                    if written == 0 {
                        thread::yield_now();
                    }
                }
            });
            let mut reads = page;
            let mut consumer = Consumer::attach(&reads, TINY);
            let mut read = std::vec::Vec::new();
            while read.len() < 3 {
                let mut bytes = [0; 2];
                let taken = consumer.read(&mut reads, &mut bytes).unwrap();
                read.extend_from_slice(&bytes[..taken]);
                if taken == 0 {
                    thread::yield_now();
                }
            }
            writer.join().unwrap();
            assert_eq!(read, [1, 2, 3]);
        });
    }
}

#[test]
fn a_peer_that_stores_to_both_indices_meanwhile_gets_no_more_than_the_ring_holds() {
    loom::model(|| {
        let page = Page::new(0);
        let mut others = page.clone();
        let other = thread::spawn(move || {
            others.set_index(TINY.consumer, 3);
            others.set_index(TINY.producer, u32::MAX);
            others.set_index(TINY.consumer, 1);
        });
        let mut ours = page;
        let mut producer = Producer::attach(&ours, TINY);
        for _ in 0..2 {
            if let Ok(written) = producer.write(&mut ours, &[1, 2, 3]) {
                assert!(written <= 2);
            }
        }
        let mut consumer = Consumer::attach(&ours, TINY);
        if let Ok(taken) = consumer.read(&mut ours, &mut [0; 3]) {
            assert!(taken <= 2);
        }
        other.join().unwrap();
    });
}
