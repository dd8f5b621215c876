//! Ramdisks of several archives, plain and packed, as the tools that make ramdisks write them.

use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

use miniz_oxide::deflate::compress_to_vec;
use proptest::prelude::*;

use crate::module::{
    Archive, Info, ModuleError, RamdiskBytes, order,
    ramdisk::{
        error::{ArchiveError, GzipError},
        gzip::{self, MAX_UNPACKED},
    },
    tests::growth::processor_time,
};
use kit::cpio;
use kit::module::saying;

/// The checksum of gzip, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |check, byte| {
        (0..8).fold(check ^ u32::from(*byte), |check, _| (check >> 1) ^ (0xedb8_8320 * (check & 1)))
    })
}

/// Packs bytes, with optional parts of the header as the flags say.
fn packed_with(flags: u8, parts: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut gzip = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
    gzip.extend(parts);
    gzip.extend(compress_to_vec(bytes, 6));
    gzip.extend(checksum(bytes).to_le_bytes());
    gzip.extend((bytes.len() as u32).to_le_bytes());
    gzip
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    packed_with(0, &[], bytes)
}

/// An archive of one module that holds its name many times.
fn with(name: &str) -> Vec<u8> {
    cpio::CpioWriter::of([(format!("modules/{name}.ko"), name.repeat(5000).into_bytes())])
}

/// What stands in front of the ramdisk of a machine whose processor wants microcode.
fn microcode() -> Vec<u8> {
    cpio::CpioWriter::of([("kernel/x86/microcode/GenuineIntel.bin", vec![0x5a; 10_241])])
}

fn names(bytes: &[u8]) -> Result<Vec<String>, ModuleError> {
    let ramdisk = RamdiskBytes::new(bytes)?;
    let archive = Archive::new(&ramdisk)?;
    for module in archive.modules() {
        assert_eq!(module.bytes, module.name.repeat(5000).as_bytes());
        assert_eq!(archive.module(module.name).unwrap(), *module);
    }
    Ok(archive.modules().iter().map(|module| module.name.to_string()).collect())
}

fn refusal(bytes: &[u8]) -> ModuleError {
    names(bytes).expect_err("must be refused")
}

#[test]
fn further_archives_are_followed_across_zeros() {
    for zeros in [0, 1, 2, 3, 4, 511, 512, 4095, 4096, 4097, 1 << 20] {
        for end in [0, 1, 4096] {
            let padding = vec![0; zeros];
            let all = [&microcode()[..], &padding, &with("one"), &padding, &with("two"), &vec![0; end]];
            assert_eq!(names(&all.concat()).unwrap(), ["one", "two"], "{zeros} zeros");
            let all = [&padding[..], &packed(&with("one")), &padding, &with("two"), &vec![0; end]];
            assert_eq!(names(&all.concat()).unwrap(), ["one", "two"], "{zeros} zeros");
            let all = [&microcode()[..], &padding, &packed(&with("one")), &padding, &packed(&with("two"))];
            assert_eq!(names(&all.concat()).unwrap(), ["one", "two"], "{zeros} zeros");
        }
    }
}

#[test]
fn what_is_packed_may_hold_several_archives_or_a_piece_of_one() {
    let several = [&with("one")[..], &[0; 512], &with("two"), &[0; 77]].concat();
    assert_eq!(names(&packed(&several)).unwrap(), ["one", "two"]);
    for cut in [1, 109, 200, 7777, several.len() - 1] {
        let (head, tail) = several.split_at(cut);
        assert_eq!(names(&[packed(head), packed(tail)].concat()).unwrap(), ["one", "two"], "cut at {cut}");
    }
}

#[test]
fn every_optional_part_of_a_header_is_passed_over() {
    let parts: [(u8, &[u8]); 6] = [
        (1, &[]),
        (2, &[0x12, 0x34]),
        (4, &[3, 0, 9, 9, 9]),
        (8, b"name\0"),
        (16, b"\0"),
        (31, b"\x02\0zzname\0comment\0\x12\x34"),
    ];
    for (flags, parts) in parts {
        let bytes = packed_with(flags, parts, &with("one"));
        assert_eq!(names(&bytes).unwrap(), ["one"], "flags {flags}");
        for cut in 2..10 + parts.len() {
            let error = refusal(&bytes[..cut]);
            assert!(
                matches!(error, ModuleError::Gzip(GzipError::Truncated { offset: 0, .. })),
                "flags {flags}, {cut}: {error}"
            );
        }
    }
}

