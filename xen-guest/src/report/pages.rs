//! Whose pages are whose, as facts: at entry, and when the boot is over.
//!
//! *What this is*: what `scripts/boot` draws its pictures from. At entry each range is what the domain builder made of it. After the
//! boot it is what the layer keeps, or frames, of which some are free.
//!
//! *What is not said*: which of the frames that are taken is a page table, a leaf of the P2M or the payload's.

use core::fmt;

use arrayvec::ArrayVec;
use mmu::{DirectMap, layout::KernelMap};
use start_info::{BootFacts, P2mPlace, Pfn, PfnRange};

use crate::{
    boot::{image::Image, options::Revector, running::Running},
    platform::Platform,
    report::{
        fact::{Fact, Value},
        picture::regions,
    },
};

/// What the domain builder made of the guest's memory.
pub(crate) struct AtEntry<'f> {
    pub(crate) facts: &'f BootFacts,
    pub(crate) image: &'f Image,
}

impl fmt::Display for AtEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { facts, image } = self;
        let entry =
            [("pages", Value::Number(facts.nr_pages().get())), ("dom0", Value::Flag(facts.is_dom0()))];
        write!(f, "{}", Fact::new("entry", &entry))?;
        let (start_info, stack) = (PfnRange::one(facts.start_info_pfn()), PfnRange::one(facts.boot_stack()));
        let list = facts.p2m_list();
        let (P2mPlace::Image(listed) | P2mPlace::Own(listed)) = list.place;
        let ramdisk = facts.ramdisk();
        let ka = |pages: PfnRange| Some(KernelMap::BUILDER.address(pages.start()));
        let mapped = [
            ("memory below the kernel", facts.low_memory()),
            ("kernel image", facts.image()),
            ("relocations", image.relocations),
            ("start_info", start_info),
            ("rings", facts.ring_pages()),
            ("page tables", facts.page_tables().pfns),
            ("boot stack", stack),
        ];
        let ramdisk = ramdisk
            .map(|ramdisk| ("ramdisk", ramdisk.pfns, if ramdisk.mapped { ka(ramdisk.pfns) } else { None }));
        let built = mapped.map(|(name, pages)| (name, pages, ka(pages)));
        let built = built.into_iter().chain([("P2M list", listed, Some(list.at))]).chain(ramdisk);
        for (name, pages, at) in built {
            range(f, "built", name, pages, at.map(|at| ("at", Value::Hex(at.as_u64()))))?;
        }
        Ok(())
    }
}

/// What the domain builder mapped after all that it had to map.
pub(crate) struct Padding(PfnRange);

impl Padding {
    /// Returns the padding if the builder's mapping ends there; `None` if there is none.
    pub(crate) fn up_to(facts: &BootFacts, end: Pfn) -> Option<Self> {
        let pages = PfnRange::between(PfnRange::one(facts.boot_stack()).end(), end);
        (!pages.is_empty()).then_some(Self(pages))
    }
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = KernelMap::BUILDER.address(self.0.start()).as_u64();
        line(f, "built", "padding", self.0, Some(("at", Value::Hex(at))))
    }
}

/// How much memory is mapped, while that grows.
pub(crate) struct MappedSoFar<'m>(pub(crate) &'m DirectMap);

impl fmt::Display for MappedSoFar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(map) = self;
        let fields =
            [("pages", Value::Number(map.memory_mapped().get())), ("of", Value::Number(map.memory().get()))];
        write!(f, "{}", Fact::new("mapped", &fields))
    }
}

/// What a booted guest has: the regions of its address space, its P2M, and whose each page is.
pub(crate) struct AfterBoot<'r, P> {
    pub(crate) platform: &'r P,
    pub(crate) running: &'r Running,
}

impl<P: Platform> fmt::Display for AfterBoot<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { platform, running } = self;
        let copied = running.publication.is_some();
        let p2m = [("entries", Value::Number(running.p2m.pages().get())), ("copied", Value::Flag(copied))];
        write!(f, "{}", Fact::new("p2m", &p2m))?;
        for region in &regions(running) {
            let fields = [
                ("name", Value::Text(&region.name())),
                ("start", Value::Hex(region.start().as_u64())),
                ("last", Value::Hex(region.last())),
                ("pages", Value::Number(region.pages().get())),
            ];
            write!(f, "\n{}", Fact::new("region", &fields))?;
        }
        let (map, mut next) = (&running.map, Pfn::new(0));
        let frames = |f: &mut fmt::Formatter<'_>, pages: PfnRange| {
            let end = Pfn::new(0).plus(map.mapped().get());
            let (mapped, rest) = (pages.below(end), pages.from(end));
            let free = map.free_in(*platform, mapped);
            range(f, "owner", "frames", mapped, Some(("free", Value::Number(free))))?;
            range(f, "owner", "not mapped yet", rest, None)
        };
        while let Some((name, pages, listed)) = held_from(running, next) {
            frames(f, PfnRange::between(next, pages.start()))?;
            range(f, "owner", name, pages, listed.map(|pfn| ("listed", Value::Hex(pfn.get()))))?;
            next = pages.end();
        }
        frames(f, PfnRange::between(next, Pfn::new(0).plus(map.total().get())))
    }
}

/// A line for a range that is not empty.
fn range(
    f: &mut fmt::Formatter<'_>,
    fact: &str,
    name: &str,
    pages: PfnRange,
    more: Option<(&str, Value<'_>)>,
) -> fmt::Result {
    if pages.is_empty() {
        return Ok(());
    }
    f.write_str("\n")?;
    line(f, fact, name, pages, more)
}

fn line(
    f: &mut fmt::Formatter<'_>,
    fact: &str,
    name: &str,
    pages: PfnRange,
    more: Option<(&str, Value<'_>)>,
) -> fmt::Result {
    let fields: ArrayVec<_, 4> = [
        ("name", Value::Text(&name)),
        ("pfn", Value::Hex(pages.start().get())),
        ("pages", Value::Number(pages.len().get())),
    ]
    .into_iter()
    .chain(more)
    .collect();
    write!(f, "{}", Fact::new(fact, &fields))
}

/// Returns the first range from `next` on that the allocator never hands out, and for one that stays in use the number that its
/// first page has in the builder's list.
fn held_from(running: &Running, next: Pfn) -> Option<(&'static str, PfnRange, Option<Pfn>)> {
    let facts = &running.context.facts;
    let (ramdisk, lasting) = (running.ramdisk_pages(), running.map.lasting());
    let listed = |pages: PfnRange| lasting.all().find(|run| run.pfns == pages).map(|run| run.listed);
    let list_is_kept = running.context.options.revector == Revector::Off;
    let is_in = |pages, of| listed(pages).unwrap_or(pages).overlaps(of);
    let name = |pages: PfnRange| {
        let (P2mPlace::Image(list) | P2mPlace::Own(list)) = facts.p2m_list().place;
        match pages {
            _ if Some(pages) == ramdisk => "ramdisk",
            _ if is_in(pages, facts.image()) => "kernel image",
            _ if is_in(pages, PfnRange::one(facts.start_info_pfn())) => "start_info",
            _ if is_in(pages, facts.ring_pages()) => "rings",
            _ if pages == PfnRange::one(Pfn::new(0)) => "page 0",
            _ if list_is_kept && pages == list => "P2M list",
            _ => "first tables",
        }
    };
    let held =
        running.map.reserved().chain(ramdisk).filter(|pages| pages.start() >= next && !pages.is_empty());
    held.min_by_key(|pages| pages.start())
        .map(|pages| (name(pages), pages, listed(pages).map(PfnRange::start)))
}
