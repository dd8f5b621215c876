//! The real module: every cut, many flips, and the same bytes as GNU ld.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::string::{String, ToString};
use std::sync::OnceLock;
use std::vec::Vec;

use object::elf::FileHeader64;
use object::endian::LittleEndian;
use object::read::SectionIndex;
use object::read::elf::{FileHeader, SectionHeader};
use proptest::prelude::*;
use start_info::PageCount;
use x86_64::VirtAddr;

use crate::module::{
    ModuleError, PartKind, Plan,
    tests::{BASE, LOG, ROOM, exports, load, load_with},
};

/// Builds the modules once, with the command the project itself uses, and returns where they are.
pub(super) fn modules() -> &'static Path {
    static MODULES: OnceLock<PathBuf> = OnceLock::new();
    MODULES.get_or_init(|| {
        let build =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/modules/build").canonicalize().unwrap();
        assert!(Command::new(&build).status().unwrap().success());
        let root = build.ancestors().nth(3).unwrap();
        root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into())).join("modules")
    })
}

fn hello() -> &'static [u8] {
    static HELLO: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO.get_or_init(|| fs::read(modules().join("hello.ko")).unwrap())
}

#[test]
fn uses_all_three_parts() {
    let plan = Plan::new(hello(), ROOM).unwrap();
    let [text, rodata, data, ..] = plan.parts();
    let kinds = plan.parts().map(|part| part.kind);
    assert_eq!(kinds, PartKind::ALL);
    assert_eq!(text.start.get() + text.pages.get(), rodata.start.get());
    assert_eq!(rodata.start.get() + rodata.pages.get(), data.start.get());
    assert_eq!(data.start.get() + data.pages.get(), plan.pages().get());
    assert_eq!(plan.kept(), plan.pages());
    // `.bss` is more than a page, and nothing is copied there.
    assert!(text.pages.get() >= 1 && rodata.pages.get() >= 1 && data.pages.get() >= 2);
    assert!(plan.init() < rodata.start.bytes() && plan.exit().is_some());
    let last = plan.copies().map(|(offset, bytes)| offset + bytes.len() as u64).max();
    assert!(last.unwrap() < data.start.bytes() + 0x1000);
}

#[test]
fn asks_only_for_what_the_kernel_exports() {
    let plan = Plan::new(hello(), ROOM).unwrap();
    assert!(plan.resolve(VirtAddr::new(BASE), &exports).is_ok());
    let error = plan.resolve(VirtAddr::new(BASE), &|_| None).unwrap_err();
    assert_eq!(error.to_string(), "symbol xen_guest_log is exported by nobody");
    // 2 GiB above the kernel would be out of a call's reach.
    let far = |_: &str| Some(VirtAddr::new(0xffff_8800_0000_0000));
    assert!(matches!(plan.resolve(VirtAddr::new(BASE), &far), Err(ModuleError::Overflow { .. })));
}

#[test]
fn is_read_at_any_alignment() {
    // A file in a cpio archive is aligned only to four bytes.
    let aligned = load(&Plan::new(hello(), ROOM).unwrap(), BASE).unwrap();
    for shift in 0..8 {
        let mut bytes = std::vec![0; shift];
        bytes.extend(hello());
        assert_eq!(load(&Plan::new(&bytes[shift..], ROOM).unwrap(), BASE).unwrap(), aligned);
    }
}

#[test]
fn is_refused_when_cut_anywhere() {
    for len in 0..hello().len() {
        match Plan::new(&hello()[..len], ROOM) {
            Err(ModuleError::Truncated { end, present, .. }) => {
                assert!(present == len as u64 && end > present)
            }
            other => panic!("cut at {len}: {other:?}"),
        }
    }
}

