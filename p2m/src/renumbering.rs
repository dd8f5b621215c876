//! New numbers for the guest's pages, chosen by the machine's memory map.
//!
//! *What this is*: a domain builder numbers pages from 0 without a gap, whatever the machine has at these addresses. A
//! kernel that also names machine memory by number, as dom0 does for ACPI tables and devices, needs one numbering for
//! both. Where the map has no RAM the P2M says *identity*; the memory that had the number moves to a number where the
//! map has RAM, or is given back. The n-th page to move gets the n-th free number, so only the map has to be kept.
//!
//! Numbers cost memory too: each GiB of them takes an inner page of the tree, a table of the linear list and a page of
//! the frame list. So the numbers end where the guest has the most memory left: a few pages far above the others are
//! not worth their cost.
//!
//! *What must hold*: a page in use keeps its number until it is released; then it is given back
//! ([`Renumbering::held_in_holes`]). A page that stays in use for good where there is no RAM is a [`Conflict`]. The
//! plan is made before anything is mapped.
//!
//! *What is not prevented*: a map that is wrong.

use core::{cell::Cell, fmt};

use start_info::{ENTRIES, MemoryMap, PageCount, Pfn, PfnRange};

use crate::{Authority, BootReserved, Conflict, List, Memory, Occupant, P2mEntry, translate::Translate};

/// Numbers for which the P2M takes [`PAGES_PER_SPAN`] pages, whether they mean anything or not: 1 GiB of them.
const SPAN: u64 = ENTRIES * ENTRIES;
/// An inner page of the tree, a table of the linear list, a page of the frame list.
const PAGES_PER_SPAN: u64 = 3;

/// What happens to memory whose number is needed for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displaced {
    /// It gets another number; if none is left, it is given back.
    Moved,
    /// It is given back: the builder's list has no room for more numbers.
    GivenBack,
}

/// Pages that get new numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Their numbers in the builder's list.
    pub from: PfnRange,
    /// Their new numbers.
    pub to: PfnRange,
}

/// The machine's side of a renumbering.
#[derive(Clone, Debug)]
struct Machine {
    map: &'static MemoryMap,
    boot_reserved: BootReserved,
    displaced: Displaced,
    /// The first number that no page is moved to.
    end: Pfn,
}

/// The builder's list, seen under the new numbers.
#[derive(Clone, Debug)]
pub struct Renumbering {
    list: List,
    /// How many numbers there are.
    pages: PageCount,
    machine: Option<Machine>,
    /// The run of the last number that was looked up: the next is likely in it too.
    last: Cell<Run>,
}

/// Numbers that mean the same kind of thing.
#[derive(Clone, Copy, Debug)]
struct Run {
    pages: PfnRange,
    meaning: Meaning,
}

#[derive(Clone, Copy, Debug)]
enum Meaning {
    /// Entries of the builder's list.
    Listed,
    /// Entries of the builder's list from this number on.
    Moved(Pfn),
    /// The machine frames of the same numbers.
    Identity,
    /// No memory.
    Missing,
}

impl Renumbering {
    /// Keeps every page's number: for a domU without a map.
    #[must_use]
    pub fn as_built(list: List) -> Self {
        let last = Run { pages: PfnRange::EMPTY, meaning: Meaning::Listed };
        Self { list, pages: list.pages(), machine: None, last: Cell::new(last) }
    }

