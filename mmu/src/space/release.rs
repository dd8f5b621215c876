//! Switches to the new page tables and gives back what the builder left.
//!
//! *What this is*: after the switch nothing uses the builder's tables, list and stack. Unpinning the old root makes its
//! tables ordinary pages; they become writable in the direct map and go to the allocator.
//!
//! *What must hold*: a page that is given back is no live table. A walk of all live tables checks that, and so does
//! Xen: it refuses a writable mapping of a table.

use core::fmt;

use arrayvec::ArrayVec;
use p2m::Translate;
use start_info::{BootFacts, P2mPlace, PAGE_SIZE, Pfn, PfnRange};

use crate::{
    direct_map::DirectMap,
    error::{MmuError, Operation},
    hv::{ExtOp, Hypervisor, Machine, Update, VaUpdate},
    layout::{KernelMap, MODULES},
    paging::{
        batch::Batch,
        entry::{Access, Entry},
        freeze::make_writable,
    },
    space::{build::NewSpace, builder_p2m::BuilderP2m},
};

/// What was given back.
#[derive(Debug)]
pub struct Released {
    /// The builder's page tables.
    pub tables: PfnRange,
    /// The builder's boot stack.
    pub stack: PfnRange,
    /// The tables of an image at an address chosen at boot.
    pub slide: PfnRange,
    /// The builder's list; with INIT_P2M, also the tables that mapped it. Empty while the list is in use.
    pub list: PfnRange,
}

impl Released {
    /// Confirms that no page that is to be given back is a live table.
    fn has_no_live_table<M: Machine>(&self, machine: &M, map: &DirectMap) -> Result<(), MmuError> {
        let ranges: ArrayVec<PfnRange, 4> = [self.tables, self.stack, self.slide, self.list].into();
        // Nearly all tables lie outside all of these.
        let bounds = ranges.iter().filter(|range| !range.is_empty()).fold(self.stack, |all, range| {
            PfnRange::between(all.start().min(range.start()), all.end().max(range.end()))
        });
        let within =
            |table: Pfn| bounds.contains(table).then(|| ranges.iter().find(|range| range.contains(table)));
        map.view().each_table(machine, |_, table| match within(table).flatten() {
            Some(&released) => Err(MmuError::StillLive { table, released }),
            None => Ok(()),
        })
    }
}

impl fmt::Display for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page tables {}, boot stack {}, ", self.tables, self.stack)?;
        if !self.slide.is_empty() {
            write!(f, "the image's first tables {}, ", self.slide)?;
        }
        if self.list.is_empty() { f.write_str("no P2M list") } else { write!(f, "P2M list {}", self.list) }
    }
}

/// Switches to `space`, and releases the builder's pages. Those in `held_in_holes` become writable too, but do not go
/// to the allocator: the machine has no RAM at their numbers, so they go back to Xen.
///
/// # Errors
/// [`MmuError::Refused`] when Xen refuses the switch or a change, [`MmuError::StillLive`] when a page to be given back
/// is a live table; then no page is given back.
pub fn release<M: Machine>(
    machine: &mut M,
    map: &mut DirectMap,
    p2m: &impl Translate,
    facts: &BootFacts,
    space: NewSpace,
    list: BuilderP2m,
    held_in_holes: impl Iterator<Item = PfnRange> + Clone,
) -> Result<Released, MmuError> {
    machine
        .mmuext_op(&[ExtOp::new_base(space.root()), ExtOp::unpin(map.view().root().mfn())])
        .map_err(|stopped| MmuError::refused(Operation::Switch, stopped))?;
    map.view_mut().switch_to(space.table());

    if let (BuilderP2m::Kept, P2mPlace::Own(range)) = (list, facts.p2m_list().place) {
        // The list's tables stay live, and the check below reads every live table.
        map.grow_to(machine, p2m, range.end())?;
    }
    // When a chunk is mapped, every page in it that nobody holds is handed out. Pages that must go back to Xen must
    // still be held then.
    map.grow_to(machine, p2m, held_in_holes.clone().map(PfnRange::end).fold(Pfn::new(0), Pfn::max))?;
    let released = Released {
        tables: facts.page_tables().pfns,
        stack: PfnRange::one(facts.boot_stack()),
        slide: facts.slide_tables(),
        list: match (list, facts.p2m_list().place) {
            (BuilderP2m::Copied, P2mPlace::Image(range) | P2mPlace::Own(range)) => range,
            (BuilderP2m::Kept, _) => PfnRange::EMPTY,
        },
    };
    released.has_no_live_table(machine, map)?;

    let mut batch = Batch::new(Operation::Release);
    for range in [released.tables, released.stack, released.slide] {
        for pfn in range.intersection(map.view().direct().frames()).iter() {
            make_writable(machine, &mut batch, map.view(), pfn)?;
        }
    }
    if list == BuilderP2m::Kept {
        take_from_user_mode(machine, &mut batch, map, facts)?;
    }
    // A stale read-only translation would fault on the first write to a page given back.
    batch.commit(machine)?.flush(machine)?;
    for range in [released.tables, released.stack, released.slide] {
        map.forget(range);
        map.give_released(machine, range, held_in_holes.clone());
    }
    map.take_up(machine, p2m, released.list, held_in_holes)?;
    Ok(released)
}

/// Makes the pages of a list that stays at an address of its own pages of the kernel. GRUB maps all pages for user mode:
/// a process of the payload could read and write the list, even without a mapping of its own, because Xen makes such
/// translations global.
fn take_from_user_mode<M: Machine>(
    machine: &mut M,
    batch: &mut Batch,
    map: &DirectMap,
    facts: &BootFacts,
) -> Result<(), MmuError> {
    let list = facts.p2m_list();
    // Xen, which builds dom0, may map the list by large pages, which have no leaf to look at.
    if facts.is_dom0() || !matches!(list.place, P2mPlace::Own(_)) {
        return Ok(());
    }
    for page in 0..facts.nr_pages().of_words().get() {
        let (slot, entry) = map.view().leaf(machine, list.at + page * PAGE_SIZE)?;
        match entry.mfn().filter(|_| entry.is_for_user_mode()) {
            Some(mfn) => batch.push(machine, Update::new(slot, Entry::leaf(mfn, Access::ReadWrite)))?,
            // A builder maps all pages of the list alike.
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Removes the builder's mapping of one page of the image: the page below the stack, which nothing uses. It is the
/// first step of a boot, before anything else about memory is known.
///
/// # Errors
/// [`MmuError::NoMemory`] for a page that does not lie in the top 2 GiB, [`MmuError::Refused`] when Xen refuses.
pub fn unmap_guard(hypervisor: &mut impl Hypervisor, guard: Pfn, map: KernelMap) -> Result<(), MmuError> {
    if guard.get() >= MODULES.as_u64().wrapping_sub(map.base().as_u64()) / PAGE_SIZE {
        return Err(MmuError::NoMemory { pfn: guard });
    }
    let address = map.address(guard);
    hypervisor
        .update_va_mapping(VaUpdate::new(address, Entry::EMPTY))
        .map_err(|errno| MmuError::refused_call(Operation::Guard, errno))
}
