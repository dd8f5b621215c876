//! What a guest said of its memory and its boot, as far as it got.
//!
//! *What this is*: the facts (`docs/boot.md`) that the pictures are drawn from. A guest that died early said less: what it did not say is
//! empty here. A fact that lacks a number is left out, as is a line that was cut off.

use crate::machine::size::PAGE;
use crate::run::facts::{Fact, Facts};

/// The address of page 0 of the guest where the domain builder mapped the kernel.
pub(crate) const KA: u64 = 0xffff_ffff_8000_0000;
/// The address of page 0 in the direct map of a guest that chose no other.
const VA: u64 = 0xffff_8800_0000_0000;
/// Where modules belong.
pub(crate) const MODULES_VADDR: u64 = 0xffff_ffff_a000_0000;

/// The name of what the builder mapped for nothing that is known.
pub(crate) const UNUSED: &str = "mapped, unused";

/// Pages in a row, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageRun {
    pub(crate) name: String,
    pub(crate) pfn: u64,
    pub(crate) pages: u64,
    /// At entry: the address at which the domain builder mapped them.
    pub(crate) at: Option<u64>,
    /// After the boot, of frames: how many are free.
    pub(crate) free: Option<u64>,
}

impl PageRun {
    /// Whether the builder mapped it in `__ka`, the upper 2 GiB, where the number of a page decides its address.
    pub(crate) fn is_in_ka(&self) -> bool {
        self.pfn + self.pages <= KA.wrapping_neg() / PAGE && self.at == Some(KA + self.pfn * PAGE)
    }
}

/// A region of the address space after the boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedRegion {
    pub(crate) name: String,
    pub(crate) start: u64,
    pub(crate) pages: u64,
}

/// A stage of the boot, or the loading of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) end: u64,
    pub(crate) took: u64,
    pub(crate) hypercalls: u64,
    pub(crate) frames: u64,
}

/// A module that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoadedModule {
    pub(crate) step: Step,
    pub(crate) start: u64,
    pub(crate) last: u64,
    pub(crate) size: u64,
    pub(crate) relocations: u64,
    pub(crate) symbols: u64,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// Pages of memory at entry.
    pub(crate) pages: u64,
    /// What the builder made, by page number.
    pub(crate) built: Vec<PageRun>,
    /// Whose each page is after the boot, by page number.
    pub(crate) owners: Vec<PageRun>,
    /// By address.
    pub(crate) regions: Vec<NamedRegion>,
    pub(crate) stages: Vec<Step>,
    pub(crate) modules: Vec<LoadedModule>,
    /// Whether the P2M was copied; unknown if the guest did not come so far.
    pub(crate) copied: Option<bool>,
    /// Pages of memory, and how many of them are mapped and free, at the end.
    pub(crate) memory: Option<[u64; 3]>,
    /// Page numbers after the boot that have no memory: the host has none there.
    pub(crate) holes: u64,
    /// What ended the boot early, or the kernel after it, as a sentence.
    pub(crate) death: Option<String>,
}

impl Story {
    /// Reads the facts; `None` if there are none of a boot: the kernel is not on this layer, or was not asked for them.
    pub(crate) fn of(facts: &Facts) -> Option<Self> {
        let stages: Vec<Step> = facts
            .stages()
            .filter(|(name, _)| !name.starts_with("module "))
            .filter_map(|(name, fact)| step(name, fact))
            .collect();
        let entry = facts.all("entry").find_map(|fact| fact.number("pages").ok());
        let reason = facts.all("fatal").find_map(reason);
        if stages.is_empty() && entry.is_none() && reason.is_none() {
            return None;
        }
        let owners = joined(runs(facts, "owner"));
        let when = if owners.is_empty() { "The boot ended early" } else { "The kernel died after the boot" };
        let entries = facts.all("p2m").find_map(|fact| fact.number("entries").ok());
        let mut story = Self {
            pages: entry.unwrap_or_default(),
            holes: entry.zip(entries).map_or(0, |(pages, entries)| entries.saturating_sub(pages)),
            built: without_gaps(runs(facts, "built")),
            owners,
            regions: facts.all("region").filter_map(region).collect(),
            stages,
            modules: facts.modules().filter_map(|(name, fact)| module(name, fact)).collect(),
            copied: facts.all("p2m").find_map(|fact| fact.flag("copied").ok()),
            memory: facts.all("memory").find_map(memory),
            death: reason.map(|reason| format!("{when}: {reason}")),
        };
        story.regions.sort_by_key(|region| region.start);
        story.modules.sort_by_key(|module| module.start);
        Some(story)
    }

