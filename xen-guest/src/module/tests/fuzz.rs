//! Objects spoiled at random, without end if wanted.
//!
//! *What this is*: a plain driver that needs no tools. Each execution takes a good object, spoils it in one to six ways, and
//! loads what is left of it as the executor would. It must be refused or planned; a panic, an overflow or a write outside
//! its pages is a failure, and tells the seed.
//!
//! Bounded in CI. More by hand: `FUZZ_EXECUTIONS=10000000 FUZZ_SEED=1 cargo test --release --package xen-guest fuzz`.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Vec;
use std::{env, format};

use crate::module::{
    Archive, Ramdisk, order,
    tests::{
        archive::archive_of,
        hello::{check, modules},
        object::{ALLOC, DATA, Object, PROGBITS, TEXT},
    },
};

/// A generator of numbers (xorshift64*), the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Objects that are good: small ones made by hand, and what the compilers made.
fn seeds() -> Vec<Vec<u8>> {
    let mut rich = Object::new();
    let log = rich.symbol("xen_guest_log", 0x10, 0, 0);
    let lent = rich.symbol("lent", 0x12, TEXT, 4);
    rich.section(".modexport", PROGBITS, ALLOC, &[0; 8]);
    rich.relocation(6, 0, 1, lent, 0).relocation(TEXT, 0, 42, log, -4).relocation(TEXT, 8, 4, log, -4);
    rich.relocation(DATA, 0, 1, lent, 3).relocation(DATA, 8, 11, lent, 0).relocation(DATA, 16, 24, log, 0);
    rich.section(".init.text", PROGBITS, ALLOC | 4, &[0xcc; 40]);
    let mut seeds = std::vec![Object::new().bytes(), rich.bytes(), rich.bytes(), rich.bytes()];
    for name in ["client", "plainc", "hello"] {
        seeds.push(fs::read(modules().join(format!("{name}.ko"))).unwrap());
    }
    seeds
}

/// Numbers that are at the edge of something.
const EDGES: [u64; 16] = [
    0,
    1,
    7,
    8,
    0xff,
    0x1000,
    0xffff,
    0x20_0000,
    0x40_0000,
    1 << 31,
    0xffff_ffff,
    1 << 40,
    1 << 63,
    u64::MAX - 7,
    u64::MAX - 1,
    u64::MAX,
];

/// Where the tables are: the header, the section table, and the last sections, among them symbols and names.
fn interesting(bytes: &[u8], numbers: &mut Numbers) -> usize {
    let table = bytes.get(40..48).map_or(0, |field| u64::from_le_bytes(field.try_into().unwrap())) as usize;
    match numbers.below(8) {
        0 => numbers.below(64),
        1..=4 => table.saturating_add(numbers.below(64 * 40)),
        _ => numbers.below(bytes.len()),
    }
}

fn spoil(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = interesting(bytes, numbers);
    let (edge, width) = (EDGES[numbers.below(EDGES.len())], [1, 2, 4, 8][numbers.below(4)]);
    match numbers.below(6) {
        0 => bytes.truncate(at),
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << numbers.below(8);
            }
        }
        2 => {
            let from = numbers.below(bytes.len());
            for step in 0..width {
                let to = at.saturating_add(step);
                if let (Some(byte), true) = (bytes.get(from + step).copied(), to < bytes.len()) {
                    bytes[to] = byte;
                }
            }
        }
        _ => {
            // Fields lie at multiples of their size.
            let at = at - at % width;
            let number = if numbers.below(3) == 0 { numbers.next() >> numbers.below(64) } else { edge };
            for (step, byte) in number.to_le_bytes().into_iter().take(width).enumerate() {
                if let Some(target) = bytes.get_mut(at.saturating_add(step)) {
                    *target = byte;
                }
            }
        }
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn no_object_breaks_the_loader() {
    let (executions, seed) = (number("FUZZ_EXECUTIONS", 20_000), number("FUZZ_SEED", 1));
    let seeds = seeds();
    for execution in 0..executions {
        let mut numbers = Numbers((seed << 40 | execution).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut bytes = seeds[numbers.below(seeds.len())].clone();
        for _ in 0..=numbers.below(6) {
            spoil(&mut bytes, &mut numbers);
        }
        let result = catch_unwind(AssertUnwindSafe(|| {
            check(&bytes);
            if execution % 16 == 0 {
                let ramdisk = archive_of([("modules/good.ko".into(), bytes.clone())]);
                let ramdisk = Ramdisk::new(&ramdisk).unwrap();
                let _refused =
                    Archive::new(&ramdisk).and_then(|archive| order(&archive, &["good"]).map(|_| ()));
            }
        }));
        assert!(result.is_ok(), "FUZZ_SEED={seed}, execution {execution}");
    }
    std::println!("{executions} executions");
}
