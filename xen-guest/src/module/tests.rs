//! Tests of the loader's pure half, on objects made by hand and on the real `hello.ko`.

mod archive;
mod bad;
mod export;
mod hello;
mod object;
mod relocation;

use std::vec;
use std::vec::Vec;

use start_info::PageCount;
use x86_64::VirtAddr;

use super::{Error, Plan};

/// Room enough for every module in the tests.
const ROOM: PageCount = PageCount::new(1024);

/// The start of the module window.
const BASE: u64 = 0xffff_ffff_a000_0000;

/// Where the kernel of the tests has `xen_guest_log`.
const LOG: u64 = 0xffff_ffff_8100_1230;

/// Answers for the kernel of the tests.
fn exports(name: &str) -> Option<VirtAddr> {
    (name == "xen_guest_log").then(|| VirtAddr::new(LOG))
}

/// Does what the executor does: zeroed pages, copies, patches.
fn load(plan: &Plan<'_>, base: u64) -> Result<Vec<u8>, Error> {
    let mut image = vec![0; plan.pages().bytes() as usize];
    for (offset, bytes) in plan.copies() {
        image[offset as usize..][..bytes.len()].copy_from_slice(bytes);
    }
    for patch in plan.resolve(VirtAddr::new(base), &exports)? {
        image[patch.offset() as usize..][..patch.bytes().len()].copy_from_slice(patch.bytes());
    }
    Ok(image)
}

/// Plans and loads, and says why not.
fn refusal(bytes: &[u8]) -> Error {
    Plan::new("bad", bytes, ROOM).and_then(|plan| load(&plan, BASE)).expect_err("must be refused")
}
