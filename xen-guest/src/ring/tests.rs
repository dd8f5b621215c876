//! Both halves against a peer that keeps the rules, and against one that does not.

use std::vec::Vec;

use kit::random::{Random, repeat};

use crate::ring::{
    consumer::Consumer,
    error::RingError,
    layout::{CONSOLE_INPUT, CONSOLE_OUTPUT, RingLayout, XENSTORE_ANSWERS, XENSTORE_REQUESTS},
    patient::{PatientWriter, Reader},
    peer::{Page, anything},
    producer::Producer,
};

const ALL: [RingLayout; 4] = [CONSOLE_INPUT, CONSOLE_OUTPUT, XENSTORE_REQUESTS, XENSTORE_ANSWERS];

fn quiet() -> Page<'static> {
    Page::new(|_| {})
}

/// The indices of a ring start anywhere.
fn started(ring: RingLayout, index: u32) -> Page<'static> {
    let page = quiet();
    page.set(ring.consumer, index);
    page.set(ring.producer, index);
    page
}

#[test]
fn what_one_half_writes_the_other_reads_in_order_wherever_the_indices_wrap() {
    for ring in ALL {
        for start in [0, u32::from(ring.size) - 3, u32::MAX - 700, u32::MAX] {
            let mut page = started(ring, start);
            let (mut producer, mut consumer) = (Producer::attach(&page, ring), Consumer::attach(&page, ring));
            let mut random = Random::from(u64::from(start));
            let (mut written, mut read) = (Vec::new(), Vec::new());
            while read.len() < 20_000 {
                let bytes: Vec<u8> = (0..random.below(3000)).map(|_| random.word() as u8).collect();
                let count = producer.write(&mut page, &bytes).unwrap();
                written.extend_from_slice(&bytes[..count]);
                let mut room = std::vec![0; random.index(3000)];
                let count = consumer.read(&mut page, &mut room).unwrap();
                read.extend_from_slice(&room[..count]);
            }
            assert!(written.starts_with(&read), "{} from {start:#x} on", ring.name);
        }
    }
}

#[test]
fn a_ring_takes_as_much_as_it_holds_and_gives_as_much_as_it_has() {
    let mut page = started(XENSTORE_REQUESTS, 7);
    let mut producer = Producer::attach(&page, XENSTORE_REQUESTS);
    assert_eq!(producer.write(&mut page, &[1; 2000]), Ok(1024));
    assert_eq!(producer.write(&mut page, &[1]), Ok(0));
    assert_eq!((producer.waiting(&page), producer.has_room(&page)), (Ok(1024), Ok(false)));
    let mut consumer = Consumer::attach(&page, XENSTORE_REQUESTS);
    assert_eq!(consumer.read(&mut page, &mut [0; 3]), Ok(3));
    assert_eq!(producer.write(&mut page, &[1; 2000]), Ok(3));
    assert_eq!(consumer.read(&mut page, &mut [0; 2000]), Ok(1024));
    assert_eq!(consumer.read(&mut page, &mut [0; 2000]), Ok(0));
}

#[test]
fn an_index_beyond_the_ring_is_an_error_with_the_numbers_and_touches_nothing() {
    for by in [1025, 1 << 31, u32::MAX] {
        let mut page = started(XENSTORE_ANSWERS, 100);
        let mut consumer = Consumer::attach(&page, XENSTORE_ANSWERS);
        let producer = 100_u32.wrapping_add(by);
        page.set(XENSTORE_ANSWERS.producer, producer);
        let before = page.bytes();
        let mut bytes = [9; 2000];
        let error = RingError { ring: XENSTORE_ANSWERS.name, size: 1024, consumer: 100, producer };
        assert_eq!(consumer.read(&mut page, &mut bytes), Err(error));
        assert!(bytes == [9; 2000] && page.bytes() == before);
        // Once the index is right again, all goes on.
        page.set(XENSTORE_ANSWERS.producer, 102);
        assert_eq!(consumer.read(&mut page, &mut bytes), Ok(2));
    }
    for by in [1, 1 << 31, u32::MAX - 1024] {
        let mut page = started(XENSTORE_REQUESTS, 100);
        let mut producer = Producer::attach(&page, XENSTORE_REQUESTS);
        let consumer = 100_u32.wrapping_add(by);
        page.set(XENSTORE_REQUESTS.consumer, consumer);
        let before = page.bytes();
        let error = RingError { ring: XENSTORE_REQUESTS.name, size: 1024, consumer, producer: 100 };
        assert_eq!(producer.write(&mut page, b"never"), Err(error));
        assert!(page.bytes() == before);
    }
}

