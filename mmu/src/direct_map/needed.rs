//! How many tables are needed, and where the first of them come from.

use p2m::{BootReserved, Renumbering, Translate};
use start_info::{BootFacts, ENTRIES, PAGE_SIZE, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    direct_map::chunk::{L1_PAGES, L2_PAGES},
    error::{MmuError, RunOf},
    hv::Machine,
    paging::level::{Arithmetic, L4},
};

/// Returns the highest run of `need` pages that have memory and that nothing uses: they become the first tables. It is looked
/// for below the image, then after it, as far as the builder mapped pages. Page 0 and at least one more page are left out.
///
/// # Errors
/// [`MmuError::NoRun`] when there is none.
pub(super) fn own_tables<M: Machine>(
    machine: &M,
    pages: &Renumbering,
    boot_reserved: &BootReserved,
    facts: &BootFacts,
    need: u64,
    mapped: PfnRange,
) -> Result<PfnRange, MmuError> {
    let image = facts.image();
    let (below, after) = (PfnRange::between(Pfn::new(1), image.start()), mapped.from(image.end()));
    let (mut longest, mut free) = (0, 0);
    for part in [below, after] {
        let mut end = part.end();
        for pfn in part.iter().rev() {
            let is_passing = boot_reserved.passing().any(|(_, used)| used.contains(pfn));
            let is_used = is_passing || pages.lasting().contains(pfn);
            if is_used || pages.entry(machine, pfn).ram().is_none() {
                end = pfn;
                continue;
            }
            let run = PfnRange::between(pfn, end);
            if run.len().get() > need {
                return Ok(run.from(pfn.plus(run.len().get() - need)));
            }
            (longest, free) = (run.len().get().max(longest), free + 1);
        }
    }
    let [need, longest, free] = [need + 1, longest, free].map(PageCount::clamped);
    Err(MmuError::NoRun { object: RunOf::FirstTables { below, after }, need, longest, free })
}

/// How many tables a range takes.
pub(super) struct Needed;

impl Needed {
    /// The most frames that one chunk takes: its tables, and a page to note them in.
    pub(super) const MAX: u64 = ENTRIES + 2 + 1;

    /// How many more a range may take because its first and last tables are shared with what lies around it.
    pub(super) const EDGES: u64 = 2 * (ENTRIES + 2);

    /// Returns how many tables map the pages of a range that have memory in a direct map at `base`, if nothing around it is
    /// mapped.
    pub(super) fn exactly<M: Machine>(
        machine: &M,
        p2m: &impl Translate,
        range: PfnRange,
        base: VirtAddr,
    ) -> u64 {
        let has_memory = |range: &PfnRange| p2m.first_memory(machine, *range).is_some();
        let l1 = range.pieces(L1_PAGES).filter(has_memory).count() as u64;
        let (mut l2, mut l3, mut last) = (0, 0, None);
        for piece in range.pieces(L2_PAGES).filter(has_memory) {
            // A direct map need not start where the range of an L3 table does.
            let slot = Some(L4::index(base + piece.start().get() * PAGE_SIZE));
            l2 += 1;
            l3 += u64::from(slot != last);
            last = slot;
        }
        l1 + l2 + l3
    }

    /// Returns how many tables map the pages of a range in a direct map at `base`, if all have memory and nothing around it is
    /// mapped.
    pub(super) const fn tables(range: PfnRange, base: VirtAddr) -> u64 {
        const fn of(start: u64, end: u64, reach: u64) -> u64 {
            end.div_ceil(reach) - start / reach
        }
        let (start, end) = (range.start().get(), range.end().get());
        // Only the top-level table's entries need not start where the direct map does.
        let before = base.as_u64() % L4::REACH / PAGE_SIZE;
        of(start, end, L1_PAGES)
            + of(start, end, L2_PAGES)
            + of(before + start, before + end, L4::REACH / PAGE_SIZE)
    }
}
