//! How many tables there must be, and where the first of them come from.

use p2m::{Arrangement, Translate};
use start_info::{BootFacts, ENTRIES, PageCount, PfnRange};

use crate::{
    direct_map::chunk::{L1_PAGES, L2_PAGES, L3_PAGES, frame},
    error::{Error, RunOf},
    hv::Machine,
};

/// Returns the highest run of `need` pages below the image that are memory: they become the first tables. Page 0 and at
/// least one page more are left out.
///
/// # Errors
/// [`Error::NoRun`] when there is none.
pub(super) fn own_tables<M: Machine>(
    machine: &M,
    pages: &Arrangement,
    facts: &BootFacts,
    need: u64,
) -> Result<PfnRange, Error> {
    let image = facts.image().start();
    let (mut end, mut longest, mut free) = (image, 0, 0);
    for number in (1..image).rev() {
        if pages.entry(machine, frame(number)).ram().is_none() {
            end = number;
            continue;
        }
        if end - number > need {
            return Ok(PfnRange::between(frame(end - need), frame(end)));
        }
        (longest, free) = (longest.max(end - number), free + 1);
    }
    let count = |pages| PageCount::try_new(pages).unwrap_or_default();
    let object = RunOf::FirstTables(frame(image));
    Err(Error::NoRun { object, need: count(need + 1), longest: count(longest), free: count(free) })
}

/// How many tables a range takes.
pub(super) struct Needed;

impl Needed {
    /// The most frames that one chunk takes: its tables, and a page to note them in.
    pub(super) const MOST: u64 = ENTRIES + 2 + 1;

    /// How many more a range may take because its first and last tables are shared with what lies around it.
    pub(super) const EDGES: u64 = 2 * (ENTRIES + 2);

    /// Returns how many tables map the pages of a range that have memory, if nothing around it is mapped.
    pub(super) fn exactly<M: Machine>(machine: &M, p2m: &impl Translate, range: PfnRange) -> u64 {
        let has_memory = |range: PfnRange| p2m.first_memory(machine, range).is_some();
        [L1_PAGES, L2_PAGES, L3_PAGES]
            .into_iter()
            .map(|reach| {
                let tables = range.start() / reach..range.end().div_ceil(reach);
                let of = |table: u64| PfnRange::clamped(table * reach, (table + 1) * reach);
                tables.filter(|&table| has_memory(of(table).intersection(range))).count() as u64
            })
            .sum()
    }

    pub(super) fn tables(range: PfnRange) -> u64 {
        let of = |reach: u64| range.end().div_ceil(reach) - range.start() / reach;
        of(L1_PAGES) + of(L2_PAGES) + of(L3_PAGES)
    }
}
