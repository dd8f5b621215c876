//! The guest's pages under the numbers that the machine's memory map leaves for them.
//!
//! *What this is*: a domain builder numbers pages from 0 without a gap, whatever the machine has at these addresses. A
//! kernel that also speaks of machine memory by number, as dom0 does of ACPI tables and devices, wants one numbering for
//! both: where the map has no RAM the P2M says *identity*, and the memory that had the number is moved to a number the map
//! has RAM for, or given back. The n-th page to be moved gets the n-th number that is free for it, so nothing has to be
//! written down but the map.
//!
//! Numbers cost memory as well: an inner page of the tree, a table of the linear list and a page of the frame list for each GiB
//! of them. So numbers end where the guest has the most memory left; a few pages far behind the others are no gain.
//!
//! *What must hold*: a page in use keeps its number until it is let go; then it is given back ([`Arrangement::late`]). What
//! is in use for ever and lies where there is no RAM is a [`Conflict`]. The plan is made before anything is mapped.
//!
//! *What is not prevented*: a map that is wrong.

use core::{cell::Cell, fmt};

use start_info::{ENTRIES, MAX_FRAMES, MemoryMap, PageCount, Pfn, PfnRange};

use crate::{Authority, Conflict, Entry, List, Memory, Occupant, Occupied, translate::Translate};

/// Numbers for which the P2M takes [`PAGES_PER_SPAN`] pages, whether they mean anything or not: 1 GiB of them.
const SPAN: u64 = ENTRIES * ENTRIES;
/// An inner page of the tree, a table of the linear list, a page of the frame list.
const PAGES_PER_SPAN: u64 = 3;

/// What is done with memory whose number is needed for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displaced {
    /// It gets another number; what finds none is given back.
    Moved,
    /// It is given back: the builder's list has no room for more numbers.
    GivenBack,
}

/// Pages that get other numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// Their numbers in the builder's list.
    pub from: PfnRange,
    /// Their new numbers.
    pub to: PfnRange,
}

/// The machine's side of an arrangement.
#[derive(Clone, Debug)]
struct Machine {
    map: &'static MemoryMap,
    occupied: Occupied,
    displaced: Displaced,
    /// The first number that no page is moved to.
    end: u64,
}

/// The builder's list, seen under the new numbers.
#[derive(Clone, Debug)]
pub struct Arrangement {
    list: List,
    /// How many numbers there are now.
    pages: PageCount,
    machine: Option<Machine>,
    /// Where the last number that was asked for lies: the next is likely beside it.
    last: Cell<Run>,
}

/// Numbers that mean the same kind of thing.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    pages: PfnRange,
    meaning: Meaning,
}

#[derive(Clone, Copy, Debug, Default)]
enum Meaning {
    /// What the builder's list says.
    #[default]
    Listed,
    /// What the builder's list says of the pages from this number on.
    Moved(u64),
    /// The machine frames of the same numbers.
    Identity,
    /// Nothing.
    Missing,
}

impl Arrangement {
    /// Leaves every page its number: a domU without a map.
    #[must_use]
    pub fn as_built(list: List) -> Self {
        Self { list, pages: list.pages(), machine: None, last: Cell::default() }
    }

    /// Plans which pages get other numbers, because the map has no RAM where they are. The authority stands for `occupied`
    /// being all that is in use: the rest loses its memory.
    ///
    /// # Errors
    /// [`Conflict`] for something in use that cannot go.
    pub fn plan(
        _: &Authority,
        list: List,
        map: &'static MemoryMap,
        occupied: Occupied,
        displaced: Displaced,
    ) -> Result<Self, Conflict> {
        let mut plan = Self::as_built(list);
        let mut machine = Machine { map, occupied, displaced, end: MAX_FRAMES };
        machine.check(list.pages().get())?;
        machine.end = machine.best_end(list.pages().get());
        plan.machine = Some(machine);
        let end = plan.moves().map(|moved| moved.to.end()).fold(list.pages().get(), u64::max);
        plan.pages = PageCount::try_new(end).unwrap_or(list.pages());
        Ok(plan)
    }

