//! Modules come and go on the model, and leave nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use kit::elf::{ALLOC, EXECUTE, PROGBITS};
use kit::module::{TEXT, TEXT_BYTE};
use mmu::layout::{FIXMAP, MODULES};
use start_info::PageCount;
use x86_64::VirtAddr;
use xen_guest::{LoadError, module::Export};
use xen_model::GuestConfig;

use crate::after::{Booted, booted};

/// What a kernel would export. Nothing calls it: the model executes nothing.
fn kernel() -> &'static [Export] {
    let names = ["xen_guest_log", "xen_guest_fatal", "xen_guest_alloc", "xen_guest_free", "memset", "memcpy"];
    Vec::leak(names.map(|name| Export::new(name, || VirtAddr::new(0xffff_ffff_8100_0040))).to_vec())
}

/// Builds the modules once, with the command the project itself uses, and reads one.
fn object(name: &str) -> Vec<u8> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        assert!(Command::new(root.join("tests/modules/build")).status().unwrap().success());
        root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into())).join("modules")
    });
    std::fs::read(folder.join(format!("{name}.ko"))).unwrap()
}

impl Booted {
    fn load(&mut self, name: &str, bytes: &[u8]) -> Result<(), LoadError> {
        self.running.lend(kernel());
        self.running.load_bytes(name, bytes).map(|_| ())
    }

    fn unload(&mut self, name: &str) -> Result<(), LoadError> {
        self.running.unload_module(name)
    }

    /// What must be the same before and after: frames, end of the module window, modules.
    fn state(&self) -> (u64, VirtAddr, usize) {
        let running = &self.running;
        (running.free(), running.modules_end(), running.modules().loaded().len())
    }
}

const MIB: u64 = 256;

#[test]
fn a_module_leaves_when_nobody_uses_it() {
    let mut booted = booted(GuestConfig::new(64 * MIB));
    let before = booted.state();
    let (base, client) = (object("base"), object("client"));
    let refused = booted.load("client", &client).unwrap_err();
    assert_eq!(refused.to_string(), "module base, which it needs, is not loaded");
    booted.load("base", &base).unwrap();
    booted.load("client", &client).unwrap();
    booted.check();
    assert_eq!(booted.load("base", &base), Err(LoadError::AlreadyLoaded));
    assert_eq!(
        booted.load("other", &base).unwrap_err().to_string(),
        "symbol base_add is exported by base already"
    );
    assert_eq!(booted.unload("base").unwrap_err().to_string(), "module client uses it; unload that first");
    booted.unload("client").unwrap();
    booted.unload("base").unwrap();
    assert_eq!(booted.unload("base"), Err(LoadError::NotLoaded));
    assert_eq!(booted.state(), before);
    booted.check();
    booted.use_all_memory();
}

#[test]
fn a_thousand_rounds_leave_nothing() {
    let mut booted = booted(GuestConfig::new(64 * MIB));
    let before = booted.state();
    let names = ["hello", "base", "client"];
    let objects = names.map(object);
    for _ in 0..1000 {
        for (name, bytes) in names.iter().zip(&objects) {
            booted.load(name, bytes).unwrap();
        }
        for name in names.iter().rev() {
            booted.unload(name).unwrap();
        }
        assert_eq!(booted.state(), before);
    }
    booted.check();
    booted.use_all_memory();
}

/// What a module needs for its start alone goes away then, here with tables of its own; the rest goes later, without them.
#[test]
fn a_start_with_tables_of_its_own_leaves_them_once() {
    let mut booted = booted(GuestConfig::new(64 * MIB));
    let before = booted.state();
    let mut module = kit::module::good();
    module.section(".init.text", PROGBITS, ALLOC | EXECUTE, &vec![TEXT_BYTE; 0x40_3000]);
    module.symbol("module_exit", 0x12, TEXT, 0);
    for _ in 0..3 {
        booted.load("good", &module.bytes()).unwrap();
        assert!(booted.running.modules_end() < MODULES + 0x20_0000_u64);
        booted.check();
        booted.unload("good").unwrap();
        assert_eq!(booted.state(), before);
        booted.check();
    }
    booted.use_all_memory();
}