#[test]
fn the_error_says_how_much_the_indices_claim() {
    let error = RingError { ring: "xenstore's answer", size: 1024, consumer: u32::MAX, producer: 0x801 };
    let said = std::string::ToString::to_string(&error);
    assert!(said.contains("holds 1024 bytes") && said.contains("it would be 2050:"), "{said}");
}

#[test]
fn an_index_of_ours_that_the_other_side_overwrites_does_not_matter() {
    let mut page = started(XENSTORE_ANSWERS, 5);
    let mut consumer = Consumer::attach(&page, XENSTORE_ANSWERS);
    page.set(XENSTORE_ANSWERS.producer, 7);
    page.set(XENSTORE_ANSWERS.consumer, 0xdead_beef);
    assert_eq!(consumer.read(&mut page, &mut [0; 1]), Ok(1));
    assert_eq!(page.get(XENSTORE_ANSWERS.consumer), 6);
    let mut page = started(CONSOLE_OUTPUT, 5);
    let mut producer = Producer::attach(&page, CONSOLE_OUTPUT);
    page.set(CONSOLE_OUTPUT.producer, 0xdead_beef);
    assert_eq!(producer.write(&mut page, b"x"), Ok(1));
    assert_eq!(page.get(CONSOLE_OUTPUT.producer), 6);
}

/// More by hand: `FUZZ_ROUNDS=10000000 FUZZ_SEED=1 cargo test --release --package xen-guest ring`.
#[test]
fn a_peer_that_stores_anything_at_any_time_gets_an_error_and_never_a_byte_outside_the_ring() {
    repeat("ring", if cfg!(miri) { 20 } else { 2000 }, |random| {
        let ring = ALL[random.index(ALL.len())];
        let words = [ring.consumer, ring.producer, ring.consumer, ring.producer];
        let mut page = Page::new(anything(random.clone(), words));
        let (mut producer, mut consumer) = (Producer::attach(&page, ring), Consumer::attach(&page, ring));
        for _ in 0..40 {
            let mut bytes = std::vec![0xaa; random.index(1500)];
            let len = bytes.len();
            let done = if random.one_in(2) {
                producer.write(&mut page, &bytes)
            } else {
                consumer.read(&mut page, &mut bytes)
            };
            match done {
                Ok(done) => assert!(done <= len && done <= usize::from(ring.size)),
                Err(RingError { size, consumer, producer, .. }) => {
                    assert!(producer.wrapping_sub(consumer) > u32::from(size));
                }
            }
        }
        // Outside of the ring's bytes and its two indices all is as it was.
        let bytes = page.bytes();
        for (at, byte) in (0..).zip(&bytes) {
            let own = (ring.bytes..ring.bytes + ring.size).contains(&at)
                || [ring.consumer, ring.producer].iter().any(|&index| (index..index + 4).contains(&at));
            assert!(own || *byte == 0, "byte {at:#x} was stored to");
        }
    });
}

/// Counts, and never reads.
#[derive(Default)]
struct Absent {
    turns: u32,
}

impl Reader for Absent {
    fn notify(&mut self) {}

    fn give_way(&mut self) {
        self.turns += 1;
    }
}

#[test]
fn a_reader_that_only_seems_to_move_does_not_keep_the_writer() {
    repeat("ring reader", if cfg!(miri) { 5 } else { 200 }, |random| {
        let ring = CONSOLE_OUTPUT;
        // Every look sees another index, often one that promises room.
        let mut page = Page::new(move |bytes: &mut [u8]| {
            let theirs = crate::ring::peer::get(bytes, ring.producer);
            let claimed = [0, 2048, 2049, u32::MAX][random.index(4)];
            crate::ring::peer::set(bytes, ring.consumer, theirs.wrapping_sub(claimed));
        });
        let mut writer = PatientWriter::new(Producer::attach(&page, ring), 50);
        let mut reader = Absent::default();
        writer.write(&mut page, &mut reader, &"0123456789".repeat(500));
        writer.drain(&page, &mut reader);
        assert!(page.accesses.get() < 500_000);
    });
}
