//! Page-table entries that know their level.
//!
//! *What this is*: eight bytes of a table of level `L`. It is made only from what it leads to: a table through
//! [`crate::paging::table::Table`]'s `link`, `share` and `attach`, or by the frame of a page (`leaf.rs`).
//!
//! *What must hold*: an entry that maps nothing is zero, because Xen kills a domU whose not-present entry looks like
//! L1TF (`pv_l1tf_check`, asm/shadow.h). The user and global bits and bit 52 stay clear: Xen adds the user bit and its
//! own mark for a kernel page, but only if it finds both clear.

use core::{fmt, marker::PhantomData};

use start_info::{Maddr, Mfn};
use x86_64::structures::paging::PageTableFlags as Flags;

use crate::paging::{
    level::{Inner, L1, Level},
    target::Target,
};

const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Xen's mark for pages of the guest's kernel (asm/x86_64/page.h, `_PAGE_GUEST_KERNEL`).
const GUEST_KERNEL: u64 = 1 << 52;

/// What a mapping allows. No variant is both writable and executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
    /// Reading and executing.
    Execute,
}

impl Access {
    fn flags(self) -> Flags {
        let always = Flags::PRESENT | Flags::ACCESSED | Flags::DIRTY;
        match self {
            Self::Read => always | Flags::NO_EXECUTE,
            Self::ReadWrite => always | Flags::NO_EXECUTE | Flags::WRITABLE,
            Self::Execute => always,
        }
    }
}

/// An entry of a table of level `L`.
pub(crate) struct Entry<L> {
    raw: u64,
    level: PhantomData<L>,
}

impl<L> Clone for Entry<L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Entry<L> {}

impl<L: Level> fmt::Debug for Entry<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{} entry {:#x}", L::NUMBER, self.raw)
    }
}

impl<L> Entry<L> {
    /// The entry that maps nothing.
    pub(crate) const EMPTY: Self = Self::read(0);

    /// Takes a word that was read from a table of this level.
    pub(crate) const fn read(raw: u64) -> Self {
        Self { raw, level: PhantomData }
    }

    /// Returns the word.
    #[must_use]
    pub(crate) const fn raw(self) -> u64 {
        self.raw
    }

    /// Tells whether the entry maps anything.
    #[must_use]
    pub(crate) fn is_present(self) -> bool {
        self.flags().contains(Flags::PRESENT)
    }

    /// Tells whether the entry allows writing.
    #[must_use]
    pub(crate) fn is_writable(self) -> bool {
        self.flags().contains(Flags::WRITABLE)
    }

    /// Tells whether the entry allows executing.
    pub(crate) fn is_executable(self) -> bool {
        !self.flags().contains(Flags::NO_EXECUTE)
    }

    /// Returns the frame the entry leads to, if it is present.
    #[must_use]
    pub(crate) fn mfn(self) -> Option<Mfn> {
        if !self.is_present() {
            return None;
        }
        Maddr::try_new(self.raw & ADDRESS).ok().map(Maddr::mfn)
    }

    const fn flags(self) -> Flags {
        Flags::from_bits_truncate(self.raw)
    }
}

impl Entry<L1> {
    /// Maps a machine frame. Private to this crate: the right to the frame comes from a span or from the layout.
    pub(crate) fn leaf(mfn: Mfn, access: Access) -> Self {
        Self::read(mfn.maddr().get() | access.flags().bits())
    }

    /// Tells whether the entry, as Xen stored it, maps a page for user mode: Xen marks those of the kernel.
    pub(crate) const fn is_for_user_mode(self) -> bool {
        self.flags().contains(Flags::USER_ACCESSIBLE) && self.raw & GUEST_KERNEL == 0
    }

    /// The same mapping, read-only and not executable.
    pub(crate) fn read_only(self) -> Self {
        match self.mfn() {
            Some(mfn) => Self::leaf(mfn, Access::Read),
            None => Self::EMPTY,
        }
    }
}

impl<L: Inner> Entry<L> {
    /// The same entry, through which nothing can be executed.
    pub(crate) fn without_execution(self) -> Self {
        Self::read(self.raw | Flags::NO_EXECUTE.bits())
    }

    /// Leads to a table that nobody can write any more.
    pub(crate) fn link(table: &impl Target<L::Below>) -> Self {
        let flags = Flags::PRESENT | Flags::WRITABLE | Flags::ACCESSED | Flags::DIRTY;
        Self::read(table.target().maddr().get() | flags.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_access_is_writable_and_executable() {
        for access in [Access::Read, Access::ReadWrite, Access::Execute] {
            let flags = access.flags();
            assert!(!flags.contains(Flags::WRITABLE) || flags.contains(Flags::NO_EXECUTE), "{access:?}");
            assert!(
                !flags.intersects(Flags::USER_ACCESSIBLE | Flags::GLOBAL | Flags::HUGE_PAGE),
                "{access:?}"
            );
        }
    }

    #[test]
    fn an_empty_entry_is_zero_and_leads_nowhere() {
        assert_eq!(Entry::<L1>::EMPTY.raw(), 0);
        assert_eq!(Entry::<L1>::EMPTY.mfn(), None);
        assert_eq!(Entry::<L1>::read(0xfff_f000).mfn(), None);
    }

    #[test]
    fn what_xen_adds_does_not_change_the_frame() {
        let entry = Entry::<L1>::leaf(Mfn::new(0x1234), Access::ReadWrite);
        let as_read_back = Entry::<L1>::read(entry.raw() | 1 << 52 | 4);
        assert_eq!(as_read_back.mfn(), Some(Mfn::new(0x1234)));
        assert!(!as_read_back.read_only().is_writable());
        assert_eq!(as_read_back.read_only().raw() & (1 << 52 | 4), 0);
    }
}
