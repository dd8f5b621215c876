//! The page tables the builder left, walked and checked.
//!
//! *What this is*: the live root at entry, and how far the builder's mapping really reaches. start_info does not say,
//! and each builder has a rule of its own: Xen's round up to 4 MiB so that 512 KiB are left after the stack, GRUB does
//! so with a stack of 1 MiB and does not count its tables at first. So the end is where the tables end.
//!
//! *What must hold*: the tables are read through the mapping that they make. Every live table is one that start_info
//! names, because all of these are given back after the switch, and no other page is. The same holds for tables of
//! other addresses, such as those GRUB leaves for address 0, where its last code was.
//!
//! *What is not prevented*: a list at an address of its own whose tables lie elsewhere. They are mapped nowhere, so
//! they cannot be read here; Xen refuses a writable mapping of one. Nor is a live table in a page that start_info names
//! and the mapping lacks: reading it faults, and the trap ends the boot.

use p2m::{Authority, LinearMap, List, MachineToPhys, Memory, P2mEntry, Translate};
use start_info::{BootFacts, ENTRIES, Index, P2mPlace, PAGE_SIZE, Pfn};
use x86_64::VirtAddr;

use crate::{
    error::MmuError,
    layout::{KERNEL_MAP, bases::Bases},
    paging::{
        entry::Entry,
        level::{Arithmetic, L1, L4},
        table::{Live, Table},
    },
    space::live_tables::LiveTables,
};

/// The builder's live tables.
#[derive(Debug)]
pub struct BuilderTables {
    view: LiveTables,
    linear: LinearMap,
}

impl BuilderTables {
    /// Walks the builder's tables and finds the end of its mapping. `bases` says where the direct map will be.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] when the P2M has no frame for the root; [`MmuError::BuilderTable`] for a live table that
    /// is not one of start_info's; [`MmuError::BuilderPage`] for a page that the mapping has at another address than
    /// its number's; [`MmuError::BuilderEnd`] when the mapping ends before the boot stack does, covers pages that by
    /// start_info lie after it, or ends inside the range of an L1 table: the direct map makes these one by one.
    pub fn adopt<M: Memory + MachineToPhys>(
        authority: Authority,
        machine: &M,
        list: &List,
        facts: &BootFacts,
        bases: &Bases,
    ) -> Result<Self, MmuError> {
        let tables = facts.page_tables().pfns;
        let pfn = tables.start();
        let P2mEntry::Ram(mfn) = list.entry(machine, pfn) else { return Err(MmuError::NoMemory { pfn }) };
        // All tables lie below the stack, so this much of the mapping is enough to find its real end.
        let linear = LinearMap::of_builder(&authority, KERNEL_MAP, facts.least_boot_end().count_below());
        let mut view = LiveTables::new(authority, (pfn, mfn), *bases, linear);
        let is_read = |slot| !is_slot_of_list(facts, slot);
        // The L1 tables of other addresses than those of the pages before the boot stack.
        let (mut others, below) = (0, facts.boot_stack().align_down(ENTRIES));
        view.each_table_in(machine, is_read, |level, address, table| {
            if level == L1::NUMBER && facts.slide_tables().contains(table) {
                return Ok(());
            }
            others += u64::from(level == L1::NUMBER && !is_mapping(address, below));
            if tables.contains(table) { Ok(()) } else { Err(MmuError::BuilderTable { level, table, tables }) }
        })?;
        let end = view.builder_end(machine, list, facts)?;
        if others != end.get().saturating_sub(below.get()) / ENTRIES {
            view.maps_nothing_beside(machine, facts, end)?;
        }
        let linear = LinearMap::of_builder(view.authority(), KERNEL_MAP, end.count_below());
        view.set_builder(linear);
        Ok(Self { view, linear })
    }

    /// Returns the first page after the builder's mapping of memory.
    #[must_use]
    pub const fn end(&self) -> Pfn {
        self.linear.frames().end()
    }

    /// Returns the builder's mapping as a [`LinearMap`].
    #[must_use]
    pub(crate) const fn linear(&self) -> &LinearMap {
        &self.linear
    }

    pub(crate) const fn view(&self) -> &LiveTables {
        &self.view
    }

