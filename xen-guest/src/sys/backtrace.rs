//! The call chain of a trap or panic: return addresses, and the module among them.
//!
//! *What must hold*: nothing outside our own stack is read ([`crate::sys::stack`]). A kernel that was built without frame
//! pointers has no return addresses to show: there the register may hold anything, a wrong frame's address too.

use core::fmt;

use arrayvec::ArrayVec;

use crate::sys::{modules::Place, registers::Registers, stack::Callers, symbols, traps::MODULES};

/// `push rbp; mov rbp, rsp`: what every function starts with, if frame pointers are forced.
const FRAME_MADE: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];

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
            .chain(callers(self.rbp))
            .filter_map(|address| MODULES.place(address));
        places.find(Place::is_module)
    }

    /// Returns the call chain of the trap.
    pub(super) const fn backtrace(&self) -> Backtrace {
        Backtrace { rip: self.rip, rbp: self.rbp }
    }
}

/// The return addresses above a frame; `scripts/boot` gives them names, and knows their line by its first word.
#[derive(Debug)]
pub(super) struct Backtrace {
    rip: u64,
    rbp: u64,
}

impl Backtrace {
    /// The backtrace of the caller.
    #[inline(always)]
    pub(super) fn here() -> Self {
        let rbp: u64;
        // SAFETY: copies a register; no memory is touched.
        unsafe { core::arch::asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags)) };
        Self { rip: 0, rbp }
    }
}

impl Backtrace {
    /// Returns what is shown: where it happened, if that is known, and the return addresses.
    pub(super) fn addresses(&self) -> ArrayVec<u64, { MAX_CALLERS + 1 }> {
        let rip = (self.rip != 0).then_some(self.rip);
        rip.into_iter().chain(callers(self.rbp).take(MAX_CALLERS)).collect()
    }

    /// Returns the innermost place that is in a module.
    #[cfg(feature = "modules")]
    pub(super) fn module(&self) -> Option<Place<'static>> {
        self.addresses().into_iter().filter_map(|address| MODULES.place(address)).find(Place::is_module)
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  backtrace:")?;
        for address in self.addresses() {
            write!(f, " {address:#x}")?;
        }
        if !has_frames() {
            write!(f, " (no callers: build the kernel with -C force-frame-pointers=yes)")?;
        }
        Ok(())
    }
}

/// Tells whether every function of the kernel keeps a frame pointer, by the code of one that needs none. The crate cannot
/// see the flag; a build script can, but it does not run again when the flag changes.
fn has_frames() -> bool {
    let code: extern "C" fn(u64) -> u64 = no_frame_needed;
    // SAFETY: a function's code is readable, and this one has four bytes: `mov rax, rdi; ret` are four.
    let start = unsafe { (code as *const [u8; 4]).read_volatile() };
    start == FRAME_MADE
}

#[inline(never)]
extern "C" fn no_frame_needed(number: u64) -> u64 {
    number
}

/// The return addresses above a frame of the boot stack.
fn callers(frame: u64) -> Callers<fn(u64) -> bool> {
    let known = |address| symbols::is_text(address) || MODULES.place(address).is_some();
    // No frame lies at 0.
    let frame = if has_frames() { frame } else { 0 };
    Callers { stack: symbols::stack(), frame, known }
}
