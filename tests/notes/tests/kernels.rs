//! What is found in kernels of a few bytes, each with one thing wrong.

#![expect(clippy::unwrap_used, reason = "helpers of tests end the test")]

use kernel_notes::{Examination, examine};
use kit::elf::xen_note;
use kit::kernel::{BASE, KernelFile};

fn found(kernel: &KernelFile) -> Examination {
    examine(&kernel.bytes()).unwrap()
}

/// The contradictions of a good kernel in which something was changed.
fn wrong(change: impl FnOnce(&mut KernelFile)) -> Vec<String> {
    let mut kernel = KernelFile::good();
    change(&mut kernel);
    found(&kernel).contradictions
}

/// One contradiction, which has these words.
#[track_caller]
fn one(words: &str, change: impl FnOnce(&mut KernelFile)) {
    let wrong = wrong(change);
    assert!(wrong.len() == 1 && wrong[0].contains(words), "{wrong:#?}");
}

/// Adds a note, which then is the last of its kind.
fn add(kernel: &mut KernelFile, kind: u32, content: &[u8]) {
    kernel.notes.extend(xen_note(kind, content));
}

/// Replaces a note of eight bytes.
fn set(kernel: &mut KernelFile, kind: u32, value: u64) {
    let at =
        kernel.notes.windows(12).position(|bytes| bytes[4..] == [&kind.to_le_bytes()[..], b"Xen\0"].concat());
    let at = at.unwrap() + 12;
    kernel.notes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn missing<'f>(found: &'f Examination, who: &str) -> &'f [String] {
    &found.places.iter().find(|place| place.builder.to_string().contains(who)).unwrap().missing
}

#[test]
fn a_good_kernel_has_nothing_wrong_and_all_can_start_it() {
    let found = found(&KernelFile::good());
    assert_eq!(found.contradictions, [""; 0]);
    assert!(found.places.iter().all(|place| place.missing.is_empty()), "{:?}", found.places);
    assert!(
        found.lines.iter().any(|line| line.contains("ENTRY") && line.contains("(_start)")),
        "{:?}",
        found.lines
    );
}

#[test]
fn a_position_independent_kernel_is_one() {
    let mut kernel = KernelFile::good();
    kernel.kind = 3;
    // R_X86_64_RELATIVE, in a section that takes memory.
    let row = [(BASE + 0x100_2000).to_le_bytes(), 8_u64.to_le_bytes(), BASE.to_le_bytes()].concat();
    kernel.sections.push((".rela.dyn".into(), 4, 2, 0, row.clone()));
    let whole = found(&kernel);
    assert_eq!(whole.contradictions, [""; 0]);
    assert!(
        whole.kind.contains("position-independent") && whole.kind.contains("1 relative"),
        "{}",
        whole.kind
    );
    // R_X86_64_GLOB_DAT wants a symbol.
    let mut row = row;
    row[8] = 6;
    kernel.sections.push((".rela.plt".into(), 4, 2, 0, row));
    assert!(found(&kernel).contradictions[0].starts_with("1 relocations are not relative"));
}

#[test]
fn a_kernel_like_those_of_xtf() {
    let found = found(&KernelFile::xtf());
    assert!(missing(&found, "domU").is_empty() && missing(&found, "GRUB").is_empty());
    assert!(missing(&found, "krata").len() > 3);
    assert!(found.contradictions.len() == 1 && found.contradictions[0].contains("writable and executable"));
    assert!(found.remarks.iter().any(|line| line.starts_with("no VIRT_BASE")), "{:?}", found.remarks);
}

#[test]
fn segments_where_they_may_not_be() {
    one("its load address is 0x2000000, not 0x1002000", |kernel| kernel.segments[1].load = 0x200_0000);
    one("is writable and executable", |kernel| kernel.segments[0].flags = 7);
    let below = wrong(|kernel| kernel.segments[1].start = 0x1000);
    assert!(below.iter().any(|line| line.contains("0x1000..0x4000 lies below VIRT_BASE")), "{below:?}");
    // With the base there, the image would be loaded from address 0 on.
    let offset = wrong(|kernel| set(kernel, 4, BASE));
    assert!(offset.iter().any(|line| line.contains("out of bounds")), "{offset:?}");
}