/// What must be true of any plan, however wrong its object was.
pub(super) fn check(bytes: &[u8]) {
    let Ok(plan) = Plan::new(bytes, ROOM) else { return };
    let size = plan.pages().bytes();
    assert!(plan.pages() <= ROOM && plan.init() < size);
    let mut copies: Vec<_> =
        plan.copies().map(|(offset, bytes)| (offset, offset + bytes.len() as u64)).collect();
    copies.sort_unstable();
    assert!(copies.iter().all(|(_, end)| *end <= size));
    assert!(copies.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    if let Ok(content) = plan.resolve(VirtAddr::new(BASE), &exports) {
        let patches = content.patches();
        assert!(patches.iter().all(|patch| patch.offset() + patch.bytes().len() as u64 <= size));
        let mut page = [0; 4096];
        assert!((0..plan.pages().get()).filter(|number| content.write(*number, &mut page)).count() < 2000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn survives_flipped_bytes(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = hello().to_vec();
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        check(&bytes);
    }

    // Most bytes of an object are code, which is not checked: aim at the tables.
    #[test]
    fn survives_flips_in_its_tables(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = hello().to_vec();
        let table = usize::try_from(u64::from_le_bytes(bytes[40..48].try_into().unwrap())).unwrap();
        for (index, byte) in flips {
            let at = index.index(64 + bytes.len() - table);
            let at = if at < 64 { at } else { table + at - 64 };
            bytes[at] = byte;
        }
        check(&bytes);
    }

    #[test]
    fn survives_rubbish(rubbish in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut bytes = hello()[..64].to_vec();
        bytes[40..48].copy_from_slice(&64_u64.to_le_bytes());
        bytes[60..62].copy_from_slice(&[4, 0]);
        bytes.extend(rubbish);
        check(&bytes);
    }
}

/// Returns the name of a section by its index.
fn name_of(bytes: &[u8], index: usize) -> String {
    let header = FileHeader64::<LittleEndian>::parse(bytes).unwrap();
    let table = header.sections(LittleEndian, bytes).unwrap();
    let row = table.section(SectionIndex(index)).unwrap();
    String::from_utf8(table.section_name(LittleEndian, row).unwrap().to_vec()).unwrap()
}

/// Clears the MERGE and STRINGS flags, so that ld keeps equal strings apart as we do.
fn without_merging(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let table = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
    for row in bytes[table..].chunks_exact_mut(64) {
        row[8] &= !0x30;
    }
    bytes
}

#[test]
fn equals_what_gnu_ld_makes_of_it() {
    // Rust and gcc, with slots, with exports, with parts for the start, and with many relocations of every kind.
    for name in ["hello", "base", "client", "plainc", "mebibyte"] {
        equals_what_gnu_ld_makes_of(name);
    }
}

fn equals_what_gnu_ld_makes_of(module: &str) {
    let object = without_merging(&fs::read(modules().join(std::format!("{module}.ko"))).unwrap());
    let plan = Plan::new(&object, ROOM).unwrap();
    let image = load_with(&plan, BASE, &|_| Some(VirtAddr::new(LOG))).unwrap();

    // Tells ld to put each section where the plan has it; their names are unique in these modules.
    let mut script = String::from("SECTIONS {\n");
    let mut placed: Vec<_> =
        plan.placement().map(|(index, offset)| (offset, name_of(&object, index))).collect();
    placed.sort();
    for (offset, name) in placed {
        writeln!(script, "\"{name}\" {:#x} : {{ *(\"{name}\") }}", BASE + offset).unwrap();
    }
    if let Some(slots) = plan.slots() {
        writeln!(script, ".got {:#x} : {{ *(.got) }}", BASE + slots).unwrap();
    }
    script.push_str("/DISCARD/ : { *(.modinfo) *(.modexport) }\n}");

    let folder = modules().join("differential");
    fs::create_dir_all(&folder).unwrap();
    let [script_at, object_at, linked_at] =
        ["ld", "o", "elf"].map(|kind| folder.join(std::format!("{module}.{kind}")));
    fs::write(&script_at, script).unwrap();
    fs::write(&object_at, &object).unwrap();
    let status = Command::new("ld")
        .args(["-static", "--no-relax", "-z", "noseparate-code", "--entry=module_init"])
        .args(["--no-gc-sections", "--no-warn-rwx-segments"])
        .args(plan.imports().map(|name| std::format!("--defsym={name}={LOG:#x}")))
        .arg("--script")
        .arg(&script_at)
        .arg("-o")
        .args([&linked_at, &object_at])
        .status()
        .unwrap();
    assert!(status.success());

    let linked = fs::read(linked_at).unwrap();
    let header = FileHeader64::<LittleEndian>::parse(&*linked).unwrap();
    assert_eq!(header.e_entry(LittleEndian), BASE + plan.init());
    let (mut compared, mut slots) = (0, 0);
    let table = header.sections(LittleEndian, &*linked).unwrap();
    for row in table.iter().filter(|row| row.sh_flags(LittleEndian).0 & 2 != 0) {
        let name = String::from_utf8_lossy(table.section_name(LittleEndian, row).unwrap()).to_string();
        // Three words that ld reserves for a run-time linker.
        if name == ".got.plt" {
            continue;
        }
        let theirs = row.data(LittleEndian, &*linked).unwrap();
        let at = (row.sh_addr(LittleEndian) - BASE) as usize;
        assert!(image[at..at + theirs.len()] == *theirs, "{name} of {module}");
        compared += theirs.len();
        slots += usize::from(name == ".got") * theirs.len();
    }
    let expected: usize = plan.copies().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(compared, expected + slots);
    assert!(slots > 0 || module != "hello", "hello.ko reads memset's address from a slot");
}

#[test]
fn what_the_compilers_make_is_understood() {
    for (name, needs, exported) in [
        ("base", &[][..], &["base_add"][..]),
        ("client", &["base"], &[]),
        ("counter", &[], &[]),
        ("plainc", &[], &[]),
        ("large", &[], &[]),
        ("mebibyte", &[], &[]),
    ] {
        let bytes = fs::read(modules().join(std::format!("{name}.ko"))).unwrap();
        let plan = Plan::new(&bytes, PageCount::new(4096)).unwrap();
        assert_eq!((plan.info().name, plan.info().needs.as_slice()), (name, needs));
        assert!(plan.exports().map(|(symbol, _)| symbol).eq(exported.iter().copied()));
        let any = |symbol: &str| {
            let known = symbol.starts_with("xen_guest_") || symbol.starts_with("mem") || symbol == "base_add";
            known.then(|| VirtAddr::new(LOG))
        };
        plan.resolve(VirtAddr::new(BASE), &any).unwrap();
        match name {
            "mebibyte" => assert_eq!(plan.pages(), PageCount::new(256)),
            "large" => assert!(plan.pages().bytes() > 5 << 20 && plan.relocations() > 49_000),
            "counter" | "client" | "plainc" => assert!(plan.kept() < plan.pages()),
            _ => assert_eq!(plan.kept(), plan.pages()),
        }
    }
}
