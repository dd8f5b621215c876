//! The address space the kernel runs in from the switch on.
//!
//! *What this is*: which pages are mapped where: the direct map as it is, our P2M leaves one after the other, the parts of
//! the kernel image with the protection each needs, and an empty table for the fixmap. Nothing else: what the builder put
//! behind the image is not mapped there any more.
//!
//! *What must hold*: addresses are mapped in ascending order, as [`Ladder`] demands; the regions are.

use p2m::{NewLeaf, Translate, Tree};
use start_info::{BootFacts, Mfn, P2mPlace, PAGE_SIZE, Pfn, PfnRange};

use crate::{
    direct_map::DirectMap,
    error::{Doing, Error},
    hv::{Machine, VaUpdate},
    layout::{FIXMAP, KERNEL_MAP, LINEAR_P2M},
    paging::{
        entry::{Access, Entry},
        level::L4,
        table::{Live, Table},
    },
    space::{ladder::Ladder, old_list::OldList},
};

/// Pages of the image that are mapped alike.
#[derive(Clone, Copy, Debug)]
pub struct ImagePart {
    /// The pages.
    pub pages: PfnRange,
    /// What may be done with them.
    pub access: Access,
}

/// The first address space of our own: built and pinned, and not in use before [`crate::release`] switches to it.
#[derive(Debug)]
pub struct NewSpace(Table<L4, Live>);

impl NewSpace {
    pub(crate) const fn table(&self) -> &Table<L4, Live> {
        &self.0
    }

    /// Returns the machine frame of the top-level table.
    #[must_use]
    pub fn root(&self) -> Mfn {
        self.0.mfn()
    }
}

/// Builds and pins the address space for a kernel whose image has these parts, in ascending order. `guard` stays unmapped.
///
/// # Errors
/// [`Error::NoFrames`] when there is no frame for a table, [`Error::Refused`] when Xen refuses a change or the pin,
/// [`Error::NoMemory`] for a page of the image without memory, [`Error::P2m`] for a leaf outside the direct map.
pub fn build_space<M: Machine>(
    machine: &mut M,
    map: &mut DirectMap,
    tree: &Tree,
    facts: &BootFacts,
    parts: &[ImagePart],
    guard: Pfn,
    list: OldList,
) -> Result<NewSpace, Error> {
    let mut ladder = Ladder::start(machine, map, tree)?;
    if list == OldList::Unused {
        let mut index = 0;
        while index < tree.leaves() {
            let (mfn, end) = tree.leaves_alike(machine, map.view().direct(), index)?;
            let address = LINEAR_P2M + index * PAGE_SIZE;
            let leaf = || Entry::leaf(mfn, Access::Read);
            if end == index + 1 {
                ladder.map(machine, map, tree, address, leaf())?;
            } else {
                ladder.map_alike(machine, map, tree, address, end - index, leaf)?;
            }
            index = end;
        }
    }
    let kept = match (list, facts.p2m_list().place) {
        (OldList::InUse, P2mPlace::Image(pages)) => Some(ImagePart { pages, access: Access::ReadWrite }),
        _ => None,
    };
    for part in parts.iter().chain(&kept) {
        map_part(&mut ladder, machine, map, tree, part, guard)?;
    }
    ladder.map(machine, map, tree, FIXMAP, Entry::EMPTY)?;
    ladder.pin(machine, map, list).map(NewSpace)
}

/// Maps the pages of a part but `guard`. In a frame of its own, which has room for the words of a leaf.
#[inline(never)]
fn map_part<M: Machine>(
    ladder: &mut Ladder,
    machine: &mut M,
    map: &mut DirectMap,
    tree: &Tree,
    part: &ImagePart,
    guard: Pfn,
) -> Result<(), Error> {
    tree.each_entry(machine, part.pages, |machine, pfn, entry| {
        if pfn == guard {
            return Ok(());
        }
        let mfn = entry.ram().ok_or(Error::NoMemory { pfn })?;
        let address = KERNEL_MAP + pfn.get() * PAGE_SIZE;
        ladder.map(machine, map, tree, address, Entry::leaf(mfn, part.access))
    })
}

/// Maps a leaf that took the place of another in the linear P2M.
///
/// # Errors
/// [`Error::P2m`] for a leaf outside the direct map, [`Error::Refused`] when Xen refuses.
pub fn map_leaf<M: Machine>(
    machine: &mut M,
    map: &DirectMap,
    tree: &Tree,
    new: &NewLeaf,
) -> Result<(), Error> {
    let mfn = tree.leaf_mfn(machine, map.view().direct(), new.index())?;
    let address = LINEAR_P2M + new.index() * PAGE_SIZE;
    machine
        .update_va_mapping(VaUpdate::new(address, Entry::leaf(mfn, Access::Read)))
        .map_err(|errno| Error::refused_call(Doing::AddressSpace, errno))
}