    /// Returns the builder's list.
    #[must_use]
    pub const fn list(&self) -> &List {
        &self.list
    }

    /// Returns how many numbers there are, those without memory included.
    #[must_use]
    pub const fn pages(&self) -> PageCount {
        self.pages
    }

    /// Returns how many pages of memory there are: the builder's, less those that are given back at once.
    #[must_use]
    pub fn memory(&self) -> PageCount {
        let given_back: u64 = self.given_back().map(|range| range.len().get()).sum();
        PageCount::try_new(self.list.pages().get().saturating_sub(given_back)).unwrap_or_default()
    }

    /// Returns the pages that get other numbers, in ascending order of both.
    pub fn moves(&self) -> impl Iterator<Item = Move> + '_ {
        self.machine.iter().flat_map(|machine| machine.moves(self.list.pages().get()))
    }

    /// Returns the pages, by the list's numbers, that are given back at once.
    pub fn given_back(&self) -> impl Iterator<Item = PfnRange> + '_ {
        let end = self.list.pages().get();
        let moved = self.moves().last().map_or(0, |last| last.from.end());
        let vacant = self.machine.iter().flat_map(move |machine| machine.vacant(end));
        vacant.map(move |vacant| behind(vacant, moved)).filter(|rest| !rest.is_empty())
    }

    /// Returns the pages that are in use where there is no RAM, and are given back when they are let go.
    pub fn late(&self) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        let end = self.list.pages().get();
        self.machine.iter().flat_map(move |machine| machine.late(end)).map(|(_, _, late)| late)
    }

    /// Returns the numbers that mean the machine frame of the same number.
    pub(crate) fn identity(&self) -> impl Iterator<Item = PfnRange> + '_ {
        self.machine.iter().flat_map(|machine| machine.vacant(self.pages.get()))
    }

    /// Tells whether every page has the number the builder gave it.
    #[must_use]
    pub fn is_as_built(&self) -> bool {
        self.identity().next().is_none() && self.late().next().is_none()
    }

    /// Returns what leaf `index` of the P2M is made of, and the first leaf after it that needs a look of its own.
    #[inline]
    pub(crate) fn leaves(&self, index: u64) -> (LeafKind, u64) {
        let leaf = PfnRange::clamped(index * ENTRIES, (index + 1) * ENTRIES);
        let Ok(first) = Pfn::try_new(leaf.start()) else { return (LeafKind::Missing, index + 1) };
        let run = self.run(first);
        let kind = self.leaf(leaf, run);
        let end = match kind {
            LeafKind::Identity | LeafKind::Missing => (run.pages.end() / ENTRIES).max(index + 1),
            LeafKind::List | LeafKind::Mixed => index + 1,
        };
        (kind, end)
    }

    #[inline]
    fn leaf(&self, leaf: PfnRange, run: Run) -> LeafKind {
        // The last page of the list is used in part; what follows in it is undefined, and nothing else's.
        let end = if run.pages.end() == self.pages.get() { leaf.end() } else { run.pages.end() };
        match run.meaning {
            _ if end < leaf.end() => LeafKind::Mixed,
            Meaning::Listed => LeafKind::List,
            Meaning::Identity if run.pages.end() >= leaf.end() => LeafKind::Identity,
            Meaning::Missing => LeafKind::Missing,
            Meaning::Identity | Meaning::Moved(_) => LeafKind::Mixed,
        }
    }

    /// Returns the numbers around `pfn` that mean the same kind of thing.
    #[inline]
    fn run(&self, pfn: Pfn) -> Run {
        let last = self.last.get();
        if last.pages.contains(pfn) {
            return last;
        }
        let run = self.find(pfn);
        self.last.set(run);
        run
    }

    /// Reads words of the builder's list from `number` on, a page of the list at a time.
    fn listed(&self, memory: &impl Memory, number: u64, words: &mut [u64]) {
        let (mut next, mut rest) = (number, words);
        while !rest.is_empty() {
            let Ok(first) = Pfn::try_new(next) else { return rest.fill(Entry::MISSING) };
            let here = (ENTRIES - next % ENTRIES).min(rest.len() as u64);
            let (part, behind) = rest.split_at_mut(here as usize);
            self.list.leaf_words(memory, first, part);
            (next, rest) = (next + here, behind);
        }
    }

    /// Looks for the run of a number. Not in the way of the many that lie in the run of the one before.
    #[inline(never)]
    fn find(&self, pfn: Pfn) -> Run {
        let (number, listed) = (pfn.get(), self.list.pages().get());
        if number < listed {
            let mut start = 0;
            for pages in self.machine.iter().flat_map(|machine| machine.vacant(listed)) {
                if pages.contains(pfn) {
                    return Run { pages, meaning: Meaning::Identity };
                }
                if number < pages.start() {
                    return Run { pages: PfnRange::clamped(start, pages.start()), meaning: Meaning::Listed };
                }
                start = pages.end();
            }
            return Run { pages: PfnRange::clamped(start, listed), meaning: Meaning::Listed };
        }
        if let Some(Move { from, to }) = self.moves().find(|moved| moved.to.contains(pfn)) {
            return Run { pages: to, meaning: Meaning::Moved(from.start()) };
        }
        let holes = || self.identity().map(|pages| behind(pages, listed));
        if let Some(pages) = holes().find(|pages| pages.contains(pfn)) {
            return Run { pages, meaning: Meaning::Identity };
        }
        // To the next number that means something, or to the end.
        let next = holes().chain(self.moves().map(|moved| moved.to)).map(PfnRange::start);
        let end = next.filter(|&start| start > number).fold(MAX_FRAMES - 1, u64::min);
        Run { pages: PfnRange::clamped(number, end), meaning: Meaning::Missing }
    }
}