    /// The region of this name.
    fn region(&self, name: &str) -> Option<&NamedRegion> {
        self.regions.iter().find(|region| region.name == name)
    }

    /// How far the image was moved from where the builder mapped it.
    pub(crate) fn slide(&self) -> u64 {
        let built = self.built.iter().find(|run| run.name == "kernel image").and_then(|run| run.at);
        let moved = self.region("kernel image").zip(built);
        moved.map_or(0, |(image, built)| image.start.wrapping_sub(built))
    }

    /// The address of page 0 in the direct map.
    pub(crate) fn direct_map(&self) -> u64 {
        self.region("direct map").map_or(VA, |region| region.start)
    }

    /// Where the builder's mapping ends, as a page number.
    pub(crate) fn mapped_end(&self) -> u64 {
        let mapped = self.built.iter().filter(|run| run.is_in_ka());
        mapped.map(|run| run.pfn + run.pages).max().unwrap_or_default()
    }
}

fn step(name: &str, fact: &Fact) -> Option<Step> {
    let number = |key| fact.number(key).ok();
    Some(Step {
        name: name.to_owned(),
        end: number("tsc")?,
        took: number("took")?,
        hypercalls: number("hypercalls")?,
        frames: number("frames")?,
    })
}

fn runs(facts: &Facts, name: &str) -> Vec<PageRun> {
    let run = |fact: &Fact| {
        let (pfn, pages) = (fact.hex("pfn").ok()?, fact.number("pages").ok().filter(|pages| *pages > 0)?);
        // Nobody has more pages than an address space has: sums stay in 64 bits.
        (pfn < 1 << 40 && pages <= 1 << 40).then_some(())?;
        let name = fact.text("name").ok()?.to_owned();
        Some(PageRun { name, pfn, pages, at: fact.hex("at").ok(), free: fact.number("free").ok() })
    };
    let mut runs: Vec<PageRun> = facts.all(name).filter_map(run).collect();
    runs.sort_by_key(|run| run.pfn);
    runs
}

/// The runs, and what lies between those of the builder's mapping: with `--image-pages` the builder mapped more than the kernel knows of.
fn without_gaps(runs: Vec<PageRun>) -> Vec<PageRun> {
    let mut all: Vec<PageRun> = Vec::new();
    let mut next = 0;
    for run in runs {
        if run.is_in_ka() {
            if run.pfn > next {
                let at = Some(KA + next * PAGE);
                all.push(PageRun {
                    name: UNUSED.to_owned(),
                    pfn: next,
                    pages: run.pfn - next,
                    at,
                    free: None,
                });
            }
            next = next.max(run.pfn + run.pages);
        }
        all.push(run);
    }
    all
}

/// Runs of one name next to each other as one.
fn joined(runs: Vec<PageRun>) -> Vec<PageRun> {
    let mut all: Vec<PageRun> = Vec::new();
    for run in runs {
        match all.last_mut() {
            Some(last) if last.name == run.name && last.pfn.checked_add(last.pages) == Some(run.pfn) => {
                last.pages = last.pages.saturating_add(run.pages);
                last.free = last.free.zip(run.free).map(|(one, other)| one.saturating_add(other));
            }
            _ => all.push(run),
        }
    }
    all
}

