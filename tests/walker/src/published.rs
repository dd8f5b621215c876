//! What the guest tells the toolstack about its P2M.
//!
//! *What this is*: `arch_shared_info` out of the dumped shared_info page, as raw numbers; `checks::published` judges
//! them. Offsets are those of a 64-bit guest (xen/include/public/arch-x86/xen.h, "struct arch_shared_info").

use std::fmt;

use crate::bytes::u64_at;

/// The P2M fields of shared_info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedP2m {
    /// Number of entries in the list, not the last PFN.
    pub max_pfn: u64,
    /// MFN of the top page of the three-level form.
    pub frame_list_list: u64,
    /// CR3 of tables that map the linear form.
    pub p2m_cr3: u64,
    /// Address of the linear form under those tables.
    pub p2m_vaddr: u64,
    /// Odd while the guest changes the linear form's mapping.
    pub p2m_generation: u64,
}

impl PublishedP2m {
    /// Reads the fields from a shared_info page; `None` if it is too short to hold them.
    #[must_use]
    pub fn parse(page: &[u8]) -> Option<Self> {
        Some(Self {
            max_pfn: u64_at(page, 0xc10)?,
            frame_list_list: u64_at(page, 0xc18)?,
            p2m_cr3: u64_at(page, 0xc28)?,
            p2m_vaddr: u64_at(page, 0xc30)?,
            p2m_generation: u64_at(page, 0xc38)?,
        })
    }
}

/// One of the two published forms of the P2M.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// Three levels of pages, found by MFN.
    Tree,
    /// An array in virtual memory, found through page tables.
    Linear,
}

impl fmt::Display for ListForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tree => "three-level list",
            Self::Linear => "linear list",
        })
    }
}

/// A page of a published form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListPart {
    /// The frame list list, or the root table of the linear form.
    Top,
    /// A frame list page, by its index.
    Mid(u64),
    /// A page of entries, by its index.
    Leaf(u64),
}

impl fmt::Display for ListPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => write!(f, "top page"),
            Self::Mid(index) => write!(f, "middle page {index}"),
            Self::Leaf(index) => write!(f, "leaf {index}"),
        }
    }
}
