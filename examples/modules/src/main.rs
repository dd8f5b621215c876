//! Loads every module of the ramdisk, whether written in Rust or in C, each after those it needs; then unloads them.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use xen_guest::{
    Guest, PageCount, entry, log,
    sys::{Reason, shutdown},
};

entry!(main);

fn main(mut guest: Guest) -> ! {
    match run(&mut guest) {
        Ok(()) => log::info!("verdict: SUCCESS"),
        Err(error) => log::info!("verdict: FAILURE {error}"),
    }
    shutdown(Reason::Poweroff)
}

fn run(guest: &mut Guest) -> Result<(), String> {
    // The heap holds what was compressed, and the names of the modules: 16 MiB, or a quarter of a small guest.
    let heap = PageCount::new(guest.free() / 4).min(PageCount::new(4096));
    guest.heap(heap).map_err(text)?;
    let Some(ramdisk) = guest.unpack_ramdisk().map_err(text)? else { return Err("no ramdisk".into()) };
    let modules = ramdisk.modules().map_err(text)?;
    // Two of the repository's modules, by their names: one in Rust, one in C.
    let names = ["hello", "plainc"];
    let mut loaded = Vec::new();
    for module in modules.in_order(&names).map_err(text)? {
        let module = guest.load_module(&module).map_err(text)?;
        log::info!("{} {} at {}", module.name(), module.version(), module.region());
        loaded.push(module.name().to_string());
    }
    // The last first: none is unloaded while another uses it.
    while let Some(name) = loaded.pop() {
        guest.unload_module(&name).map_err(text)?;
    }
    log::info!("the module window ends at {:#x} again", guest.modules_end());
    Ok(())
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