impl Machine {
    /// Checks that what is in use where there is no RAM can go.
    fn check(&self, end: u64) -> Result<(), Conflict> {
        let stuck = |occupant| {
            let list_stays = occupant == Occupant::List && self.displaced == Displaced::GivenBack;
            list_stays || !self.occupied.may_leave(occupant)
        };
        match self.late(end).find(|&(occupant, ..)| stuck(occupant)) {
            Some((occupant, pages, hole)) => {
                Err(Conflict { occupant, pages, hole, obstacle: self.map.obstacle(hole) })
            }
            None => Ok(()),
        }
    }

    /// Returns what is in use where there is no RAM: what it is, its pages, and which of them.
    fn late(&self, end: u64) -> impl Iterator<Item = (Occupant, PfnRange, PfnRange)> + Clone + '_ {
        self.map.holes(end).flat_map(|hole| {
            let held = self
                .occupied
                .iter()
                .map(move |(occupant, pages)| (occupant, pages, hole.intersection(pages)));
            held.filter(|(_, _, late)| !late.is_empty())
        })
    }

    /// Returns the numbers below `end` that are no RAM and that nothing holds.
    fn vacant(&self, end: u64) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        self.map.holes(end).flat_map(|hole| without(hole, &self.occupied))
    }

    /// Returns the end of numbers that leaves the most memory: what is moved, less what the P2M takes for numbers behind `end`.
    fn best_end(&self, end: u64) -> u64 {
        let mut moved = 0;
        let choices = self.moves(end).map(|step| {
            moved += step.from.len().get();
            let spans = step.to.end().div_ceil(SPAN) - end.div_ceil(SPAN);
            (moved.saturating_sub(spans * PAGES_PER_SPAN), step.to.end())
        });
        // Of ends that leave as much, the first.
        choices.fold((0, end), |best, choice| if choice.0 > best.0 { choice } else { best }).1
    }

    /// Pairs the numbers that are to be left with those behind `end` that the machine has RAM for.
    fn moves(&self, end: u64) -> impl Iterator<Item = Move> + '_ {
        let mut vacant = self.vacant(end);
        let free = self.map.ram().map(move |ram| before(behind(ram, end), self.end));
        let free = free.filter(|ram| !ram.is_empty());
        let mut free = free.filter(|_| self.displaced == Displaced::Moved);
        let (mut from, mut to) = (PfnRange::default(), PfnRange::default());
        core::iter::from_fn(move || {
            if from.is_empty() {
                from = vacant.next()?;
            }
            if to.is_empty() {
                to = free.next()?;
            }
            let len = from.len().min(to.len()).get();
            let (at, on) = (from.start() + len, to.start() + len);
            let moved = Move { from: before(from, at), to: before(to, on) };
            (from, to) = (behind(from, at), behind(to, on));
            Some(moved)
        })
    }
}

