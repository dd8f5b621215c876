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
//! ([`Renumbering::held_in_holes`]). Pages that are never released, such as the kernel image, get their new numbers first,
//! while they are in use, and stay where they are mapped ([`LastingPages`]). Where there are no numbers for them, that is a
//! [`Conflict`]. The plan is made before anything is mapped.
//!
//! *What is not prevented*: a map that is wrong.

use core::{cell::Cell, fmt};

use start_info::{ENTRIES, MemoryMap, PageCount, Pfn, PfnRange};

use crate::{
    Authority, BootReserved, Conflict, LastingPages, List, Memory, Occupant, P2mEntry, leaf_kind::LeafKind,
    translate::Translate,
};

/// Numbers for which the P2M takes [`PAGES_PER_SPAN`] pages, whether they mean anything or not: 1 GiB of them.
const SPAN: u64 = ENTRIES * ENTRIES;
/// An inner page of the tree, a table of the linear list, a page of the frame list.
const PAGES_PER_SPAN: u64 = 3;

/// What happens to memory whose number is needed for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displaced {
    /// It gets another number; if none is left, it is given back.
    Moved,
    /// It is given back, unless it stays in use: the builder's list has no room for more numbers.
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
    lasting: LastingPages,
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
    lasting: LastingPages,
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
    pub fn as_built(list: List, boot_reserved: &BootReserved) -> Self {
        let last = Run { pages: PfnRange::EMPTY, meaning: Meaning::Listed };
        let lasting = LastingPages::as_built(boot_reserved.lasting());
        Self { list, pages: list.pages(), lasting, machine: None, last: Cell::new(last) }
    }

    /// Plans which pages get new numbers, because the map has no RAM where they are. The holder of the authority
    /// vouches that `boot_reserved` lists all pages in use: the rest may lose its memory.
    ///
    /// # Errors
    /// [`Conflict`] for something in use that cannot leave.
    pub fn plan(
        _: &Authority,
        list: List,
        map: &'static MemoryMap,
        boot_reserved: BootReserved,
        displaced: Displaced,
    ) -> Result<Self, Conflict> {
        let mut plan = Self::as_built(list, &boot_reserved);
        let listed = PfnRange::first(list.pages()).end();
        plan.lasting = plan.lasting.on_machine(listed, map);
        let mut machine = Machine { map, boot_reserved, lasting: plan.lasting, displaced, end: Pfn::LAST };
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

    /// Returns which numbers the pages have that stay in use.
    #[must_use]
    pub const fn lasting(&self) -> LastingPages {
        self.lasting
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

    /// Returns the pages that get new numbers: first those that stay in use, then the others, each in ascending order. The
    /// new numbers ascend.
    pub fn moves(&self) -> impl Iterator<Item = Move> + '_ {
        self.machine.iter().flat_map(|machine| machine.moves(self.listed().end()))
    }

    /// Returns the pages, by the list's numbers, that are given back at once.
    pub fn given_back(&self) -> impl Iterator<Item = PfnRange> + '_ {
        let end = self.listed().end();
        let others = self.moves().filter(|moved| !self.lasting.contains(moved.from.start()));
        let moved = others.last().map_or(Pfn::new(0), |last| last.from.end());
        let vacant = self.machine.iter().flat_map(move |machine| machine.vacant(end));
        vacant.map(move |vacant| vacant.from(moved)).filter(|rest| !rest.is_empty())
    }

    /// Returns the pages that are in use for now where there is no RAM. They are given back when they are released.
    pub fn held_in_holes(&self) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        let end = self.listed().end();
        self.machine.iter().flat_map(move |machine| machine.in_holes(end)).map(|(_, _, in_holes)| in_holes)
    }

    /// Returns the numbers that mean the machine frame of the same number.
    pub(crate) fn identity(&self) -> impl Iterator<Item = PfnRange> + '_ {
        self.machine.iter().flat_map(|machine| machine.identity(PfnRange::first(self.pages).end()))
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
            for pages in self.machine.iter().flat_map(|machine| machine.identity(listed)) {
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
    /// Checks that every page in use where there is no RAM can leave.
    fn check(&self, end: Pfn) -> Result<(), Conflict> {
        let unnumbered = || self.lasting.without_number();
        let without_number = unnumbered().fold(PageCount::ZERO, |sum, pages| sum.and(pages.len()));
        let user = |hole: PfnRange| self.boot_reserved.iter().find(|(_, pages)| pages.overlaps(hole));
        let lasting =
            unnumbered().find_map(|hole| user(hole).map(|(occupant, pages)| (occupant, pages, hole)));
        let list_stays = self.displaced == Displaced::GivenBack;
        let list = || self.in_holes(end).find(|&(occupant, ..)| list_stays && occupant == Occupant::List);
        match lasting.or_else(list) {
            Some((occupant, pages, hole)) => {
                Err(Conflict { occupant, pages, hole, obstacle: self.map.obstacle(hole), without_number })
            }
            None => Ok(()),
        }
    }

    /// Returns the passing uses where there is no RAM: the use, all its pages, and those of them that are not RAM.
    fn in_holes(&self, end: Pfn) -> impl Iterator<Item = (Occupant, PfnRange, PfnRange)> + Clone + '_ {
        self.map.holes(end).flat_map(|hole| {
            let held = self
                .boot_reserved
                .passing()
                .map(move |(occupant, pages)| (occupant, pages, hole.intersection(pages)));
            held.filter(|(_, _, in_holes)| !in_holes.is_empty())
        })
    }

    /// Returns the numbers below `end` that are not RAM and that no page keeps.
    fn identity(&self, end: Pfn) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        let kept = self.boot_reserved.passing().map(|(_, pages)| pages);
        self.map.holes(end).flat_map(move |hole| without(hole, kept.clone()))
    }

    /// Returns the numbers below `end` that are not RAM and not in use.
    fn vacant(&self, end: Pfn) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        let used = self.boot_reserved.ranges();
        self.map.holes(end).flat_map(move |hole| without(hole, used.clone()))
    }

    /// Returns the end of numbers that leaves the most memory: the pages moved, minus what the P2M takes for the
    /// numbers beyond `end`. Pages that stay in use must move, whatever their numbers take.
    fn best_end(&self, end: Pfn) -> Pfn {
        let least = self.lasting.moves().fold(end, |end, moved| end.max(moved.to.end()));
        let mut moved = 0;
        let others = self.moves(end).filter(|step| !self.lasting.contains(step.from.start()));
        let choices = others.map(|step| {
            moved += step.from.len().get();
            let spans = step.to.end().get().div_ceil(SPAN) - least.get().div_ceil(SPAN);
            (moved.saturating_sub(spans * PAGES_PER_SPAN), step.to.end())
        });
        // Of ends that leave the same, the first.
        choices.fold((0, least), |best, choice| if choice.0 > best.0 { choice } else { best }).1
    }

    /// Pairs the numbers to be cleared with those beyond `end` where the machine has RAM.
    fn moves(&self, end: Pfn) -> impl Iterator<Item = Move> + '_ {
        let others = self.vacant(end).filter(|_| self.displaced == Displaced::Moved);
        let free = self.map.ram().map(move |ram| ram.from(end).below(self.end));
        pair(self.lasting.in_holes().chain(others), free)
    }
}

/// Gives the n-th number of `from` the n-th number of `free`, until one of them ends.
pub(crate) fn pair<V, F>(from: V, free: F) -> impl Iterator<Item = Move> + Clone + use<V, F>
where
    V: Iterator<Item = PfnRange> + Clone,
    F: Iterator<Item = PfnRange> + Clone,
{
    let (mut vacant, mut free) = (from, free.filter(|free| !free.is_empty()));
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

/// Returns the parts of `range` that are in none of the ranges `used`, in ascending order.
fn without<U>(range: PfnRange, used: U) -> impl Iterator<Item = PfnRange> + Clone + use<U>
where
    U: Iterator<Item = PfnRange> + Clone,
{
    let mut rest = range;
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            let next = used
                .clone()
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