#[test]
fn an_image_that_meets_xens_own_addresses() {
    let at = |start: u64| {
        let mut kernel = KernelFile::xtf();
        (kernel.segments[0].start, kernel.segments[0].load) = (start, start);
        found(&kernel).contradictions.iter().any(|line| line.contains("overlaps Xen's own addresses"))
    };
    let (first, after) = (0xffff_8000_0000_0000, 0xffff_8800_0000_0000);
    // It takes five pages.
    assert_eq!(
        [first - 0x5000, first - 0x4000, first, after - 1, after].map(at),
        [false, true, true, true, false]
    );
}

#[test]
fn an_entry_where_no_code_is() {
    one("is in no segment", |kernel| set(kernel, 1, BASE + 0x80_0000));
    one("in a segment that is not executable", |kernel| set(kernel, 1, BASE + 0x100_2000));
}

#[test]
fn a_hypercall_page_where_none_can_be() {
    one("is not the start of a page", |kernel| set(kernel, 2, BASE + 0x100_1008));
    one("is no page of a segment", |kernel| set(kernel, 2, BASE + 0x200_0000));
    one("is the page of the entry", |kernel| set(kernel, 2, BASE + 0x100_0000));
}

#[test]
fn a_list_where_none_can_be() {
    one("is not the start of a page", |kernel| set(kernel, 15, 0xffff_c800_0000_0010));
    one("one of Xen's own addresses", |kernel| set(kernel, 15, 0xffff_8200_0000_0000));
    one("is not below VIRT_BASE", |kernel| set(kernel, 15, BASE + 0x100_0000));
    one("shares a top-level page-table entry", |kernel| set(kernel, 15, BASE - 0x4000_0000));
}

#[test]
fn notes_that_xen_refuses() {
    one("LOADER stands twice", |kernel| add(kernel, 8, b"generic2\0\0\0\0"));
    let loader = wrong(|kernel| kernel.notes.splice(40..48, *b"special\0").for_each(drop));
    assert!(loader.len() == 1 && loader[0].contains("LOADER is \"special\""), "{loader:?}");
    one("requires shadows", |kernel| add(kernel, 10, b"!shadows\0\0\0\0"));
    one("not ended by a NUL", |kernel| add(kernel, 7, b"long"));
    one("SUSPEND_CANCEL has 3 bytes", |kernel| add(kernel, 14, b"abc"));
    one("requires auto_translated_physmap", |kernel| add(kernel, 10, b"!auto_translated_physmap\0\0\0\0"));
    one("requires supervisor_mode_kernel", |kernel| add(kernel, 10, b"!supervisor_mode_kernel\0"));
    assert_eq!(wrong(|kernel| add(kernel, 10, b"supervisor_mode_kernel\0\0")), [""; 0]);
    // What fills up to a multiple of four ends a text too, as in Linux.
    assert_eq!(wrong(|kernel| add(kernel, 7, b"abcde\0\0\0")), [""; 0]);
}

#[test]
fn what_a_place_misses() {
    let mut kernel = KernelFile::good();
    add(&mut kernel, 10, b"!dom0\0\0\0");
    assert_eq!(missing(&found(&kernel), "domU"), ["FEATURES without !dom0"]);
    let mut kernel = KernelFile::good();
    let at = kernel.notes.len() - 4;
    kernel.notes[at] = 1;
    kernel.notes[at + 1] = 0;
    assert_eq!(missing(&found(&kernel), "dom0"), ["the bit of dom0 (0x800) in SUPPORTED_FEATURES"]);
    let mut kernel = KernelFile::good();
    kernel.notes.clear();
    assert_eq!(missing(&found(&kernel), "GRUB").len(), 1);
    let mut kernel = KernelFile::good();
    kernel.sections.clear();
    assert_eq!(missing(&found(&kernel), "krata").len(), 1);
    // Xen looks at the beginning alone.
    let mut kernel = KernelFile::good();
    add(&mut kernel, 8, b"generic2\0\0\0\0");
    assert_eq!(missing(&found(&kernel), "GRUB"), ["LOADER \"generic\""]);
    assert!(missing(&found(&kernel), "domU").is_empty() && missing(&found(&kernel), "dom0").is_empty());
}