#[test]
fn a_gzip_that_is_none_is_told_with_its_place() {
    let front = [microcode(), vec![0; 100]].concat();
    let offset = front.len() as u64;
    let behind = |spoil: &dyn Fn(&mut Vec<u8>)| {
        let mut gzip = packed(&with("one"));
        spoil(&mut gzip);
        refusal(&[&front[..], &gzip].concat())
    };
    let method = ModuleError::Gzip(GzipError::Header { offset, method: 7, flags: 0 });
    assert_eq!(behind(&|gzip| gzip[2] = 7), method);
    assert_eq!(
        behind(&|gzip| gzip[3] = 0x20),
        ModuleError::Gzip(GzipError::Header { offset, method: 8, flags: 0x20 })
    );
    let len = packed(&with("one")).len();
    for cut in 2..len {
        assert_eq!(
            behind(&|gzip| gzip.truncate(cut)),
            ModuleError::Gzip(GzipError::Truncated { offset, present: cut as u64 }),
            "{cut} of {len}"
        );
    }
    // A block of the kind that does not exist.
    let data = behind(&|gzip| gzip[10] |= 7);
    assert!(matches!(data, ModuleError::Gzip(GzipError::Data { at, .. }) if at >= offset + 10), "{data}");
    let sum = checksum(&with("one"));
    let size = with("one").len() as u32;
    let check = behind(&|gzip| gzip[len - 8] ^= 1);
    assert_eq!(
        check,
        ModuleError::Gzip(GzipError::Check { offset, found: (sum, size), wanted: (sum ^ 1, size) })
    );
    let check = behind(&|gzip| gzip[len - 2] ^= 1);
    assert_eq!(
        check,
        ModuleError::Gzip(GzipError::Check { offset, found: (sum, size), wanted: (sum, size ^ 0x1_0000) })
    );
    let line = format!(
        "gzip at byte {offset:#x} is damaged: it unpacks to {size:#x} bytes with checksum {sum:#x}, must be {:#x} with {sum:#x}",
        size ^ 0x1_0000
    );
    assert_eq!(check.to_string(), line);
}

#[test]
fn what_is_wrong_inside_is_told_with_both_places() {
    let front = microcode();
    let offset = front.len() as u64;
    let mut archive = with("one");
    archive.truncate(archive.len() - 200);
    let error = refusal(&[&front[..], &packed(&archive)].concat());
    assert!(
        matches!(&error, ModuleError::InGzip { offset: at, cause } if *at == offset
        && matches!(**cause, ModuleError::Archive(ArchiveError::Truncated { .. }))),
        "{error}"
    );
    let line = error.to_string();
    assert!(
        line.starts_with(&format!("in what the gzip at byte {offset:#x} unpacks to: ramdisk archive is")),
        "{line}"
    );
    assert!(RamdiskBytes::new(&packed(&archive)).is_err(), "told only when it is looked through");
    for nothing in [vec![], vec![0; 512]] {
        let error = refusal(&[&front[..], &packed(&nothing)].concat());
        assert!(matches!(error, ModuleError::InGzip { .. }), "{error}");
    }
    // A gzip in a gzip is no archive.
    let error = refusal(&packed(&packed(&with("one"))));
    assert!(error.to_string().contains("no archive entry at byte 0x0: found 1f 8b 08 00"), "{error}");
}

#[test]
fn another_packing_is_named() {
    for (magic, name) in [
        (&b"\x28\xb5\x2f\xfd\x24"[..], "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh9", "bzip2"),
        (b"\x5d\0\0\x80", "lzma"),
        (b"\x02\x21\x4c\x18", "lz4"),
        (b"\x89LZO\0", "lzo"),
    ] {
        let front = microcode();
        let offset = front.len() as u64;
        let error = refusal(&[&front[..], magic, &[0x77; 4096]].concat());
        assert_eq!(error, ModuleError::Compression { offset, name });
        assert!(error.to_string().contains(name));
    }
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    let small = packed(&with("one"));
    let size = with("one").len() as u64;
    assert!(gzip::unpack(&small, 0, size).is_ok());
    assert_eq!(
        gzip::unpack(&small, 0, size - 1),
        Err(GzipError::TooLarge { offset: 0, limit: MAX_UNPACKED })
    );
    // Two members share the limit.
    let two = [small.clone(), small.clone()].concat();
    assert!(gzip::unpack(&two, 0, 2 * size).is_ok());
    let offset = small.len() as u64;
    let over = GzipError::TooLarge { offset, limit: MAX_UNPACKED };
    assert_eq!(gzip::unpack(&two, 0, 2 * size - 1), Err(over));
    assert!(over.to_string().contains("0x40000000 bytes"), "{over}");
    let full = GzipError::NoRoom { offset: 0x200, bytes: 0x1234 }.to_string();
    assert!(full.contains("0x1234 bytes") && full.contains("0x200"), "{full}");
}

