//! The call chain of a trap or panic: return addresses, and the module among them.
//!
//! *What this is*: with frame pointers, the chain of frames. Without them (the target's default), a chain would lie, so
//! every word of the stack counts that points after a call in code; such a list is marked as a guess.
//!
//! *What must hold*: nothing outside our own stack and code is read ([`crate::sys::stack`]).
//!
//! *What is not prevented*: a kernel of which some parts keep frame pointers and others do not. The trap handler stands
//! for all.

use core::fmt;

use arrayvec::ArrayVec;

use x86_64::VirtAddr;

use crate::sys::{
    modules::Place,
    registers::Registers,
    stack::{self, Callers, Guesses},
    symbols,
    traps::{self, MODULES},
    word_or_none::load_or_none,
};

/// How many return addresses are shown.
const MAX_CALLERS: usize = 32;

impl Registers {
    /// Returns the module that was running: where the instruction pointer is, or else the innermost caller that is in
    /// one.
    pub(super) fn module(&self) -> Option<Place<'static>> {
        // After a call to an unmapped address, the return address is on top of the stack, without a frame.
        let called_nowhere = !symbols::is_text(self.rip);
        let top = symbols::stack().words(self.rsp).filter(|_| called_nowhere).map(|[word, _]| word);
        let mut places = [self.rip]
            .into_iter()
            .chain(top)
            .chain(callers(self.rbp).filter(|_| keeps_frames()))
            .filter_map(|address| MODULES.place(address));
        places.find(Place::is_module)
    }

    /// Returns the call chain of the trap.
    pub(super) const fn backtrace(&self) -> Backtrace {
        Backtrace { rip: self.rip, rbp: self.rbp, rsp: self.rsp }
    }
}

/// The return addresses above a frame; `scripts/boot` gives them names, and knows their line by its first word.
#[derive(Debug)]
pub(super) struct Backtrace {
    rip: u64,
    rbp: u64,
    rsp: u64,
}

impl Backtrace {
    /// The backtrace of the caller.
    #[inline(always)]
    pub(super) fn here() -> Self {
        let (rbp, rsp): (u64, u64);
        // SAFETY: copies two registers; no memory is touched.
        unsafe {
            core::arch::asm!(
                "mov {}, rbp",
                "mov {}, rsp",
                out(reg) rbp,
                out(reg) rsp,
                options(nomem, nostack, preserves_flags)
            );
        }
        Self { rip: 0, rbp, rsp }
    }
}

impl Backtrace {
    /// Returns what is shown: where it happened, if that is known, and the return addresses.
    pub(super) fn addresses(&self) -> ArrayVec<u64, { MAX_CALLERS + 1 }> {
        let rip = (self.rip != 0).then_some(self.rip);
        let frames = callers(self.rbp).filter(|_| keeps_frames());
        let guesses = guesses(self.rsp).filter(|_| !keeps_frames());
        rip.into_iter().chain(frames.chain(guesses).take(MAX_CALLERS)).collect()
    }

    /// Returns the innermost place that is in a module.
    #[cfg(feature = "modules")]
    pub(super) fn module(&self) -> Option<Place<'static>> {
        self.addresses().into_iter().filter_map(|address| MODULES.place(address)).find(Place::is_module)
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  backtrace:{}", if keeps_frames() { "" } else { " (no frame pointers: guesses)" })?;
        for address in self.addresses() {
            write!(f, " {address:#x}")?;
        }
        Ok(())
    }
}

/// The return addresses above a frame of the boot stack.
fn callers(frame: u64) -> Callers<fn(u64) -> bool> {
    let known = |address| symbols::is_text(address) || MODULES.place(address).is_some();
    Callers { stack: symbols::stack(), frame, known }
}

/// The words of the stack that may be return addresses: those that point after a call in the kernel's text.
fn guesses(from: u64) -> Guesses<fn(u64) -> bool> {
    let known = |address: u64| {
        let before = address.wrapping_sub(8);
        (symbols::is_text(before) && symbols::is_text(address))
            && VirtAddr::try_new(before).ok().and_then(load_or_none).is_some_and(stack::is_call)
    };
    Guesses { stack: symbols::stack(), at: from.next_multiple_of(8), last: 0, known }
}

/// Tells whether the kernel was built with frame pointers: by how the trap handler, which is Rust like the rest, begins.
fn keeps_frames() -> bool {
    load_or_none(VirtAddr::from_ptr(traps::xen_guest_trap as *const ())).is_some_and(stack::saves_frame)
}
