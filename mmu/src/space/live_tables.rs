//! The address space as it is: where the tables are and how to read them.
//!
//! *What this is*: the live roots, and the linear maps through which a page of memory, and so a table, is reached.
//! Tables are found by walking, so only the roots are kept.
//!
//! *What must hold*: a table's MFN leads back to its PFN by the M2P, and a linear map covers that page.
//!
//! *What is not prevented*: an entry that changes while it is read. Only Xen changes live entries, on our request.

use p2m::{Authority, LinearMap, MachineToPhys, Mapped, Memory, Span, Unmapped, Word};
use start_info::{ENTRIES, Index, Maddr, Mfn, PAGE_SIZE, Pfn};
use x86_64::VirtAddr;

use crate::{
    error::MmuError,
    hv::Machine,
    layout::bases::Bases,
    paging::{
        batch::Batch,
        entry::Entry,
        level::{Arithmetic, Inner, L1, L2, L3, L4, Level},
        table::{Frozen, Live, Table},
    },
    space::roots::Roots,
};

/// The live address space, and the linear maps of memory.
#[derive(Debug)]
pub struct LiveTables {
    authority: Authority,
    roots: Roots,
    bases: Bases,
    direct: LinearMap,
    /// The builder's mapping while its tables are live: a second, writable alias of what it covers.
    builder: Option<LinearMap>,
}

impl LiveTables {
    pub(crate) const fn new(
        authority: Authority,
        root: (Pfn, Mfn),
        bases: Bases,
        builder: LinearMap,
    ) -> Self {
        let direct = LinearMap::empty(bases.direct_map());
        Self { authority, roots: Roots::new(root), bases, direct, builder: Some(builder) }
    }

    pub(crate) const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the page and the machine frame of the top-level table.
    #[must_use]
    pub const fn root_frame(&self) -> (Pfn, Mfn) {
        self.roots.first()
    }

    pub(crate) const fn roots(&self) -> &Roots {
        &self.roots
    }

    pub(crate) const fn roots_mut(&mut self) -> &mut Roots {
        &mut self.roots
    }

    /// Returns the top-level table.
    pub(crate) const fn root(&self) -> Table<L4, Live> {
        let (pfn, mfn) = self.roots.first();
        Table::from_walk(pfn, mfn)
    }

    /// Empties an entry of every top-level table, through the batch.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when a full batch is sent.
    pub(crate) fn detach_everywhere(
        &self,
        machine: &mut impl Machine,
        batch: &mut Batch,
        index: Index,
    ) -> Result<(), MmuError> {
        core::iter::once(self.root())
            .chain(self.roots.others())
            .try_for_each(|mut table| table.update(machine, batch, index, Entry::EMPTY))
    }

    /// Returns the direct map as a [`LinearMap`].
    #[must_use]
    pub const fn direct(&self) -> &LinearMap {
        &self.direct
    }

    /// Returns where the regions start that can move.
    pub(crate) const fn bases(&self) -> &Bases {
        &self.bases
    }

    /// Returns the address of a page in the direct map, whether it is mapped yet or not.
    pub(crate) fn direct_address(&self, pfn: Pfn) -> VirtAddr {
        // The layout ends the direct map before the address space ends. A check here takes a register from the loop that fills
        // the tables: an instruction a page.
        VirtAddr::new_truncate(self.direct.base().as_u64() + pfn.get() * PAGE_SIZE)
    }

    /// Records that Xen accepted the tables that map `span` in the direct map.
    pub(crate) fn extend(&mut self, span: Span<Unmapped>) -> Result<Span<Mapped>, Span<Unmapped>> {
        self.direct.extend(&self.authority, span)
    }

    pub(crate) const fn set_builder(&mut self, linear: LinearMap) {
        self.builder = Some(linear);
    }

    pub(crate) fn switch_to(&mut self, root: &Table<L4, Live>) {
        self.roots.replace_first(root);
        self.builder = None;
    }

    /// Hooks a frozen table under every top-level table, through the batch.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when a full batch is sent.
    pub(crate) fn attach_everywhere(
        &self,
        machine: &mut impl Machine,
        batch: &mut Batch,
        index: Index,
        l3: Table<L3, Frozen>,
    ) -> Result<(), MmuError> {
        let l3 = self.root().attach(machine, batch, index, l3)?;
        for mut table in self.roots.others() {
            table.update(machine, batch, index, Entry::link(&l3))?;
        }
        Ok(())
    }

    /// Returns every address at which `pfn` is mapped.
    pub(crate) fn aliases(&self, pfn: Pfn) -> impl Iterator<Item = VirtAddr> + use<> {
        [self.direct.address(pfn), self.builder.as_ref().and_then(|linear| linear.address(pfn))]
            .into_iter()
            .flatten()
    }

    pub(super) fn word(&self, pfn: Pfn, index: Index) -> Option<Word> {
        self.direct
            .word(pfn, index)
            .or_else(|| self.builder.as_ref().and_then(|linear| linear.word(pfn, index)))
    }

    /// Reads an entry of a live table.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] when no linear map covers the table.
    pub(crate) fn read<L: Level>(
        &self,
        memory: &impl Memory,
        table: &Table<L, Live>,
        index: Index,
    ) -> Result<Entry<L>, MmuError> {
        let word = self.word(table.pfn(), index).ok_or(MmuError::NoMemory { pfn: table.pfn() })?;
        Ok(Entry::read(memory.load(word)))
    }

