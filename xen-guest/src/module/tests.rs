//! Tests of the loader's pure half, on objects made by hand and on the real `hello.ko`.

mod archive;
mod bad;
mod export;
mod fuzz;
mod growth;
mod hello;
mod info;
mod order;
mod parts;
mod ramdisk;
mod relocation;

use std::vec::Vec;

use start_info::PageCount;
use x86_64::VirtAddr;

use crate::module::{ModuleError, Plan};

/// Room enough for every module in the tests.
const ROOM: PageCount = PageCount::new(1024);

/// The start of the module window.
const BASE: u64 = 0xffff_ffff_a000_0000;

/// Where the kernel of the tests has `xen_guest_log`.
const LOG: u64 = 0xffff_ffff_8100_1230;

/// The exports of the kernel of the tests.
fn exports(name: &str) -> Option<VirtAddr> {
    matches!(name, "xen_guest_log" | "xen_guest_fatal").then(|| VirtAddr::new(LOG))
}

/// Loads as the executor does: one page after the other.
fn load(plan: &Plan<'_>, base: u64) -> Result<Vec<u8>, ModuleError> {
    load_with(plan, base, &exports)
}

/// Does the same with the exports of another kernel.
fn load_with(
    plan: &Plan<'_>,
    base: u64,
    exports: &dyn Fn(&str) -> Option<VirtAddr>,
) -> Result<Vec<u8>, ModuleError> {
    let content = plan.resolve(VirtAddr::new(base), exports)?;
    let mut image = Vec::new();
    for number in 0..plan.pages().get() {
        let mut page = [0xff; 4096];
        let any = content.write(number, &mut page);
        assert!(any || page == [0; 4096]);
        image.extend(page);
    }
    Ok(image)
}

/// Plans and loads, and returns the refusal.
fn refusal(bytes: &[u8]) -> ModuleError {
    Plan::new(bytes, ROOM).and_then(|plan| load(&plan, BASE)).expect_err("must be refused")
}
