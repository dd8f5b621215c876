//! The payload's own handler of exceptions.
//!
//! *What this is*: a handler sees what happened and where, and says whether to go on. What it does not take is reported as
//! without one.
//!
//! *What must hold*: who goes on does so where the exception was, with all registers as they were; only unsafe code goes on
//! elsewhere. A stack that overflowed, an exception of the handler itself, and one while the end is reported are not offered.
//!
//! *What is not prevented*: an exception while a lock is held that the handler wants too, as the heap's. It waits for good then.

use core::sync::atomic::{AtomicBool, Ordering};

use spin::Mutex;
use x86_64::VirtAddr;

use crate::sys::{
    masked::masked,
    registers::{GeneralRegisters, Registers},
    symbols,
};

/// What a handler of exceptions says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The cause is gone: go on where it was.
    GoOn,
    /// Report it and end the domain.
    Report,
}

/// What is called for an exception, on the stack of what was interrupted, with events masked.
pub type ExceptionHandler = &'static (dyn Fn(&mut Exception<'_>) -> Verdict + Sync);

static HANDLER: Mutex<Option<ExceptionHandler>> = Mutex::new(None);

/// Set while the handler runs.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// An exception, and the processor as it was.
#[derive(Debug)]
pub struct Exception<'t> {
    registers: &'t mut Registers,
    address: Option<VirtAddr>,
}

impl Exception<'_> {
    /// Returns the vector, as processors number them: 3 is a breakpoint, 14 a page fault.
    #[must_use]
    pub const fn vector(&self) -> u8 {
        // Callbacks, whose numbers are larger, are not offered.
        self.registers.vector as u8
    }

    /// Returns the error code; 0 where there is none.
    #[must_use]
    pub const fn code(&self) -> u64 {
        self.registers.code
    }

    /// Returns the address that was used, of a page fault.
    #[must_use]
    pub const fn address(&self) -> Option<VirtAddr> {
        self.address
    }

    /// Returns where it was: at the instruction of a fault, after that of a trap.
    #[must_use]
    pub const fn instruction(&self) -> VirtAddr {
        VirtAddr::new_truncate(self.registers.rip)
    }

    /// Returns the stack pointer.
    #[must_use]
    pub const fn stack_pointer(&self) -> VirtAddr {
        VirtAddr::new_truncate(self.registers.rsp)
    }

    /// Returns the general registers.
    #[must_use]
    pub const fn registers(&self) -> GeneralRegisters {
        self.registers.general()
    }

    /// Goes on elsewhere, if the verdict is to go on.
    ///
    /// # Safety
    /// The code there must be right to run with the registers and the stack as they were.
    pub const unsafe fn go_on_at(&mut self, instruction: VirtAddr) {
        self.registers.rip = instruction.as_u64();
    }
}

/// Sets the handler, or removes it.
pub(crate) fn set(handler: Option<ExceptionHandler>) {
    masked(|| *HANDLER.lock() = handler);
}

/// Offers an exception to the payload's handler; tells whether to go on.
pub(super) fn takes(registers: &mut Registers, address: Option<u64>) -> bool {
    let guard = symbols::parts().guard;
    let is_overflow =
        guard.contains(&registers.rsp) || address.is_some_and(|address| guard.contains(&address));
    let handler = HANDLER.try_lock().and_then(|handler| *handler).filter(|_| !is_overflow);
    let Some(handler) = handler else { return false };
    if RUNNING.swap(true, Ordering::Relaxed) {
        return false;
    }
    let verdict = handler(&mut Exception { registers, address: address.map(VirtAddr::new_truncate) });
    RUNNING.store(false, Ordering::Relaxed);
    verdict == Verdict::GoOn
}