    /// Returns the table below an entry, or `None` for an empty entry.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] when no linear map covers the table that holds the entry.
    pub(crate) fn below<L: Inner, M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        table: &Table<L, Live>,
        index: Index,
    ) -> Result<Option<Table<L::Below, Live>>, MmuError> {
        Ok(Self::led_to(machine, self.read(machine, table, index)?))
    }

    /// Returns the table that an entry leads to, or `None` for an empty entry.
    fn led_to<L: Inner>(machine: &impl MachineToPhys, entry: Entry<L>) -> Option<Table<L::Below, Live>> {
        let mfn = entry.mfn()?;
        machine.pfn_of(mfn).map(|pfn| Table::from_walk(pfn, mfn))
    }

    /// Returns the L3 table that covers `address`, if there is one.
    ///
    /// # Errors
    /// As [`LiveTables::below`].
    pub(crate) fn l3<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        address: VirtAddr,
    ) -> Result<Option<Table<L3, Live>>, MmuError> {
        self.below(machine, &self.root(), L4::index(address))
    }

    /// Returns the L2 table that covers `address`, if there is one.
    ///
    /// # Errors
    /// As [`LiveTables::below`].
    pub(crate) fn l2<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        address: VirtAddr,
    ) -> Result<Option<Table<L2, Live>>, MmuError> {
        match self.l3(machine, address)? {
            Some(l3) => self.below(machine, &l3, L3::index(address)),
            None => Ok(None),
        }
    }

    /// Returns the L1 table that covers `address`, if there is one.
    ///
    /// # Errors
    /// As [`LiveTables::below`].
    pub(crate) fn l1<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        address: VirtAddr,
    ) -> Result<Option<Table<L1, Live>>, MmuError> {
        match self.l2(machine, address)? {
            Some(l2) => self.below(machine, &l2, L2::index(address)),
            None => Ok(None),
        }
    }

    /// Returns the machine address of the L1 entry that maps `address`, and the entry.
    ///
    /// # Errors
    /// [`MmuError::NotMapped`] when there is no L1 table there.
    pub(crate) fn leaf<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        address: VirtAddr,
    ) -> Result<(Maddr, Entry<L1>), MmuError> {
        let l1 =
            self.l1(machine, address)?.ok_or(MmuError::NotMapped { address: address.as_u64(), level: 1 })?;
        let index = L1::index(address);
        Ok((l1.mfn().maddr().entry(index), self.read(machine, &l1, index)?))
    }

    /// Returns the machine frame that the direct map has for a page.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] for a page outside the direct map or without memory.
    pub(crate) fn frame_of<M: Memory + MachineToPhys>(&self, machine: &M, pfn: Pfn) -> Result<Mfn, MmuError> {
        let address = self.direct.address(pfn).ok_or(MmuError::NoMemory { pfn })?;
        let (_, entry) = self.leaf(machine, address)?;
        entry.mfn().ok_or(MmuError::NoMemory { pfn })
    }

    /// Calls `visit` with the page of every live table outside Xen's slots, the roots first.
    ///
    /// # Errors
    /// What `visit` returns, and [`MmuError::NoMemory`] when no linear map covers a table.
    pub fn each_table<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        mut visit: impl FnMut(u8, Pfn) -> Result<(), MmuError>,
    ) -> Result<(), MmuError> {
        self.each_table_in(machine, |_| true, |level, _, table| visit(level, table))
    }

    /// As [`LiveTables::each_table`], of the tables below those top-level entries that `is_read` picks, each with the
    /// first address that it covers.
    ///
    /// # Errors
    /// As [`LiveTables::each_table`].
    pub(crate) fn each_table_in<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        is_read: impl Fn(Index) -> bool,
        mut visit: impl FnMut(u8, VirtAddr, Pfn) -> Result<(), MmuError>,
    ) -> Result<(), MmuError> {
        let root = self.root();
        let [mut l4_words, mut l3_words, mut l2_words] = [[0; ENTRIES as usize]; 3];
        visit(L4::NUMBER, VirtAddr::zero(), root.pfn())?;
        self.roots.others().try_for_each(|table| visit(L4::NUMBER, VirtAddr::zero(), table.pfn()))?;
        self.load_table(machine, &root, &mut l4_words)?;
        let wanted = |index: &Index| !crate::layout::is_xen_slot(*index) && is_read(*index);
        for (i4, &word) in Index::all().zip(&l4_words).filter(|(index, _)| wanted(index)) {
            let Some(l3) = Self::led_to(machine, Entry::<L4>::read(word)) else { continue };
            let slot = VirtAddr::new_truncate(u64::from(i4.get()) * L4::REACH);
            visit(L3::NUMBER, slot, l3.pfn())?;
            self.load_table(machine, &l3, &mut l3_words)?;
            for (i3, &word) in (0..).zip(&l3_words) {
                let Some(l2) = Self::led_to(machine, Entry::<L3>::read(word)) else { continue };
                visit(L2::NUMBER, slot + i3 * L3::REACH, l2.pfn())?;
                self.load_table(machine, &l2, &mut l2_words)?;
                for (i2, &word) in (0..).zip(&l2_words) {
                    let Some(l1) = Self::led_to(machine, Entry::<L2>::read(word)) else { continue };
                    visit(L1::NUMBER, slot + i3 * L3::REACH + i2 * L2::REACH, l1.pfn())?;
                }
            }
        }
        Ok(())
    }

    /// Reads all entries of a live table.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] when no linear map covers the table.
    pub(crate) fn load_table<L: Level>(
        &self,
        memory: &impl Memory,
        table: &Table<L, Live>,
        words: &mut [u64; ENTRIES as usize],
    ) -> Result<(), MmuError> {
        let first = self.word(table.pfn(), Index::FIRST).ok_or(MmuError::NoMemory { pfn: table.pfn() })?;
        memory.load_words(first, words);
        Ok(())
    }
}