fn region(fact: &Fact) -> Option<NamedRegion> {
    let name = fact.text("name").ok()?.to_owned();
    Some(NamedRegion { name, start: fact.hex("start").ok()?, pages: fact.number("pages").ok()? })
}

fn module(name: &str, fact: &Fact) -> Option<LoadedModule> {
    let (start, last) = (fact.hex("start").ok()?, fact.hex("last").ok()?);
    (start < last && last < u64::MAX).then_some(())?;
    let number = |key| fact.number(key).ok();
    Some(LoadedModule {
        step: step(name, fact)?,
        start,
        last,
        size: number("size")?,
        relocations: number("relocations")?,
        symbols: number("symbols")?,
    })
}

fn memory(fact: &Fact) -> Option<[u64; 3]> {
    let number = |key| fact.number(key).ok();
    Some([number("pages")?, number("mapped")?, number("free")?])
}

/// What ended the boot or the kernel: an error by its name in the source, or what a report says.
fn reason(fact: &Fact) -> Option<String> {
    let text = |key| fact.text(key).ok().filter(|text| !text.is_empty());
    let said = match (text("error"), text("panicked"), text("message"), text("said")) {
        (Some(error), ..) => error.to_owned(),
        (_, Some(place), Some(message), _) => format!("panic at {place}: {message}"),
        (_, Some(place), None, _) => format!("panic at {place}"),
        (_, None, Some(message), _) => format!("panic: {message}"),
        (.., Some(said)) => said.to_owned(),
        _ => trap(fact)?,
    };
    let whose = text("stage").map(str::to_owned).or_else(|| Some(format!("module {}", text("module")?)));
    Some(whose.map_or(said.clone(), |whose| format!("{whose}: {said}")))
}

