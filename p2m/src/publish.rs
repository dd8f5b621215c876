//! What the toolstack reads: the three-level frame list, and where the linear list is mapped.
//!
//! *What this is*: `xl save`, `dump-core` and other tools find the P2M through shared_info (`public/arch-x86/xen.h`,
//! `struct arch_shared_info`): either by `pfn_to_mfn_frame_list_list`, three levels of pages that hold MFNs, or by an
//! address range and the page tables that map it. This module builds the first from the tree; `mmu` maps the second.
//!
//! *What must hold*: both lead to the same leaves the guest uses, so a changed entry needs no publishing; only a new
//! leaf does. The three-level form ends at 2^27 pages (512 GiB). For a larger guest it is marked invalid and only the
//! linear form remains.

use start_info::{ENTRIES, Index, Mfn, PageCount, Pfn};

use crate::{
    Frame, FrameSource, LinearMap, MachineToPhys, Memory, NewLeaf, P2mError, Translate, Tree, entry::P2mEntry,
};

/// The largest number of pages that the three-level form can describe.
const THREE_LEVEL_REACH: u64 = ENTRIES * ENTRIES * ENTRIES;

/// The three-level frame list. Its words are machine frames, so a resume must write them anew.
#[derive(Debug)]
pub struct Publication {
    top: Option<Frame>,
    pages: PageCount,
}

impl Publication {
    /// Builds the frame list for a revectored tree.
    ///
    /// # Errors
    /// [`P2mError::StrayLeaf`] for a leaf outside `linear`, [`P2mError::NoMachineFrame`] for a leaf whose page is not
    /// RAM, and the source's error when no frame is free for the list.
    pub fn build<M: Memory, S: FrameSource<M>>(
        tree: &Tree,
        memory: &mut M,
        source: &mut S,
        linear: &LinearMap,
    ) -> Result<Self, S::Error> {
        let pages = tree.pages();
        if pages.get() > THREE_LEVEL_REACH {
            return Ok(Self { top: None, pages });
        }
        let mut top = source.take(memory)?;
        memory.fill(&mut top, P2mEntry::MISSING);
        // The machine frame of a leaf, and the first leaf that has another.
        let mut alike = (Mfn::new(0), 0);
        for middle in 0..tree.leaves().div_ceil(ENTRIES) {
            let mut list = source.take(memory)?;
            memory.fill(&mut list, P2mEntry::MISSING);
            for leaf in middle * ENTRIES..tree.leaves().min((middle + 1) * ENTRIES) {
                if leaf == alike.1 {
                    alike = tree.leaves_alike(memory, linear, leaf)?;
                }
                list.set(memory, Index::containing(leaf), alike.0.get());
            }
            top.set(memory, Index::containing(middle), machine_frame(tree, memory, list.pfn())?.get());
        }
        Ok(Self { top: Some(top), pages })
    }

    /// Returns what `pfn_to_mfn_frame_list_list` must hold: a frame, or all ones if the guest is too large for this
    /// form.
    ///
    /// # Errors
    /// [`P2mError::NoMachineFrame`] when the list's page is not RAM.
    pub fn frame_list_list(&self, tree: &Tree, memory: &impl Memory) -> Result<u64, P2mError> {
        let Some(top) = &self.top else { return Ok(P2mEntry::MISSING) };
        machine_frame(tree, memory, top.pfn()).map(Mfn::get)
    }

    /// Returns what `max_pfn` must hold: the number of entries.
    #[must_use]
    pub const fn max_pfn(&self) -> u64 {
        self.pages.get()
    }

    /// Enters a leaf that [`Tree::set`] made. The linear form is remapped by `mmu::map_leaf`.
    ///
    /// # Errors
    /// As [`Publication::build`].
    pub fn replace<M: Memory + MachineToPhys>(
        &mut self,
        tree: &Tree,
        memory: &mut M,
        linear: &LinearMap,
        new: &NewLeaf,
    ) -> Result<(), P2mError> {
        let Some(top) = &self.top else { return Ok(()) };
        let mfn = leaf_mfn(tree, memory, linear, new.index())?;
        let list = Mfn::try_new(memory.load(top.word(Index::containing(new.index() / ENTRIES))))
            .ok()
            .and_then(|list| memory.pfn_of(list))
            .and_then(|pfn| Some(Frame::mint(pfn, linear.address(pfn)?)));
        if let Some(mut list) = list {
            list.set(memory, Index::containing(new.index()), mfn.get());
        }
        Ok(())
    }
}

/// Returns the machine frame of leaf `index`.
///
/// # Errors
/// [`P2mError::StrayLeaf`] for a leaf outside `linear`, [`P2mError::NoMachineFrame`] for a page that is not RAM.
fn leaf_mfn(tree: &Tree, memory: &impl Memory, linear: &LinearMap, index: u64) -> Result<Mfn, P2mError> {
    machine_frame(tree, memory, tree.leaf_pfn(memory, linear, index)?)
}

fn machine_frame(tree: &Tree, memory: &impl Memory, pfn: Pfn) -> Result<Mfn, P2mError> {
    tree.entry(memory, pfn).ram().ok_or(P2mError::NoMachineFrame { pfn })
}

impl Tree {
    /// Returns the machine frame of leaf `index`, which the linear form maps.
    ///
    /// # Errors
    /// [`P2mError::StrayLeaf`] for a leaf outside `linear`, [`P2mError::NoMachineFrame`] for a page that is not RAM.
    pub fn leaf_mfn(&self, memory: &impl Memory, linear: &LinearMap, index: u64) -> Result<Mfn, P2mError> {
        leaf_mfn(self, memory, linear, index)
    }
}