#[test]
fn the_old_strings() {
    let mut kernel = KernelFile::good();
    (kernel.notes, kernel.sections) = (Vec::new(), Vec::new());
    let text = "GUEST_OS=old,XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0xffffffff80000000,ELF_PADDR_OFFSET=0x0,\
                VIRT_ENTRY=0xffffffff81000000,HYPERCALL_PAGE=0x1001\0";
    kernel.sections.push(("__xen_guest".into(), 1, 0, 0, text.into()));
    assert_eq!(found(&kernel).contradictions, [""; 0]);
    // Without it, load addresses are link addresses there.
    kernel.sections[0].4 = text.replace("ELF_PADDR_OFFSET=0x0,", "").into();
    assert!(found(&kernel).contradictions.iter().any(|line| line.contains("its load address is 0x1000000")));
}

#[test]
fn a_red_zone_is_found_with_its_function() {
    let red = |code: &[u8]| {
        wrong(|kernel| {
            kernel.segments[0].bytes[..code.len()].copy_from_slice(code);
        })
    };
    // mov [rsp-8], rax; mov eax, [rsp-0x78]
    for code in [&[0x48, 0x89, 0x44, 0x24, 0xf8][..], &[0x8b, 0x44, 0x24, 0x88]] {
        let red = red(code);
        assert!(red.len() == 1 && red[0].contains("accesses to the red zone in _start"), "{red:?}");
    }
    // mov [rsp+8], rax; mov [rsp+rcx-8], rax; mov [rsp-0x88], rax; lea rax, [rsp-8]; lock add dword ptr [rsp-4], 0; push rax
    for code in [
        &[0x48, 0x89, 0x44, 0x24, 0x08][..],
        &[0x48, 0x89, 0x44, 0x0c, 0xf8],
        &[0x48, 0x89, 0x84, 0x24, 0x78, 0xff, 0xff, 0xff],
        &[0x48, 0x8d, 0x44, 0x24, 0xf8],
        &[0xf0, 0x83, 0x44, 0x24, 0xfc, 0x00],
        &[0x50],
    ] {
        assert_eq!(red(code), [""; 0], "{code:x?}");
    }
}

#[test]
fn files_that_are_no_pv_kernel_are_refused_with_what_to_do() {
    let refused = |file: &[u8]| examine(file).unwrap_err().to_string();
    assert!(refused(b"").starts_with("an empty file; give a kernel"));
    assert!(refused(b"#!/bin/sh\n").starts_with("no ELF file: starts with 23 21 2f 62"));
    assert!(refused(&std::fs::read("/bin/true").unwrap()).contains("without Xen notes"));
    let mut kernel = KernelFile::good();
    (kernel.notes, kernel.sections) = (xen_note(18, &8_u64.to_le_bytes()), Vec::new());
    assert!(refused(&kernel.bytes()).contains("PVH"));
    let mut small = KernelFile::good().bytes();
    small[4] = 1;
    assert!(refused(&small).contains("class 1"));
    for (magic, kind) in [(&[0x02, 0x21, 0x4c, 0x18][..], "lz4"), (b"BZh9", "bzip2")] {
        assert!(refused(magic).contains(&format!("packed with {kind}, which is not read here")));
    }
}

/// A bzImage with this payload.
fn bzimage(payload: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 0x400];
    image[0x1f1] = 1;
    image[0x202..0x208].copy_from_slice(b"HdrS\x0f\x02");
    image[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    image.extend(payload);
    image
}

/// Bytes, and after them the size of a kernel, as in a bzImage.
fn sized(packed: Vec<u8>, kernel: &[u8]) -> Vec<u8> {
    [&packed[..], &(kernel.len() as u32).to_le_bytes()].concat()
}

/// With a name, and a field of three bytes before it.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let deflated = miniz_oxide::deflate::compress_to_vec(bytes, 1);
    let packed =
        [&[0x1f, 0x8b, 8, 12, 0, 0, 0, 0, 0, 3][..], &[3, 0, 9, 0, 9], b"name\0", &deflated, &[0; 4]]
            .concat();
    sized(packed, bytes)
}