    /// Plans which pages get new numbers, because the map has no RAM where they are. The holder of the authority
    /// vouches that `boot_reserved` lists all pages in use: the rest may lose its memory.
    ///
    /// # Errors
    /// [`Conflict`] for something in use that cannot move.
    pub fn plan(
        _: &Authority,
        list: List,
        map: &'static MemoryMap,
        boot_reserved: BootReserved,
        displaced: Displaced,
    ) -> Result<Self, Conflict> {
        let mut plan = Self::as_built(list);
        let listed = PfnRange::first(list.pages()).end();
        let mut machine = Machine { map, boot_reserved, displaced, end: Pfn::LAST };
        machine.check(listed)?;
        machine.end = machine.best_end(listed);
        plan.machine = Some(machine);
        let end = plan.moves().map(|moved| moved.to.end()).fold(listed, Pfn::max);
        plan.pages = end.count_below();
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

    /// Returns how many pages of memory there are: the builder's, minus those that are given back at once.
    #[must_use]
    pub fn memory(&self) -> PageCount {
        self.given_back().fold(self.list.pages(), |rest, range| rest.less(range.len()))
    }

    /// Returns the pages that get new numbers, in ascending order of both numbers.
    pub fn moves(&self) -> impl Iterator<Item = Move> + '_ {
        self.machine.iter().flat_map(|machine| machine.moves(self.listed().end()))
    }

    /// Returns the pages, by the list's numbers, that are given back at once.
    pub fn given_back(&self) -> impl Iterator<Item = PfnRange> + '_ {
        let end = self.listed().end();
        let moved = self.moves().last().map_or(Pfn::new(0), |last| last.from.end());
        let vacant = self.machine.iter().flat_map(move |machine| machine.vacant(end));
        vacant.map(move |vacant| vacant.from(moved)).filter(|rest| !rest.is_empty())
    }

    /// Returns the pages that are in use where there is no RAM. They are given back when they are released.
    pub fn held_in_holes(&self) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        let end = self.listed().end();
        self.machine.iter().flat_map(move |machine| machine.in_holes(end)).map(|(_, _, in_holes)| in_holes)
    }

    /// Returns the numbers that mean the machine frame of the same number.
    pub(crate) fn identity(&self) -> impl Iterator<Item = PfnRange> + '_ {
        self.machine.iter().flat_map(|machine| machine.vacant(PfnRange::first(self.pages).end()))
    }

    /// Tells whether every page has the number the builder gave it.
    #[must_use]
    pub fn is_as_built(&self) -> bool {
        self.identity().next().is_none() && self.held_in_holes().next().is_none()
    }

    /// Returns what leaf `index` of the P2M is made of, and the first leaf after it that may be different.
    #[inline]
    pub(crate) fn leaves(&self, index: u64) -> (LeafKind, u64) {
        let first = Pfn::clamped(index * ENTRIES);
        let leaf = PfnRange::between(first, first.plus(ENTRIES));
        let run = self.run(first);
        let kind = self.leaf(leaf, run);
        let end = match kind {
            LeafKind::Identity | LeafKind::Missing => (run.pages.end().get() / ENTRIES).max(index + 1),
            LeafKind::List | LeafKind::Mixed => index + 1,
        };
        (kind, end)
    }

    #[inline]
    fn leaf(&self, leaf: PfnRange, run: Run) -> LeafKind {
        // The last page of the list may be used in part; the rest of it is undefined, and nothing else uses it.
        let end =
            if run.pages.end() == PfnRange::first(self.pages).end() { leaf.end() } else { run.pages.end() };
        match run.meaning {
            _ if end < leaf.end() => LeafKind::Mixed,
            Meaning::Listed => LeafKind::List,
            Meaning::Identity if run.pages.end() >= leaf.end() => LeafKind::Identity,
            Meaning::Missing => LeafKind::Missing,
            Meaning::Identity | Meaning::Moved(_) => LeafKind::Mixed,
        }
    }

    /// Returns the numbers that the builder's list has.
    const fn listed(&self) -> PfnRange {
        PfnRange::first(self.list.pages())
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

    /// Reads words of the builder's list from `first` on, a page of the list at a time.
    fn read_list(&self, memory: &impl Memory, first: Pfn, words: &mut [u64]) {
        let mut rest = words;
        for piece in PfnRange::between(first, first.plus(rest.len() as u64)).pieces(ENTRIES) {
            let Some((part, behind)) = rest.split_at_mut_checked(piece.len().get() as usize) else { return };
            self.list.leaf_words(memory, piece.start(), part);
            rest = behind;
        }
        rest.fill(P2mEntry::MISSING);
    }

    /// Finds the run of a number. Not inlined: most numbers lie in the run of the previous one.
    #[inline(never)]
    fn find(&self, pfn: Pfn) -> Run {
        let listed = self.listed().end();
        if pfn < listed {
            let mut start = Pfn::new(0);
            for pages in self.machine.iter().flat_map(|machine| machine.vacant(listed)) {
                if pages.contains(pfn) {
                    return Run { pages, meaning: Meaning::Identity };
                }
                if pfn < pages.start() {
                    return Run { pages: PfnRange::between(start, pages.start()), meaning: Meaning::Listed };
                }
                start = pages.end();
            }
            return Run { pages: PfnRange::between(start, listed), meaning: Meaning::Listed };
        }
        if let Some(Move { from, to }) = self.moves().find(|moved| moved.to.contains(pfn)) {
            return Run { pages: to, meaning: Meaning::Moved(from.start()) };
        }
        let holes = || self.identity().map(|pages| pages.from(listed));
        if let Some(pages) = holes().find(|pages| pages.contains(pfn)) {
            return Run { pages, meaning: Meaning::Identity };
        }
        // Up to the next number that has a meaning, or to the end.
        let next = holes().chain(self.moves().map(|moved| moved.to)).map(PfnRange::start);
        let end = next.filter(|&start| start > pfn).fold(Pfn::LAST, Pfn::min);
        Run { pages: PfnRange::between(pfn, end), meaning: Meaning::Missing }
    }
}

