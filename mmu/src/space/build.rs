//! The address space the kernel runs in after the switch.
//!
//! *What this is*: which pages are mapped where: the direct map as it is, our P2M leaves one after the other, the parts
//! of the kernel image with the protection each needs, and an empty table for the fixmap. What the builder put after
//! the image is no longer mapped there.
//!
//! A page of the image that got a new number has its address all the same: that follows from its number in the builder's list.
//!
//! *What must hold*: addresses are mapped in ascending order, as [`AddressSpaceBuilder`] demands; the regions are in
//! that order.

use arrayvec::ArrayVec;
use p2m::{LastingRun, NewLeaf, Translate, Tree};
use start_info::{BootFacts, Index, Mfn, P2mPlace, PAGE_SIZE, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    direct_map::{DirectMap, growing_frames::GrowingFrames},
    error::{MmuError, Operation},
    hv::{ExtOp, Machine, VaUpdate},
    layout::{FIXMAP, INIT_P2M, KernelMap},
    paging::{
        entry::{Access, Entry},
        level::{Arithmetic, L4},
        table::{Draft, Live, Table},
    },
    space::{address_space_builder::AddressSpaceBuilder, builder_p2m::BuilderP2m, live_tables::LiveTables},
};

/// Pages of the image with the same protection.
#[derive(Clone, Copy, Debug)]
pub struct ImagePart {
    /// The pages, by the numbers of the builder's list.
    pub pages: PfnRange,
    /// How they are mapped.
    pub access: Access,
}

/// The kernel's image as the new address space has it.
#[derive(Clone, Copy, Debug)]
pub struct MappedImage {
    /// The parts, in ascending order.
    pub parts: [ImagePart; 3],
    /// The page that stays unmapped.
    pub guard: Pfn,
    /// Where the pages are mapped.
    pub map: KernelMap,
}

/// The first address space of our own: built and pinned, but not in use until [`crate::release`] switches to it.
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

/// Builds and pins the address space for a kernel with this image.
///
/// # Errors
/// [`MmuError::NoFrames`] when there is no frame for a table, [`MmuError::Refused`] when Xen refuses a change or the
/// pin, [`MmuError::NoMemory`] for a page of the image that has no memory, [`MmuError::P2m`] for a leaf outside the
/// direct map.
pub fn build_space<M: Machine>(
    machine: &mut M,
    map: &mut DirectMap,
    tree: &Tree,
    facts: &BootFacts,
    image: &MappedImage,
    list: BuilderP2m,
) -> Result<NewSpace, MmuError> {
    let linear = map.view().bases().linear_p2m();
    let source = &mut GrowingFrames { map, p2m: tree };
    let mut space_builder = AddressSpaceBuilder::new_space(machine, source)?;
    if list == BuilderP2m::Copied {
        let mut index = 0;
        while index < tree.leaves() {
            let (mfn, end) = tree.leaves_alike(machine, source.map.view().direct(), index)?;
            let address = linear + index * PAGE_SIZE;
            let leaf = || Entry::leaf(mfn, Access::Read);
            if end == index + 1 {
                space_builder.map(machine, source, address, leaf())?;
            } else {
                space_builder.map_alike(machine, source, address, end - index, leaf)?;
            }
            index = end;
        }
    }
    let kept = match (list, facts.p2m_list().place) {
        (BuilderP2m::Kept, P2mPlace::Image(pages)) => Some(ImagePart { pages, access: Access::ReadWrite }),
        _ => None,
    };
    // A list that is kept stays at the builder's address: the toolstack knows it by that.
    let kept = kept.map(|list| (list, KernelMap::BUILDER));
    let parts = image.parts.map(|part| (part, image.map));
    let mut parts: ArrayVec<_, 4> = parts.into_iter().chain(kept).collect();
    parts.sort_unstable_by_key(|(part, map)| map.address(part.pages.start()));
    let numbers = source.map.lasting();
    for (part, map) in parts {
        for run in numbers.runs(part.pages) {
            let address = |listed| (listed != image.guard).then(|| map.address(listed));
            map_run(&mut space_builder, machine, source, run, part.access, address)?;
        }
    }
    // An empty entry, for the table of the fixmap.
    space_builder.open(machine, source, FIXMAP)?;
    pin(space_builder, machine, source.map.view(), list).map(NewSpace)
}

/// Maps pages that have an address by their numbers in the builder's list. Not inlined, because its stack frame has room
/// for the words of a leaf.
#[inline(never)]
fn map_run<M: Machine>(
    space_builder: &mut AddressSpaceBuilder<Table<L4, Draft>>,
    machine: &mut M,
    source: &mut GrowingFrames<'_, Tree>,
    run: LastingRun,
    access: Access,
    address: impl Fn(Pfn) -> Option<VirtAddr>,
) -> Result<(), MmuError> {
    let mut listed = run.listed.iter();
    source.p2m.each_entry(machine, run.pfns, |machine, pfn, entry| {
        let Some(address) = listed.next().and_then(&address) else { return Ok(()) };
        let mfn = entry.ram().ok_or(MmuError::NoMemory { pfn })?;
        space_builder.map(machine, source, address, Entry::leaf(mfn, access))
    })
}

/// Makes the new address space share the live direct map, and the builder's list while that is in use; then Xen checks
/// and pins it. From here to the switch no frame is taken: the direct map must not grow.
fn pin<M: Machine>(
    space_builder: AddressSpaceBuilder<Table<L4, Draft>>,
    machine: &mut M,
    view: &LiveTables,
    list: BuilderP2m,
) -> Result<Table<L4, Live>, MmuError> {
    let (mut l4, mut batch) = space_builder.into_top(machine, view)?;
    // Not earlier: taking a frame for a table of this space may have grown the direct map into a new top-level entry.
    let root = view.root();
    let end = match list {
        BuilderP2m::Copied => L4::index(INIT_P2M).get(),
        BuilderP2m::Kept => L4::index(INIT_P2M).get() + 1,
    };
    for slot in L4::index(view.direct().base()).get()..end {
        let slot = Index::containing(u64::from(slot));
        if let Some(l3) = view.below(machine, &root, slot)? {
            l4.share(machine, slot, &l3);
        }
    }
    let l4 = l4.freeze(machine, &mut batch, view)?;
    batch.commit(machine)?.waive("a frozen table is not written again");
    machine
        .mmuext_op(&[ExtOp::pin_l4(l4.mfn())])
        .map_err(|stopped| MmuError::refused(Operation::AddressSpace, stopped))?;
    Ok(l4.into_live())
}

/// Maps a new leaf in the linear P2M, in place of the old one.
///
/// # Errors
/// [`MmuError::P2m`] for a leaf outside the direct map, [`MmuError::Refused`] when Xen refuses.
pub fn map_leaf<M: Machine>(
    machine: &mut M,
    map: &DirectMap,
    tree: &Tree,
    new: &NewLeaf,
) -> Result<(), MmuError> {
    let mfn = tree.leaf_mfn(machine, map.view().direct(), new.index())?;
    let address = map.view().bases().linear_p2m() + new.index() * PAGE_SIZE;
    machine
        .update_va_mapping(VaUpdate::new(address, Entry::leaf(mfn, Access::Read)))
        .map_err(|errno| MmuError::refused_call(Operation::AddressSpace, errno))
}