/// Not packed at all, in a frame of zstd (RFC 8878): a header that names no size, one raw block of each 64 KiB.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    let count = bytes.chunks(0x1_0000).len();
    for (at, block) in bytes.chunks(0x1_0000).enumerate() {
        let header = (block.len() as u32) << 3 | u32::from(at + 1 == count);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    std::io::Write::write_all(&mut writer, bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn packed_kernels_are_unpacked() {
    let kernel = KernelFile::good().bytes();
    for (packed, kind) in [(gzip(&kernel), "gzip"), (xz(&kernel), "xz"), (zstd(&kernel), "zstd")] {
        let alone = examine(&packed).unwrap().kind;
        assert!(alone.starts_with(&format!("packed with {kind}: an ELF file")), "{alone}");
        let inside = examine(&bzimage(&packed)).unwrap().kind;
        assert!(inside.starts_with(&format!("a bzImage with {kind}: an ELF file")), "{inside}");
    }
    let mut image = bzimage(&gzip(&kernel));
    image.truncate(0x500);
    assert!(examine(&image).unwrap_err().to_string().contains("cut short"));
    assert!(
        examine(&[0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3])
            .unwrap_err()
            .to_string()
            .contains("packed with zstd that does not")
    );
}

#[test]
fn who_can_unpack_what() {
    let kernel = KernelFile::good().bytes();
    // Of xl, Xen, GRUB and krata, in this order.
    let can = |file: &[u8]| {
        let places = examine(file).unwrap().places;
        <[bool; 4]>::try_from(places.iter().map(|place| place.missing.is_empty()).collect::<Vec<_>>())
            .unwrap()
    };
    assert_eq!(can(&kernel), [true; 4]);
    assert_eq!(can(&gzip(&kernel)), [true; 4]);
    assert_eq!(can(&bzimage(&kernel)), [true, true, true, false]);
    assert_eq!(can(&bzimage(&gzip(&kernel))), [true; 4]);
    // What comes after is not looked at by krata alone.
    assert_eq!(can(&[&gzip(&kernel)[..], b"more"].concat()), [false, false, false, true]);
    let (xz, zstd) = (xz(&kernel), zstd(&kernel));
    assert_eq!(can(&xz), [false, false, false, true]);
    assert_eq!(can(&zstd), [false; 4]);
    assert_eq!(can(&bzimage(&xz)), [false, false, false, true]);
    assert_eq!(can(&sized(xz.clone(), &kernel)), [false, true, false, true]);
    assert_eq!(can(&sized(zstd.clone(), &kernel)), [false, true, false, false]);
    assert_eq!(can(&bzimage(&sized(xz, &kernel))), [true, true, false, true]);
    assert_eq!(can(&bzimage(&sized(zstd.clone(), &kernel))), [true, true, false, false]);
    let zstd = examine(&zstd).unwrap();
    let words =
        "a kernel that is not packed, or with gzip, or in a bzImage (by itself it does not unpack this zstd)";
    assert_eq!(missing(&zstd, "domU"), [words]);
    assert_eq!(
        missing(&zstd, "dom0"),
        ["the unpacked size in four bytes after the zstd, as in Linux's bzImage"]
    );
}

#[test]
fn a_damaged_file_is_an_error_or_a_finding_and_never_a_panic() {
    let kernel = KernelFile::good().bytes();
    for len in (0..kernel.len()).step_by(7) {
        drop(examine(&kernel[..len]));
    }
    let headers = 0..64 + 56 * 3;
    let notes = kernel.windows(4).position(|bytes| bytes == b"Xen\0").unwrap();
    for at in headers.chain(notes - 12..notes + 300).chain(kernel.len() - 64 * 4..kernel.len()) {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = kernel.clone();
            damaged[at] = value;
            drop(examine(&damaged));
        }
    }
}

/// The vDSO of Linux is code for user mode.
#[test]
fn a_red_zone_in_linux_is_no_contradiction() {
    let text = "GUEST_OS=linux,XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0xffffffff80000000,ELF_PADDR_OFFSET=0x0,\
                VIRT_ENTRY=0xffffffff81000000,HYPERCALL_PAGE=0x1001\0";
    let of = |text: &str| {
        let mut kernel = KernelFile::good();
        (kernel.notes, kernel.sections) = (Vec::new(), Vec::new());
        kernel.sections.push(("__xen_guest".into(), 1, 0, 0, text.into()));
        kernel.segments[0].bytes[..5].copy_from_slice(&[0x48, 0x89, 0x44, 0x24, 0xf8]);
        found(&kernel)
    };
    let red = |lines: &[String]| lines.iter().any(|line| line.contains("accesses to the red zone"));
    let linux = of(text);
    assert!(linux.contradictions.is_empty() && red(&linux.remarks), "{:?}", linux.contradictions);
    // What Linux does on purpose is not to be mended.
    assert!(!linux.remarks.iter().any(|line| line.contains("build with")), "{:?}", linux.remarks);
    assert!(red(&of(&text.replace("linux", "other")).contradictions));
}