/// One archive in members of any size comes out in one run of bytes, with room for no more.
#[test]
fn an_archive_in_many_members_is_one() {
    let whole = with("one");
    for size in [1, 511, 4096, whole.len()] {
        let members: Vec<u8> = whole.chunks(size.max(whole.len() / 300)).flat_map(packed).collect();
        let (unpacked, end) = gzip::unpack(&members, 0, MAX_UNPACKED).unwrap();
        assert_eq!(
            (unpacked.len(), unpacked.capacity(), end),
            (whole.len(), whole.len(), members.len() as u64)
        );
        assert!(unpacked == whole);
        assert_eq!(names(&members).unwrap(), ["one"]);
    }
}

/// Names in an order that is not theirs.
fn scattered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|rank| format!("m{:08}", rank.wrapping_mul(2_654_435_761) % 100_000_007))
}

/// How many times as long the one takes as the other, by the least times of some tries: what else the machine does only
/// adds. Stops trying when it is less than `enough`.
fn ratio(enough: u128, one: impl Fn(), other: impl Fn()) -> u128 {
    let acts: [&dyn Fn(); 2] = [&one, &other];
    let mut least = [u128::MAX; 2];
    let mut ratio = u128::MAX;
    for _ in 0..5 {
        for (act, least) in acts.iter().zip(&mut least) {
            *least = processor_time(act).as_nanos().min(*least);
        }
        ratio = least[0] / least[1].max(1);
        if ratio < enough {
            break;
        }
    }
    ratio
}

/// So many that a list searched for each of them is seen.
const MANY: usize = 40_000;

#[test]
fn the_time_for_many_names_is_that_of_sorting_them() {
    let bytes = cpio::CpioWriter::of(scattered(MANY).map(|name| (format!("modules/{name}.ko"), Vec::new())));
    let find_all = || {
        let ramdisk = RamdiskBytes::new(&bytes).unwrap();
        let archive = Archive::new(&ramdisk).unwrap();
        for module in archive.modules() {
            assert_eq!(archive.module(module.name).unwrap().name, module.name);
        }
    };
    let sort = || {
        let mut names: Vec<String> = scattered(MANY).collect();
        names.sort();
        assert!(names.iter().all(|name| names.binary_search(name).is_ok()));
    };
    let ratio = ratio(15, find_all, sort);
    assert!(ratio < 15, "{ratio} times as long as sorting the names");
}

#[test]
fn the_time_for_the_order_of_many_modules_is_that_of_reading_them() {
    let bytes = cpio::CpioWriter::of(scattered(MANY).map(|name| {
        let info = format!("name={name}\0version=1\0license=MIT\0abi=1");
        (format!("modules/{name}.ko"), saying(info.as_bytes()).bytes())
    }));
    let ramdisk = RamdiskBytes::new(&bytes).unwrap();
    let archive = Archive::new(&ramdisk).unwrap();
    let names: Vec<&str> = archive.modules().iter().map(|module| module.name).collect();
    let put_in_order = || assert_eq!(order(&archive, &names).unwrap().len(), MANY);
    let read = || assert!(archive.modules().iter().all(|module| Info::of(module.bytes).is_ok()));
    let ratio = ratio(12, put_in_order, read);
    assert!(ratio < 12, "{ratio} times as long as reading the modules");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_flipped_byte_makes_it_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let mut bytes = [microcode(), vec![0; 9], packed(&with("one")), vec![0; 3], with("two")].concat();
        for (index, byte) in flips {
            // Most of them where the gzip is.
            let at = 10_000 + index.index(bytes.len() - 10_000) % 1200;
            bytes[at] = byte;
        }
        if let Err(error) = RamdiskBytes::new(&bytes).and_then(|ramdisk| Archive::new(&ramdisk).map(|_| ())) {
            prop_assert!(!error.to_string().chars().any(char::is_control));
        }
    }
}