/// What a leaf of the P2M is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafKind {
    /// A page of the builder's list, as it is.
    List,
    /// Identity entries only.
    Identity,
    /// No memory at all.
    Missing,
    /// Something that must be put together.
    Mixed,
}

impl Translate for Arrangement {
    #[inline]
    fn without_memory(&self, _memory: &impl Memory, pfn: Pfn) -> PfnRange {
        let Run { pages, meaning } = self.run(pfn);
        match meaning {
            Meaning::Identity | Meaning::Missing => behind(pages, pfn.get()),
            Meaning::Listed | Meaning::Moved(_) => PfnRange::default(),
        }
    }

    #[inline]
    fn entry(&self, memory: &impl Memory, pfn: Pfn) -> Entry {
        let Run { pages, meaning } = self.run(pfn);
        match meaning {
            Meaning::Listed => self.list.entry(memory, pfn),
            Meaning::Moved(from) => {
                let origin = Pfn::try_new(from + (pfn.get() - pages.start()));
                origin.map_or(Entry::Missing, |origin| self.list.entry(memory, origin))
            }
            Meaning::Identity => Entry::Identity,
            Meaning::Missing => Entry::Missing,
        }
    }

    fn leaf_words(&self, memory: &impl Memory, first: Pfn, words: &mut [u64]) {
        let mut rest = words;
        let mut next = first.get();
        while !rest.is_empty() {
            let Ok(pfn) = Pfn::try_new(next) else { return rest.fill(Entry::MISSING) };
            let Run { pages, meaning } = self.run(pfn);
            let here = pages.end().saturating_sub(next).clamp(1, rest.len() as u64);
            let (part, behind) = rest.split_at_mut(here as usize);
            match meaning {
                Meaning::Listed => self.listed(memory, next, part),
                Meaning::Moved(from) => self.listed(memory, from + (next - pages.start()), part),
                Meaning::Identity => part.fill(Entry::Identity.encode()),
                Meaning::Missing => part.fill(Entry::MISSING),
            }
            (next, rest) = (next + here, behind);
        }
    }
}

impl fmt::Display for Arrangement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn count(ranges: impl Iterator<Item = PfnRange>) -> u64 {
            ranges.map(|range| range.len().get()).sum()
        }
        write!(
            f,
            "{} pages moved, {} given back, {} in use where the machine has no RAM, {} identity; {} numbers for {} pages",
            count(self.moves().map(|moved| moved.from)),
            count(self.given_back()),
            count(self.late()),
            count(self.identity()),
            self.pages,
            self.list.pages(),
        )
    }
}

/// Returns the parts of `range` that nothing occupies, in ascending order.
fn without(range: PfnRange, occupied: &Occupied) -> impl Iterator<Item = PfnRange> + Clone + '_ {
    let mut rest = range;
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            let next = occupied
                .ranges()
                .map(|held| held.intersection(rest))
                .filter(|held| !held.is_empty())
                .min_by_key(|held| held.start());
            let Some(held) = next else {
                return Some(core::mem::take(&mut rest));
            };
            let free = before(rest, held.start());
            rest = behind(rest, held.end());
            if !free.is_empty() {
                return Some(free);
            }
        }
        None
    })
}

fn behind(run: PfnRange, start: u64) -> PfnRange {
    PfnRange::clamped(run.start().max(start), run.end())
}

fn before(run: PfnRange, end: u64) -> PfnRange {
    PfnRange::clamped(run.start(), run.end().min(end))
}
