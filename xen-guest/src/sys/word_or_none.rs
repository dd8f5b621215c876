//! The one load that may fault.
//!
//! *What this is*: Xen's M2P has no page where the machine has no memory, and a report of a fault reads page tables
//! wherever they may be. `traps.S` has the instruction; the trap handler goes on after it.

use x86_64::VirtAddr;

/// What `load_word_or_none` returns in rax and rdx.
#[repr(C)]
struct Loaded {
    word: u64,
    present: u64,
}

unsafe extern "C" {
    safe static load_word_at: u8;
    safe static load_word_missing: u8;
    fn load_word_or_none(address: u64) -> Loaded;
}

/// Returns where to go on if a page fault at `rip` is that of the load.
pub(super) fn after_fault(rip: u64) -> Option<u64> {
    let at = |symbol: &u8| VirtAddr::from_ptr(symbol).as_u64();
    (rip == at(&load_word_at)).then(|| at(&load_word_missing))
}

/// Reads a word at an address that may not be mapped.
pub(super) fn load_or_none(address: VirtAddr) -> Option<u64> {
    // SAFETY: a fault at the one load goes on with "none". What is read is Xen's M2P, a page table or code: nobody writes
    // there through a Rust reference, and any bits are a number.
    let loaded = unsafe { load_word_or_none(address.as_u64()) };
    (loaded.present != 0).then_some(loaded.word)
}
