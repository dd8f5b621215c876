//! What the archive reader finds, and how it refuses the rest.

use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use kit::cpio;

use crate::module::{Archive, ModuleError, PrintableName, RamdiskBytes, ramdisk::error::ArchiveError};

/// Makes an archive of two modules among other things, as the ramdisk's tools do.
fn sample() -> Vec<u8> {
    let mut archive = cpio::CpioWriter::default();
    archive.folder("modules");
    archive.file("modules/one.ko", 0o644, &[1; 301]);
    archive.file("./modules/two.ko", 0o644, &[2; 77]);
    archive.link("modules/three.ko", "one.ko");
    archive.file("modules/deep/four.ko", 0o644, b"no module of ours");
    archive.file("modules/.ko", 0o644, b"no name");
    archive.file("etc/modules/five.ko", 0o644, b"elsewhere");
    archive.finish()
}

fn found(bytes: &[u8]) -> Result<Vec<String>, ModuleError> {
    let ramdisk = RamdiskBytes::new(bytes)?;
    let archive = Archive::new(&ramdisk)?;
    Ok(archive.modules().iter().map(|module| module.name.to_string()).collect())
}

#[test]
fn finds_the_modules_and_nothing_else() {
    let bytes = sample();
    let ramdisk = RamdiskBytes::new(&bytes).unwrap();
    let archive = Archive::new(&ramdisk).unwrap();
    assert_eq!(archive.modules().len(), 2);
    assert_eq!(archive.module("one").unwrap().bytes, [1; 301]);
    assert_eq!(archive.module("two").unwrap().bytes, [2; 77]);
}

#[test]
fn names_the_module_that_is_absent() {
    let bytes = sample();
    let ramdisk = RamdiskBytes::new(&bytes).unwrap();
    let error = Archive::new(&ramdisk).unwrap().module("three").unwrap_err();
    assert_eq!(error.to_string(), "the ramdisk has no modules/three.ko among its 2 modules");
}

#[test]
fn zeros_may_follow_and_nothing_else() {
    let mut bytes = sample();
    for padding in [1, 4096, 10 << 20] {
        bytes.resize(bytes.len() + padding, 0);
        assert_eq!(found(&bytes).unwrap(), ["one", "two"]);
    }
    let offset = bytes.len() as u64;
    let mut rubbish = bytes.clone();
    rubbish.extend(b"rubbish");
    assert_eq!(
        found(&rubbish).unwrap_err(),
        ModuleError::Archive(ArchiveError::NotAnArchive { offset, found: *b"rubbis" })
    );
    bytes.extend(b"070701 and then rubbish");
    assert_eq!(
        found(&bytes).unwrap_err(),
        ModuleError::Archive(ArchiveError::Truncated { offset, wanted: 110, present: 23 })
    );
}

#[test]
fn tells_where_a_truncated_archive_ends() {
    let bytes = sample();
    // The padding after the trailer's name is not needed.
    let needed = bytes.len() - 3;
    for len in 0..needed {
        match found(&bytes[..len]) {
            Err(ModuleError::Archive(ArchiveError::Truncated { offset, wanted, present })) => {
                assert!(present < wanted, "cut at {len}");
                assert_eq!(present, (len as u64).saturating_sub(offset), "cut at {len}");
            }
            other => panic!("cut at {len}: {other:?}"),
        }
    }
    assert!(found(&bytes[..needed]).is_ok());
    let error = found(&bytes[..1000]).unwrap_err().to_string();
    assert!(error.starts_with("ramdisk archive is truncated: "), "{error}");
}

#[test]
fn notices_a_cut_that_was_padded_to_a_page() {
    let bytes = sample();
    let trailer = bytes.len() - 124;
    for len in 0..trailer {
        let mut cut = bytes[..len].to_vec();
        cut.resize(4096, 0);
        assert!(found(&cut).is_err(), "cut at {len}");
    }
}

#[test]
fn shows_what_is_there_instead_of_an_archive() {
    let error = found(b"\x7fELF\x02\x01\x01").unwrap_err();
    assert_eq!(
        error,
        ModuleError::Archive(ArchiveError::NotAnArchive { offset: 0, found: *b"\x7fELF\x02\x01" })
    );
    let line = "no archive entry at byte 0x0: found 7f 45 4c 46 02 01, a newc cpio has 30 37 30 37 30 31";
    assert_eq!(error.to_string(), line);
}

#[test]
fn refuses_two_modules_of_one_name() {
    let bytes = cpio::CpioWriter::of([("modules/one.ko", "first"), ("./modules/one.ko", "second")]);
    assert_eq!(
        found(&bytes).unwrap_err(),
        ModuleError::DuplicateModule { module: PrintableName::new(b"one") }
    );
}

#[test]
fn takes_digits_only() {
    for digits in [*b"+000012D", *b"        ", *b"0000012\0", *b"0000012g"] {
        let mut bytes = sample();
        bytes[54..62].copy_from_slice(&digits);
        assert_eq!(
            found(&bytes).unwrap_err(),
            ModuleError::Archive(ArchiveError::Field { offset: 54, found: digits })
        );
    }
}

#[test]
fn survives_sizes_up_to_the_largest() {
    for at in [54, 94] {
        let mut bytes = sample();
        bytes[at..at + 8].copy_from_slice(b"FFFFFFFF");
        assert!(matches!(
            found(&bytes),
            Err(ModuleError::Archive(ArchiveError::Truncated { wanted: 0xffff_ffff, .. }))
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_flipped_byte_makes_it_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let mut bytes = sample();
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Err(error) = found(&bytes) {
            prop_assert!(!error.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn no_rubbish_makes_it_panic(rubbish in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(found(&rubbish).is_err());
        let mut headed = vec![];
        headed.extend(b"070701");
        headed.extend(rubbish);
        prop_assert!(found(&headed).is_err());
    }
}
