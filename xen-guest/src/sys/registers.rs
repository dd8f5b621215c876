//! What a trap saves, and how it is shown.

use core::fmt;

use super::{modules::Place, stack::Callers, symbols, traps::MODULES};

/// The frame `traps.S` builds, lowest address first.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Registers {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    rbp: u64,
    rdi: u64,
    rsi: u64,
    rdx: u64,
    rcx: u64,
    rbx: u64,
    rax: u64,
    pub(super) vector: u64,
    pub(super) code: u64,
    pub(super) rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

const _: () = assert!(size_of::<Registers>() == 22 * 8);

impl Registers {
    /// Returns the module that was running: where the instruction pointer is, or else the innermost caller that is in one.
    pub(super) fn module(&self) -> Option<Place<'static>> {
        // After a call to where nothing is, the return address lies on top of the stack, and no frame was made for it.
        let called_nowhere = !symbols::is_text(self.rip);
        let top = symbols::stack().words(self.rsp).filter(|_| called_nowhere).map(|[word, _]| word);
        let mut places = [self.rip]
            .into_iter()
            .chain(top)
            .chain(callers(self.rbp))
            .filter_map(|address| MODULES.place(address));
        places.find(Place::is_module)
    }
}

impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax, .. } = self;
        let Self { rip, cs, rflags, rsp, ss, .. } = self;
        // Xen keeps the saved event mask in the upper half of the word with cs.
        let cs = cs & 0xffff;
        writeln!(f, "  rip {rip:016x}  cs {cs:04x}  rflags {rflags:08x}  rsp {rsp:016x}  ss {ss:04x}")?;
        writeln!(f, "  rax {rax:016x}  rbx {rbx:016x}  rcx {rcx:016x}  rdx {rdx:016x}")?;
        writeln!(f, "  rsi {rsi:016x}  rdi {rdi:016x}  rbp {rbp:016x}  r8  {r8:016x}")?;
        writeln!(f, "  r9  {r9:016x}  r10 {r10:016x}  r11 {r11:016x}  r12 {r12:016x}")?;
        writeln!(f, "  r13 {r13:016x}  r14 {r14:016x}  r15 {r15:016x}")?;
        Backtrace { rip: *rip, rbp: *rbp }.fmt(f)
    }
}

/// The return addresses above a frame; `scripts/boot` gives them names.
#[derive(Debug)]
pub(super) struct Backtrace {
    pub(super) rip: u64,
    pub(super) rbp: u64,
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

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  backtrace:")?;
        if self.rip != 0 {
            write!(f, " {:#x}", self.rip)?;
        }
        for return_address in callers(self.rbp).take(32) {
            write!(f, " {return_address:#x}")?;
        }
        Ok(())
    }
}

/// The return addresses above a frame of the boot stack.
fn callers(frame: u64) -> Callers<fn(u64) -> bool> {
    let known = |address| symbols::is_text(address) || MODULES.place(address).is_some();
    Callers { stack: symbols::stack(), frame, known }
}
