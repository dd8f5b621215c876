//! Exceptions that the guest handles itself.
//!
//! *What this is*: breakpoints, invalid instructions and page faults. Each goes on, and what it does not take is told to the layer.

#![expect(unsafe_code, reason = "exceptions on purpose")]

use alloc::{format, string::String};
use core::{
    arch::{asm, global_asm},
    sync::atomic::{AtomicU64, Ordering},
};

use xen_guest::{
    Guest, VirtAddr, log,
    sys::{Exception, Verdict},
};

static BREAKPOINTS: AtomicU64 = AtomicU64::new(0);
static INVALID: AtomicU64 = AtomicU64::new(0);
static FAULTS: AtomicU64 = AtomicU64::new(0);
/// The register that the last breakpoint was seen with.
static SEEN: AtomicU64 = AtomicU64::new(0);

/// Far from everything.
const NOWHERE: u64 = 0x1234_5000;

// Reads a word, or 7 if there is none: the handler goes on at the second label.
global_asm!(
    ".globl events_read, events_load",
    "events_read:",
    "events_load:",
    "mov rax, [rdi]",
    "ret",
    ".globl events_missing",
    "events_missing:",
    "mov eax, 7",
    "ret",
);

unsafe extern "C" {
    safe static events_missing: u8;
    safe static events_load: u8;
    #[link_name = "events_read"]
    fn read(address: u64) -> u64;
}

fn handle(exception: &mut Exception<'_>) -> Verdict {
    match (exception.vector(), exception.address()) {
        (3, None) => {
            BREAKPOINTS.fetch_add(1, Ordering::Relaxed);
            SEEN.store(exception.registers().r12, Ordering::Relaxed);
        }
        (6, None) => {
            INVALID.fetch_add(1, Ordering::Relaxed);
            // SAFETY: only `invalid` does this, and nothing depends on the two bytes of ud2.
            unsafe { exception.go_on_at(exception.instruction() + 2) };
        }
        (14, Some(address)) if address.as_u64() == NOWHERE => {
            if exception.instruction() != VirtAddr::from_ptr(&events_load) {
                return Verdict::Report;
            }
            FAULTS.fetch_add(1, Ordering::Relaxed);
            // SAFETY: the rest of the function returns to its caller as the first half does.
            unsafe { exception.go_on_at(VirtAddr::from_ptr(&events_missing)) };
        }
        _ => return Verdict::Report,
    }
    Verdict::GoOn
}

fn breakpoint(mark: u64) -> u64 {
    let after: u64;
    // SAFETY: the handler takes it and changes nothing.
    unsafe { asm!("int3", inlateout("r12") mark => after) };
    after
}

fn invalid() {
    // SAFETY: the handler goes on after it.
    unsafe { asm!("ud2") };
}

pub(crate) fn run(guest: &mut Guest) -> Result<(), String> {
    guest.on_exception(Some(&handle));
    for round in 1..=1000_u64 {
        let kept = breakpoint(round ^ 0x5555);
        if kept != round ^ 0x5555 || SEEN.load(Ordering::Relaxed) != kept {
            return Err(format!(
                "r12 was {:#x}, seen {:#x}, then {kept:#x}",
                round ^ 0x5555,
                SEEN.load(Ordering::Relaxed)
            ));
        }
        invalid();
        // SAFETY: nothing is mapped there, and the handler goes on.
        let word = unsafe { read(NOWHERE) };
        if word != 7 {
            return Err(format!("{NOWHERE:#x} holds {word:#x}"));
        }
    }
    let counts = [&BREAKPOINTS, &INVALID, &FAULTS].map(|count| count.load(Ordering::Relaxed));
    log::info!(
        "exceptions: {} breakpoints, {} invalid instructions, {} page faults",
        counts[0],
        counts[1],
        counts[2]
    );
    if counts != [1000; 3] {
        return Err(String::from("exceptions are missing"));
    }
    if guest.command_line().value_of("trap") == Some("untaken") {
        // SAFETY: not sound, and meant so: the handler does not take it, and the layer ends the domain.
        let word = unsafe { read(NOWHERE + 0x1000) };
        return Err(format!("an address where nothing is holds {word:#x}"));
    }
    guest.on_exception(None);
    Ok(())
}