#[test]
fn hypercalls_do_not_grow_with_the_pages() {
    let mut booted = booted(GuestConfig::new(64 * MIB));
    for name in ["hello", "mebibyte", "large"] {
        booted.load(name, &object(name)).unwrap();
        let cost = booted.running.modules().get(name).unwrap().cost();
        assert!(cost.hypercalls <= 3, "{name}: {cost:?}");
    }
    let calls = booted.machine().calls();
    booted.unload("large").unwrap();
    assert_eq!(booted.machine().calls() - calls, 4);
    // The gap is used again.
    booted.load("counter", &object("counter")).unwrap();
    booted.load("large", &object("large")).unwrap();
    booted.check();
}

#[test]
fn a_module_without_frames_leaves_nothing() {
    let mut booted = booted(GuestConfig::new(20 * MIB));
    let large = object("large");
    // With ever fewer frames: none for the pages, then for the second table, then for the first.
    while booted.running.free() > 1400 {
        booted.running.take_frame().unwrap();
    }
    booted.load("large", &large).unwrap();
    booted.unload("large").unwrap();
    while booted.running.free() > 0 {
        let before = booted.state();
        if before.0 < 1340 {
            let refused = booted.load("large", &large).unwrap_err();
            assert!(matches!(refused, LoadError::Mmu(mmu::MmuError::NoFrames { .. })), "{refused}");
            assert_eq!(booted.state(), before);
        }
        let step = if before.0 > 8 { before.0 / 2 } else { 1 };
        for _ in 0..step {
            booted.running.take_frame().unwrap();
        }
    }
    assert_eq!(booted.running.modules_end(), MODULES);
    booted.check();
}

/// Counts the relocations of the sections that are loaded (ELF64: section headers, SHT_RELA, SHF_ALLOC).
fn relocations(object: &[u8]) -> u64 {
    let number = |at: u64, len: usize| {
        let bytes = &object[at as usize..][..len];
        bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
    };
    let header = |rank: u64| number(0x28, 8) + rank * number(0x3a, 2);
    let relas = (0..number(0x3c, 2)).map(header).filter(|&at| number(at + 4, 4) == 4);
    let loaded = relas.filter(|&at| number(header(number(at + 0x2c, 4)) + 8, 8) & 2 != 0);
    loaded.map(|at| number(at + 0x20, 8) / 24).sum()
}

/// Two numbers that are equal in an object without relocations.
#[test]
fn relocations_and_symbols_are_shown_as_what_they_are() {
    let mut booted = booted(GuestConfig::new(64 * MIB));
    let object = object("hello");
    let relocations = relocations(&object);
    booted.load("hello", &object).unwrap();
    let modules = booted.running.modules();
    let [relocation, page] = modules.loaded()[0].rates();
    let cost = modules.loaded()[0].cost();
    let table = modules.to_string();
    let columns: Vec<&str> = table.lines().last().unwrap().split_whitespace().collect();
    let (pages, symbols) = (columns[4].parse::<u64>().unwrap(), columns[7]);
    assert_eq!([relocation, page], [cost.relocate / relocations, cost.map / pages]);
    assert_eq!(columns[6], relocations.to_string());
    assert_ne!(columns[6], symbols, "the object tells the two apart");
    let json = modules.json().to_string();
    let numbers = format!(
        "\"relocations\":{relocations},\"symbols\":{symbols},\"per_relocation\":{relocation},\"per_page\":{page}}}"
    );
    assert!(json.ends_with(&numbers), "{json}");
}

#[test]
fn the_window_is_full_at_the_fixmap() {
    let mut booted = booted(GuestConfig::new(64 * MIB));
    let rest = PageCount::from_bytes(FIXMAP - MODULES).unwrap().get() - 5;
    let _rest = booted.running.parts_mut().1.window.reserve(PageCount::new(rest), 4096).unwrap();
    booted.load("hello", &object("hello")).unwrap();
    assert_eq!(booted.running.modules_end(), FIXMAP);
    let before = booted.state();
    let refused = booted.load("base", &object("base")).unwrap_err().to_string();
    assert!(
        refused.starts_with("window full: 4 pages wanted, 0 left (0 in one piece) of module window"),
        "{refused}"
    );
    assert_eq!(booted.state(), before);
    booted.check();
}