    /// Returns the live tables, which the direct map takes over.
    pub(crate) fn into_view(self) -> LiveTables {
        self.view
    }
}

/// Tells whether a top-level entry leads to a list at an address of its own, and to nothing else.
fn is_slot_of_list(facts: &BootFacts, slot: Index) -> bool {
    let P2mPlace::Own(_) = facts.p2m_list().place else { return false };
    if slot == L4::index(KERNEL_MAP) {
        return false;
    }
    let first = facts.p2m_list().at;
    let bytes = facts.nr_pages().of_words().bytes();
    let last = VirtAddr::new_truncate(first.as_u64().wrapping_add(bytes.saturating_sub(1)));
    (L4::index(first).get()..=L4::index(last).get()).contains(&slot.get())
}

/// Tells whether an address is that of a page before `end` in the builder's mapping.
const fn is_mapping(address: VirtAddr, end: Pfn) -> bool {
    match address.as_u64().checked_sub(KERNEL_MAP.as_u64()) {
        Some(offset) => offset / PAGE_SIZE < end.get(),
        None => false,
    }
}

impl LiveTables {
    /// Confirms that the tables of other addresses than the kernel's mapping and the list map nothing. GRUB leaves such
    /// tables.
    fn maps_nothing_beside<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        facts: &BootFacts,
        end: Pfn,
    ) -> Result<(), MmuError> {
        let is_read = |slot| !is_slot_of_list(facts, slot);
        let mut words = [0; ENTRIES as usize];
        self.each_table_in(machine, is_read, |level, address, table| {
            if level != L1::NUMBER || is_mapping(address, end) || facts.slide_tables().contains(table) {
                return Ok(());
            }
            let first = self.word(table, Index::FIRST).ok_or(MmuError::NoMemory { pfn: table })?;
            machine.load_words(first, &mut words);
            match words.iter().find_map(|&word| Entry::<L1>::read(word).mfn()) {
                Some(mapped) => Err(MmuError::BuilderAlias { table, mapped }),
                None => Ok(()),
            }
        })
    }

    /// Returns the first page from the boot stack on that the builder's mapping does not have.
    fn builder_end<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        list: &List,
        facts: &BootFacts,
    ) -> Result<Pfn, MmuError> {
        let (least, most) = (facts.least_boot_end(), facts.most_boot_end());
        let mut end = facts.boot_stack();
        let [mut entries, mut leaf] = [[0; ENTRIES as usize]; 2];
        // An image at another address may start right after the builder's mapping.
        let is_builders = |l1: &Table<L1, Live>| !facts.slide_tables().contains(l1.pfn());
        while let Some(l1) = self.builder_l1(machine, end)?.filter(is_builders) {
            self.load_table(machine, &l1, &mut entries)?;
            list.leaf_words(machine, end.align_down(ENTRIES), &mut leaf);
            for (&entry, &word) in entries.iter().zip(&leaf).skip((end.get() % ENTRIES) as usize) {
                let Some(mapped) = Entry::<L1>::read(entry).mfn() else {
                    return end_within(end, least, most);
                };
                let listed = P2mEntry::decode(word).ram();
                if end < most && listed != Some(mapped) {
                    return Err(MmuError::BuilderPage { pfn: end, mapped, listed });
                }
                end = end.plus(1);
                if end > most {
                    return end_within(end, least, most);
                }
            }
        }
        end_within(end, least, most)
    }

    /// Returns the L1 table of the builder's mapping that covers a page.
    fn builder_l1<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        pfn: Pfn,
    ) -> Result<Option<Table<L1, Live>>, MmuError> {
        match KERNEL_MAP.as_u64().checked_add(pfn.get() * PAGE_SIZE) {
            Some(address) => self.l1(machine, VirtAddr::new_truncate(address)),
            None => Ok(None),
        }
    }
}

fn end_within(end: Pfn, least: Pfn, most: Pfn) -> Result<Pfn, MmuError> {
    if (least..=most).contains(&end) && end.get().is_multiple_of(ENTRIES) {
        Ok(end)
    } else {
        Err(MmuError::BuilderEnd { end, least, most })
    }
}
