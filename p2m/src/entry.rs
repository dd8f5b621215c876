//! One P2M entry and its bits.
//!
//! *What this is*: what a PFN stands for, and the eight bytes that say so in a leaf page.
//!
//! *What must hold*: `Missing` is all ones, the value that Xen's M2P, the domain builders and the toolstack use for "no
//! page". Bits 62 and 63 are the marks that Linux gives identity and foreign frames; a tool that compares whole words
//! sees such an entry above the largest MFN and skips it as a hole.

use start_info::Mfn;

const FOREIGN: u64 = 1 << 63;
const IDENTITY: u64 = 1 << 62;

/// What a PFN stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum P2mEntry {
    /// A page of the guest's own memory.
    Ram(Mfn),
    /// No page.
    Missing,
    /// The machine frame of the same number: device memory or firmware tables, not RAM.
    Identity,
    /// Another domain's page, mapped by grant or as a foreign frame.
    Foreign(Mfn),
}

impl P2mEntry {
    /// The word of a PFN without a page.
    pub const MISSING: u64 = u64::MAX;

    /// Reads the word of a leaf; a word that is not a valid entry reads as `Missing`.
    #[must_use]
    pub const fn decode(word: u64) -> Self {
        if word == Self::MISSING {
            return Self::Missing;
        }
        if word & IDENTITY != 0 && word & FOREIGN == 0 {
            return Self::Identity;
        }
        match (Mfn::try_new(word & !FOREIGN), word & FOREIGN != 0) {
            (Ok(mfn), true) => Self::Foreign(mfn),
            (Ok(mfn), false) => Self::Ram(mfn),
            (Err(_), _) => Self::Missing,
        }
    }

    /// Returns the word that a leaf holds for this entry.
    #[must_use]
    pub const fn encode(self) -> u64 {
        match self {
            Self::Ram(mfn) => mfn.get(),
            Self::Missing => Self::MISSING,
            Self::Identity => IDENTITY,
            Self::Foreign(mfn) => FOREIGN | mfn.get(),
        }
    }

    /// Returns the machine frame if the entry is the guest's own memory.
    #[must_use]
    pub const fn ram(self) -> Option<Mfn> {
        match self {
            Self::Ram(mfn) => Some(mfn),
            Self::Missing | Self::Identity | Self::Foreign(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use start_info::MAX_FRAMES;

    #[test]
    fn every_kind_survives_its_word() {
        for mfn in [0, 1, 511, 512, MAX_FRAMES - 1].map(Mfn::new) {
            for entry in [P2mEntry::Ram(mfn), P2mEntry::Foreign(mfn), P2mEntry::Missing, P2mEntry::Identity] {
                assert_eq!(P2mEntry::decode(entry.encode()), entry);
            }
        }
    }

    #[test]
    fn a_word_that_is_no_entry_is_no_page() {
        assert_eq!(P2mEntry::decode(MAX_FRAMES), P2mEntry::Missing);
        assert_eq!(P2mEntry::decode(u64::MAX - 1), P2mEntry::Missing);
    }

    #[test]
    fn an_identity_entry_is_no_memory() {
        assert_eq!(P2mEntry::Identity.ram(), None);
    }
}
