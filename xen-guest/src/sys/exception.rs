//! What an exception means, in words.

use core::fmt;

/// A page fault's error code in words.
pub(super) struct Access(pub(super) u64);

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.0 & 16 != 0 {
            "executing"
        } else if self.0 & 2 != 0 {
            "writing"
        } else {
            "reading"
        };
        let why = if self.0 & 1 != 0 { "protected" } else { "unmapped" };
        write!(f, "{what} {why} memory at")
    }
}

/// What `traps.S` calls the failsafe callback.
pub(super) const FAILSAFE: u64 = 0x100;

/// Returns the name of an exception.
pub(super) const fn name(vector: u64) -> &'static str {
    match vector {
        0 => "division error",
        1 => "debug trap",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        4 => "overflow",
        5 => "bound range",
        6 => "invalid instruction",
        7 => "device not available",
        8 => "double fault",
        10 => "invalid TSS",
        11 => "segment not present",
        12 => "stack fault",
        13 => "general protection fault",
        14 => "page fault",
        16 | 19 => "floating point",
        17 => "alignment check",
        18 => "machine check",
        21 => "control protection",
        FAILSAFE => "selector that cannot be loaded",
        _ => "exception",
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::{Access, name};

    /// The bits of the code (Intel's manual, volume 3, "Page-Fault Exception"): present 1, write 2, user 4, fetch 16.
    #[test]
    fn an_access_is_told_by_the_bits_of_its_code() {
        for (code, what) in [
            (0, "reading unmapped memory at"),
            (1, "reading protected memory at"),
            (2, "writing unmapped memory at"),
            (3, "writing protected memory at"),
            (4, "reading unmapped memory at"),
            (7, "writing protected memory at"),
            (16, "executing unmapped memory at"),
            (17, "executing protected memory at"),
        ] {
            assert_eq!(Access(code).to_string(), what, "{code}");
        }
    }

    #[test]
    fn every_vector_has_its_name() {
        let names = [
            (0, "division error"),
            (1, "debug trap"),
            (2, "non-maskable interrupt"),
            (3, "breakpoint"),
            (4, "overflow"),
            (5, "bound range"),
            (6, "invalid instruction"),
            (7, "device not available"),
            (8, "double fault"),
            (9, "exception"),
            (10, "invalid TSS"),
            (11, "segment not present"),
            (12, "stack fault"),
            (13, "general protection fault"),
            (14, "page fault"),
            (15, "exception"),
            (16, "floating point"),
            (17, "alignment check"),
            (18, "machine check"),
            (19, "floating point"),
            (20, "exception"),
            (21, "control protection"),
            (0x100, "selector that cannot be loaded"),
            (u64::MAX, "exception"),
        ];
        for (vector, expected) in names {
            assert_eq!(name(vector), expected, "{vector}");
        }
    }
}