/// A trap: what is at the address of a page fault, or where the code was.
fn trap(fact: &Fact) -> Option<String> {
    let vector = fact.number("vector").ok()?;
    if let (Ok(address), Ok(place), Ok(mapped)) =
        (fact.hex("address"), fact.text("place"), fact.text("mapped"))
    {
        let access = match fact.number("code").unwrap_or_default() {
            code if code & 16 != 0 => "executing",
            code if code & 2 != 0 => "writing",
            _ => "reading",
        };
        return Some(format!("page fault, {access} {address:#x} ({place}; {mapped})"));
    }
    Some(match fact.hex("rip") {
        Ok(rip) => format!("trap {vector} at {rip:#x}"),
        Err(_) => format!("trap {vector}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{PageRun, Story, UNUSED};
    use crate::run::facts::Facts;

    #[test]
    fn a_kernel_that_says_nothing_has_no_story() {
        assert!(
            Story::of(&Facts::found("Linux version 6.1\nverdict: SUCCESS\n@fact {\"fact\":\"other\"}\n"))
                .is_none()
        );
    }

    #[test]
    fn what_was_said_before_an_early_death() {
        let said = "@report {\"stage\":\"start_info\",\"tsc\":9,\"took\":4,\"hypercalls\":0,\"frames\":0}\n\
                    @fact {\"fact\":\"entry\",\"pages\":64,\"dom0\":false}\n\
                    @fact {\"fact\":\"built\",\"name\":\"ramdisk\",\"pfn\":\"0x20\",\"pages\":4}\n\
                    @fact {\"fact\":\"built\",\"name\":\"kernel image\",\"pfn\":\"0x10\",\"pages\":7,\"at\":\"0xffffffff80010000\"}\n\
                    @fact {\"fact\":\"fatal\",\"stage\":\"p2m check\",\"error\":\"Mismatch\"}\n\
                    @fact {\"fact\":\"built\",\"name\":\"cut";
        let story = Story::of(&Facts::found(said)).unwrap();
        assert_eq!((story.pages, story.stages.len(), story.mapped_end()), (64, 1, 0x17));
        let built: Vec<(&str, u64, u64)> =
            story.built.iter().map(|run| (run.name.as_str(), run.pfn, run.pages)).collect();
        assert_eq!(built, [(UNUSED, 0, 0x10), ("kernel image", 0x10, 7), ("ramdisk", 0x20, 4)]);
        assert_eq!(story.death.as_deref(), Some("The boot ended early: p2m check: Mismatch"));
        assert!(story.owners.is_empty() && story.regions.is_empty() && story.copied.is_none());
    }

    #[test]
    fn a_death_after_the_boot_is_told_from_one_in_it_in_the_words_of_the_report() {
        let owner = "@fact {\"fact\":\"owner\",\"name\":\"rings\",\"pfn\":\"0x4\",\"pages\":1}\n";
        for (fatal, words) in [
            (
                "\"vector\":14,\"code\":0,\"address\":\"0x8\",\"rip\":\"0x9\",\"module\":\"\",\"place\":\"near the null pointer\",\
                 \"mapped\":\"not mapped\"",
                "page fault, reading 0x8 (near the null pointer; not mapped)",
            ),
            (
                "\"vector\":14,\"code\":3,\"address\":\"0x8\",\"module\":\"hello\",\"place\":\"text\",\"mapped\":\"read-only\"",
                "module hello: page fault, writing 0x8 (text; read-only)",
            ),
            (
                "\"vector\":14,\"code\":17,\"address\":\"0x8\",\"place\":\"data\",\"mapped\":\"writable\"",
                "page fault, executing 0x8 (data; writable)",
            ),
            ("\"vector\":13,\"rip\":\"0x9\"", "trap 13 at 0x9"),
            ("\"vector\":6", "trap 6"),
            ("\"panicked\":\"a.rs:1:2\",\"message\":\"on purpose\"", "panic at a.rs:1:2: on purpose"),
            ("\"panicked\":\"a.rs:1:2\",\"message\":\"\"", "panic at a.rs:1:2"),
            ("\"panicked\":\"\",\"message\":\"on purpose\"", "panic: on purpose"),
            ("\"module\":\"hello\",\"said\":\"no more\"", "module hello: no more"),
            ("\"stage\":\"p2m\",\"error\":\"Full\"", "p2m: Full"),
        ] {
            for (before, when) in [("", "The boot ended early"), (owner, "The kernel died after the boot")] {
                let said = format!("{before}@fact {{\"fact\":\"fatal\",{fatal}}}\n");
                let story = Story::of(&Facts::found(&said)).unwrap();
                assert_eq!(story.death, Some(format!("{when}: {words}")), "{said}");
            }
        }
    }

    #[test]
    fn a_range_that_no_address_space_has_is_left_out() {
        let run = |pfn: u64, pages: u64| {
            format!(
                "@fact {{\"fact\":\"owner\",\"name\":\"rings\",\"pfn\":\"{pfn:#x}\",\"pages\":{pages}}}\n"
            )
        };
        let most = 1 << 40;
        for (pfn, pages, is_kept) in [
            (most - 1, most, true),
            (most, 1, false),
            (0, most + 1, false),
            (7, 0, false),
            (u64::MAX, u64::MAX, false),
        ] {
            let said = format!("@fact {{\"fact\":\"entry\",\"pages\":9}}\n{}", run(pfn, pages));
            assert_eq!(Story::of(&Facts::found(&said)).unwrap().owners.len(), usize::from(is_kept), "{said}");
        }
    }

    #[test]
    fn ring_pages_side_by_side_are_one_run() {
        let ring = |pfn: u64| {
            format!("@fact {{\"fact\":\"owner\",\"name\":\"rings\",\"pfn\":\"{pfn:#x}\",\"pages\":1}}\n")
        };
        let story = Story::of(&Facts::found(&format!(
            "@fact {{\"fact\":\"entry\",\"pages\":9}}\n{}{}{}",
            ring(4),
            ring(3),
            ring(7)
        )));
        let run = |pfn, pages| PageRun { name: "rings".to_owned(), pfn, pages, at: None, free: None };
        assert_eq!(story.unwrap().owners, [run(3, 2), run(7, 1)]);
    }
}