impl Machine {
    /// Checks that every page in use where there is no RAM can move.
    fn check(&self, end: Pfn) -> Result<(), Conflict> {
        let stuck = |occupant| {
            let list_stays = occupant == Occupant::List && self.displaced == Displaced::GivenBack;
            list_stays || !self.boot_reserved.may_leave(occupant)
        };
        match self.in_holes(end).find(|&(occupant, ..)| stuck(occupant)) {
            Some((occupant, pages, hole)) => {
                Err(Conflict { occupant, pages, hole, obstacle: self.map.obstacle(hole) })
            }
            None => Ok(()),
        }
    }

    /// Returns the uses where there is no RAM: the use, all its pages, and those of them that are not RAM.
    fn in_holes(&self, end: Pfn) -> impl Iterator<Item = (Occupant, PfnRange, PfnRange)> + Clone + '_ {
        self.map.holes(end).flat_map(|hole| {
            let held = self
                .boot_reserved
                .iter()
                .map(move |(occupant, pages)| (occupant, pages, hole.intersection(pages)));
            held.filter(|(_, _, in_holes)| !in_holes.is_empty())
        })
    }

    /// Returns the numbers below `end` that are not RAM and not in use.
    fn vacant(&self, end: Pfn) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        self.map.holes(end).flat_map(|hole| without(hole, &self.boot_reserved))
    }

    /// Returns the end of numbers that leaves the most memory: the pages moved, minus what the P2M takes for the
    /// numbers beyond `end`.
    fn best_end(&self, end: Pfn) -> Pfn {
        let mut moved = 0;
        let choices = self.moves(end).map(|step| {
            moved += step.from.len().get();
            let spans = step.to.end().get().div_ceil(SPAN) - end.get().div_ceil(SPAN);
            (moved.saturating_sub(spans * PAGES_PER_SPAN), step.to.end())
        });
        // Of ends that leave the same, the first.
        choices.fold((0, end), |best, choice| if choice.0 > best.0 { choice } else { best }).1
    }

    /// Pairs the numbers to be cleared with those beyond `end` where the machine has RAM.
    fn moves(&self, end: Pfn) -> impl Iterator<Item = Move> + '_ {
        let mut vacant = self.vacant(end);
        let free = self.map.ram().map(move |ram| ram.from(end).below(self.end));
        let free = free.filter(|ram| !ram.is_empty());
        let mut free = free.filter(|_| self.displaced == Displaced::Moved);
        let (mut from, mut to) = (PfnRange::EMPTY, PfnRange::EMPTY);
        core::iter::from_fn(move || {
            if from.is_empty() {
                from = vacant.next()?;
            }
            if to.is_empty() {
                to = free.next()?;
            }
            let len = from.len().min(to.len()).get();
            let (at, on) = (from.start().plus(len), to.start().plus(len));
            let moved = Move { from: from.below(at), to: to.below(on) };
            (from, to) = (from.from(at), to.from(on));
            Some(moved)
        })
    }
}

