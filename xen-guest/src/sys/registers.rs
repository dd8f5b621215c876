//! What a trap saves, and how it is shown.
//!
//! *What must hold*: the fields lie in the order in which `traps.S` pushes them; a test reads it there.

use core::fmt;

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
    pub(super) rbp: u64,
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
    pub(super) rsp: u64,
    ss: u64,
}

const _: () = assert!(size_of::<Registers>() == 22 * 8);

/// The general registers when an exception came, each by its name.
#[cfg(target_os = "none")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a register's name says all")]
pub struct GeneralRegisters {
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
}

#[cfg(target_os = "none")]
impl Registers {
    /// Returns the general registers.
    pub(super) const fn general(&self) -> GeneralRegisters {
        let Self { r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax, .. } = *self;
        GeneralRegisters { rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15 }
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
        write!(f, "  r13 {r13:016x}  r14 {r14:016x}  r15 {r15:016x}")
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;
    use std::string::ToString;
    use std::vec::Vec;

    use super::Registers;

    const TRAPS: &str = include_str!("traps.S");

    /// All values differ.
    const SAVED: Registers = Registers {
        r15: 0x15,
        r14: 0x14,
        r13: 0x13,
        r12: 0x12,
        r11: 0x11,
        r10: 0x10,
        r9: 0x9,
        r8: 0x8,
        rbp: 0xb9,
        rdi: 0xd1,
        rsi: 0x51,
        rdx: 0xdd,
        rcx: 0xcc,
        rbx: 0xbb,
        rax: 0xaa,
        vector: 0xe,
        code: 0x3,
        rip: 0xffff_ffff_8100_1234,
        cs: 0x1_0000_e033,
        rflags: 0x1_0246,
        rsp: 0xffff_ffff_8110_0ff8,
        ss: 0xe02b,
    };

    #[test]
    fn every_register_is_shown_by_its_name() {
        let lines = "  rip ffffffff81001234  cs e033  rflags 00010246  rsp ffffffff81100ff8  ss e02b\n\
                     \x20 rax 00000000000000aa  rbx 00000000000000bb  rcx 00000000000000cc  rdx 00000000000000dd\n\
                     \x20 rsi 0000000000000051  rdi 00000000000000d1  rbp 00000000000000b9  r8  0000000000000008\n\
                     \x20 r9  0000000000000009  r10 0000000000000010  r11 0000000000000011  r12 0000000000000012\n\
                     \x20 r13 0000000000000013  r14 0000000000000014  r15 0000000000000015";
        assert_eq!(SAVED.to_string(), lines);
    }

    #[test]
    fn registers_lie_where_the_entries_push_them() {
        let offsets = [
            ("r15", offset_of!(Registers, r15)),
            ("r14", offset_of!(Registers, r14)),
            ("r13", offset_of!(Registers, r13)),
            ("r12", offset_of!(Registers, r12)),
            ("r11", offset_of!(Registers, r11)),
            ("r10", offset_of!(Registers, r10)),
            ("r9", offset_of!(Registers, r9)),
            ("r8", offset_of!(Registers, r8)),
            ("rbp", offset_of!(Registers, rbp)),
            ("rdi", offset_of!(Registers, rdi)),
            ("rsi", offset_of!(Registers, rsi)),
            ("rdx", offset_of!(Registers, rdx)),
            ("rcx", offset_of!(Registers, rcx)),
            ("rbx", offset_of!(Registers, rbx)),
            ("rax", offset_of!(Registers, rax)),
        ];
        let (_, common) = TRAPS.split_once("trap_common:\n").unwrap();
        let (entry, exit) = common.split_once("call xen_guest_trap").unwrap();
        let words =
            |text: &'static str, word| text.lines().filter_map(move |line| line.trim().strip_prefix(word));
        let mut pushed: Vec<&str> = words(entry, "push ").collect();
        // What is pushed last is at the lowest address; what the processor and Xen push is above.
        pushed.reverse();
        let expected: Vec<(&str, usize)> = pushed.iter().copied().zip((0..).step_by(8)).collect();
        assert_eq!(offsets, *expected);
        let popped: Vec<&str> = words(exit, "pop ").collect();
        assert_eq!(popped, pushed);
        let behind = [
            offset_of!(Registers, vector),
            offset_of!(Registers, code),
            offset_of!(Registers, rip),
            offset_of!(Registers, cs),
            offset_of!(Registers, rflags),
            offset_of!(Registers, rsp),
            offset_of!(Registers, ss),
        ];
        assert_eq!(behind, [15, 16, 17, 18, 19, 20, 21].map(|word| word * 8));
    }
}
