//! The call chain of a trap or panic: return addresses, and the module among them.
//!
//! *What must hold*: nothing outside our own stack is read ([`crate::sys::stack`]).

use core::fmt;

use arrayvec::ArrayVec;

use crate::sys::{modules::Place, registers::Registers, stack::Callers, symbols, traps::MODULES};

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
        Ok(())
    }
}

/// The return addresses above a frame of the boot stack.
fn callers(frame: u64) -> Callers<fn(u64) -> bool> {
    let known = |address| symbols::is_text(address) || MODULES.place(address).is_some();
    Callers { stack: symbols::stack(), frame, known }
}