/// What a leaf of the P2M is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafKind {
    /// A page of the builder's list, unchanged.
    List,
    /// Identity entries only.
    Identity,
    /// No memory at all.
    Missing,
    /// A mix, built entry by entry.
    Mixed,
}

impl Translate for Renumbering {
    #[inline]
    fn without_memory(&self, _memory: &impl Memory, pfn: Pfn) -> PfnRange {
        let Run { pages, meaning } = self.run(pfn);
        match meaning {
            Meaning::Identity | Meaning::Missing => pages.from(pfn),
            Meaning::Listed | Meaning::Moved(_) => PfnRange::EMPTY,
        }
    }

    #[inline]
    fn entry(&self, memory: &impl Memory, pfn: Pfn) -> P2mEntry {
        let Run { pages, meaning } = self.run(pfn);
        match meaning {
            Meaning::Listed => self.list.entry(memory, pfn),
            Meaning::Moved(from) => self.list.entry(memory, origin(from, pages, pfn)),
            Meaning::Identity => P2mEntry::Identity,
            Meaning::Missing => P2mEntry::Missing,
        }
    }

    fn leaf_words(&self, memory: &impl Memory, first: Pfn, words: &mut [u64]) {
        let mut rest = words;
        let mut asked = PfnRange::between(first, first.plus(rest.len() as u64));
        while let Some(pfn) = asked.iter().next() {
            let Run { pages, meaning } = self.run(pfn);
            let end = pages.end().max(pfn.plus(1));
            let here = asked.below(end).len().get() as usize;
            let Some((part, behind)) = rest.split_at_mut_checked(here) else { return };
            match meaning {
                Meaning::Listed => self.read_list(memory, pfn, part),
                Meaning::Moved(from) => self.read_list(memory, origin(from, pages, pfn), part),
                Meaning::Identity => part.fill(P2mEntry::Identity.encode()),
                Meaning::Missing => part.fill(P2mEntry::MISSING),
            }
            (asked, rest) = (asked.from(end), behind);
        }
        // Beyond the last number.
        rest.fill(P2mEntry::MISSING);
    }
}

impl fmt::Display for Renumbering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn count(ranges: impl Iterator<Item = PfnRange>) -> u64 {
            ranges.map(|range| range.len().get()).sum()
        }
        write!(
            f,
            "{} pages moved, {} given back, {} in use where the machine has no RAM, {} identity; {} numbers for {} pages",
            count(self.moves().map(|moved| moved.from)),
            count(self.given_back()),
            count(self.held_in_holes()),
            count(self.identity()),
            self.pages,
            self.list.pages(),
        )
    }
}

/// Returns the parts of `range` that are not in use, in ascending order.
fn without(range: PfnRange, boot_reserved: &BootReserved) -> impl Iterator<Item = PfnRange> + Clone + '_ {
    let mut rest = range;
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            let next = boot_reserved
                .ranges()
                .map(|held| held.intersection(rest))
                .filter(|held| !held.is_empty())
                .min_by_key(|held| held.start());
            let Some(held) = next else {
                return Some(core::mem::replace(&mut rest, PfnRange::EMPTY));
            };
            let free = rest.below(held.start());
            rest = rest.from(held.end());
            if !free.is_empty() {
                return Some(free);
            }
        }
        None
    })
}

/// Returns the number in the builder's list of a page that was moved: `to` got the numbers from `from` on.
const fn origin(from: Pfn, to: PfnRange, pfn: Pfn) -> Pfn {
    from.plus(pfn.get() - to.start().get())
}
