//! The eight bytes of a page-table entry, as Xen looks at them.
//!
//! *What this is*: the flags of `asm/x86_64/page.h` and `asm/page.h`, which of them each level refuses, and what Xen
//! adds to what the guest wrote.
//!
//! *What must hold*: nothing here is taken from `mmu`, the crate under test.

use mmu::Errno;
use start_info::Mfn;

use crate::guest::Build;

/// Maps something.
pub const PRESENT: u64 = 1 << 0;
/// May be written through.
pub const WRITABLE: u64 = 1 << 1;
/// For user mode; a PV kernel runs in user mode too, so Xen sets it everywhere.
pub const USER: u64 = 1 << 2;
/// Was used.
pub const ACCESSED: u64 = 1 << 5;
/// Was written through.
pub const DIRTY: u64 = 1 << 6;
/// Survives a change of CR3; Xen's mark for pages of the guest's user mode.
pub const GLOBAL: u64 = 1 << 8;
/// Xen's mark for pages of the guest's kernel (`_PAGE_GUEST_KERNEL`).
pub const GUEST_KERNEL: u64 = 1 << 52;
/// Not to be executed.
pub const NO_EXECUTE: u64 = 1 << 63;

const WRITE_THROUGH: u64 = 1 << 3;
const NO_CACHE: u64 = 1 << 4;
/// A large page; in an L1 entry a bit of the cache type.
const LARGE: u64 = 1 << 7;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// A grant; without a debug Xen, a bit free for the guest (`_PAGE_GNTTAB`, asm/page.h).
const GRANTED: u64 = 1 << 62;
/// The bits that may change in a present entry without new references (mm.c, `FASTPATH_FLAG_WHITELIST`).
const HARMLESS: u64 = NO_EXECUTE | 0x7ff << 52 | 0x7 << 9 | GLOBAL | DIRTY | ACCESSED | USER;

/// The entry of a table of any level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pte(pub u64);

impl Pte {
    /// Tells whether the entry maps anything.
    #[must_use]
    pub const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// Tells whether the entry allows writing.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Tells whether the entry allows executing.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        self.0 & NO_EXECUTE == 0
    }

    /// Returns the machine frame the entry leads to.
    #[must_use]
    pub fn mfn(self) -> Mfn {
        // 40 bits, so it is always a frame number.
        Mfn::try_new((self.0 & ADDRESS) >> 12).unwrap_or(Mfn::new(0))
    }

    /// Refuses flags that the level may not have (`L1_DISALLOW_MASK` and its kin, and `l1_disallow_mask` for a domain
    /// without device memory).
    pub(crate) const fn check_flags(self, level: u8, build: Build) -> Result<(), Errno> {
        let forbidden = match (level, build) {
            (1, Build::Release) => WRITE_THROUGH | NO_CACHE | LARGE,
            (1, Build::Debug) => WRITE_THROUGH | NO_CACHE | LARGE | GRANTED,
            _ => WRITE_THROUGH | NO_CACHE | LARGE | GLOBAL,
        };
        if self.0 & forbidden == 0 { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Returns the entry as Xen stores it (pv/mm.h, `adjust_guest_l1e` and its kin).
    pub(crate) const fn adjusted(self, level: u8) -> Self {
        if !self.is_present() {
            return self;
        }
        match level {
            1 if self.0 & USER == 0 => Self(self.0 | USER | GUEST_KERNEL),
            1 if self.0 & GUEST_KERNEL == 0 => Self(self.0 | USER | GLOBAL),
            1 => self,
            4 => Self(self.0 | USER | ACCESSED),
            _ => Self(self.0 | USER),
        }
    }

    /// Tells whether a change to `new` needs no references taken or dropped.
    pub(crate) const fn differs_harmlessly(self, new: Self) -> bool {
        self.is_present() && (self.0 ^ new.0) & !HARMLESS == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Xen makes of an entry that is written (`pv/mm.h`, `adjust_guest_l1e`), each line read back from real Xen.
    #[test]
    fn what_is_read_back_is_what_xen_gives_back() {
        for (written, read) in [
            (0x5063, 0x10_0000_0000_5067),
            (0x5067, 0x5167),
            (0x5163, 0x10_0000_0000_5167),
            (0x10_0000_0000_5067, 0x10_0000_0000_5067),
            (0x5061, 0x10_0000_0000_5065),
        ] {
            assert_eq!(Pte(written).adjusted(1), Pte(read), "{written:#x}");
        }
        assert_eq!(Pte(0x5063).adjusted(2), Pte(0x5067));
        assert_eq!(Pte(0x5003).adjusted(4), Pte(0x5027));
    }

    #[test]
    fn flags_of_devices_and_large_pages_are_refused() {
        for (flag, lowest, others) in [
            (1 << 3, false, false),
            (1 << 4, false, false),
            (1 << 7, false, false),
            (1 << 8, true, false),
            (1 << 9, true, true),
        ] {
            let entry = Pte(0x5000 | PRESENT | flag);
            for build in [Build::Release, Build::Debug] {
                assert_eq!(entry.check_flags(1, build).is_ok(), lowest, "{flag:#x}");
                for level in 2..=4 {
                    assert_eq!(entry.check_flags(level, build).is_ok(), others, "{flag:#x} L{level}");
                }
            }
        }
    }

    #[test]
    fn a_debug_build_keeps_a_bit_of_the_lowest_level_for_itself() {
        let entry = Pte(0x5000 | PRESENT | 1 << 62);
        for (level, build, free) in [
            (1, Build::Release, true),
            (1, Build::Debug, false),
            (2, Build::Debug, true),
            (4, Build::Debug, true),
        ] {
            assert_eq!(entry.check_flags(level, build).is_ok(), free, "L{level} {build:?}");
        }
        assert!(Pte(0x5000 | PRESENT | 1 << 61).check_flags(1, Build::Debug).is_ok());
    }
}
