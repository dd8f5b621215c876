//! Objects spoiled at random, without end if wanted.
//!
//! *What this is*: a plain driver that needs no tools. Each round takes a good object, spoils it in one to six ways,
//! and loads what is left of it as the executor would. It must be refused or planned; a panic, an overflow or a write
//! outside its pages is a failure, and tells the seed.
//!
//! Bounded in CI. More by hand: `FUZZ_ROUNDS=10000000 FUZZ_SEED=1 cargo test --release --package xen-guest fuzz`.

use std::format;
use std::fs;
use std::vec::Vec;

use kit::cpio;
use kit::elf::{ALLOC, PROGBITS};
use kit::module::{DATA, TEXT, good};
use kit::random::{Random, repeat};

use crate::module::{
    Archive, RamdiskBytes, order,
    tests::hello::{check, modules},
};

/// Objects that are good: small ones made by hand, and what the compilers made.
fn seeds() -> Vec<Vec<u8>> {
    let mut rich = good();
    let log = rich.symbol("xen_guest_log", 0x10, 0, 0);
    let lent = rich.symbol("lent", 0x12, TEXT, 4);
    rich.section(".modexport", PROGBITS, ALLOC, &[0; 8]);
    rich.relocation(6, 0, 1, lent, 0).relocation(TEXT, 0, 42, log, -4).relocation(TEXT, 8, 4, log, -4);
    rich.relocation(DATA, 0, 1, lent, 3).relocation(DATA, 8, 11, lent, 0).relocation(DATA, 16, 24, log, 0);
    rich.section(".init.text", PROGBITS, ALLOC | 4, &[0xcc; 40]);
    let mut seeds = std::vec![good().bytes(), rich.bytes(), rich.bytes(), rich.bytes()];
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
fn interesting(bytes: &[u8], random: &mut Random) -> usize {
    let table = bytes.get(40..48).map_or(0, |field| u64::from_le_bytes(field.try_into().unwrap())) as usize;
    match random.index(8) {
        0 => random.index(64),
        1..=4 => table.saturating_add(random.index(64 * 40)),
        _ => random.index(bytes.len()),
    }
}

fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = interesting(bytes, random);
    let (edge, width) = (EDGES[random.index(EDGES.len())], [1, 2, 4, 8][random.index(4)]);
    match random.index(6) {
        0 => bytes.truncate(at),
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            let from = random.index(bytes.len());
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
            let number = if random.index(3) == 0 { random.word() >> random.below(64) } else { edge };
            for (step, byte) in number.to_le_bytes().into_iter().take(width).enumerate() {
                if let Some(target) = bytes.get_mut(at.saturating_add(step)) {
                    *target = byte;
                }
            }
        }
    }
}

#[test]
fn no_object_breaks_the_loader() {
    let seeds = seeds();
    repeat("modules", 20_000, |random| {
        let mut bytes = seeds[random.index(seeds.len())].clone();
        for _ in 0..=random.below(6) {
            spoil(&mut bytes, random);
        }
        check(&bytes);
        if random.one_in(16) {
            let ramdisk = cpio::CpioWriter::of([("modules/good.ko", &bytes)]);
            let ramdisk = RamdiskBytes::new(&ramdisk).unwrap();
            let _refused = Archive::new(&ramdisk).and_then(|archive| order(&archive, &["good"]).map(|_| ()));
        }
    });
}
