//! What a guest that went all the way says of its boot: stages, regions, memory, modules. Its numbers must agree with each other.

use anyhow::{Context, Result, ensure};

use crate::machine::size::PAGE;
use crate::run::facts::{Fact, Facts};
use crate::suite::proof::WINDOW;

/// The stages of a boot in their order, and whether each has them.
const STAGES: [(&str, bool); 12] = [
    ("kaslr", false),
    ("start_info", true),
    ("p2m check", true),
    ("memory map", true),
    ("layout", true),
    ("renumber", false),
    ("direct map", true),
    ("p2m", true),
    ("page tables", true),
    ("release", true),
    ("shared_info", true),
    ("clear holes", false),
];

/// The numbers agree.
///
/// # Errors
/// The first that do not.
pub(crate) fn agrees(facts: &Facts) -> Result<()> {
    stages(facts)?;
    let image_end = regions(facts)?;
    let modules_end = modules(facts)?;
    memory(facts, image_end, modules_end)
}

/// Each stage once and in the order of the boot, with the clock going on; then the modules.
fn stages(facts: &Facts) -> Result<()> {
    let all: Vec<(&str, &Fact)> = facts.stages().collect();
    let (boot, modules): (Vec<_>, Vec<_>) = all.iter().partition(|(name, _)| !name.starts_with("module "));
    let names: Vec<&str> = boot.iter().map(|(name, _)| *name).collect();
    let known = STAGES.iter().filter(|(name, always)| *always || names.contains(name));
    let known: Vec<&str> = known.map(|(name, _)| *name).collect();
    ensure!(names == known, "the stages are {names:?}, and should be {known:?}");
    let (mut before, mut calls) = (None, 0);
    for (name, fact) in boot.into_iter().chain(modules) {
        let (end, took) = (fact.number("tsc")?, fact.number("took")?);
        let since = before.map_or(end, |before: u64| end.saturating_sub(before));
        // What is printed for programs between two stages is in neither, and the loading of a module begins some time later.
        ensure!(took > 0 && took <= since, "{name} took {took} of {since} ticks");
        before = Some(end);
        let made = fact.number("hypercalls")?;
        // The pin and the switch; the page mapped.
        let calls_xen = ["page tables", "shared_info"].contains(&name);
        ensure!(!calls_xen || made > 0, "{name} made no hypercall");
        calls += made;
        let takes = ["direct map", "page tables"].contains(&name) || name.starts_with("module ");
        ensure!(!takes || fact.number("frames")? > 0, "{name} took no frame");
    }
    let made = facts.one("hypercalls")?.number("made")?;
    ensure!(calls <= made, "{calls} hypercalls in the stages, {made} in all");
    Ok(())
}

/// The regions come one after the other and do not overlap; returns the end of the image.
fn regions(facts: &Facts) -> Result<u64> {
    let (mut free, mut image) = (0, None);
    for region in facts.all("region") {
        let (name, start, last) = (region.text("name")?, region.hex("start")?, region.hex("last")?);
        ensure!(!name.is_empty() && start >= free && last > start, "not in order: {region:?}");
        let pages = region.number("pages")?;
        ensure!(
            start.is_multiple_of(PAGE) && pages == (last - start + 1) / PAGE,
            "not that many pages: {region:?}"
        );
        free = last.checked_add(1).with_context(|| format!("nothing can be above: {region:?}"))?;
        if name == "kernel image" {
            image = Some(free);
        }
    }
    image.context("no region is the kernel image")
}

/// The modules follow each other from the start of the window; returns where the last ends.
fn modules(facts: &Facts) -> Result<u64> {
    let mut end = WINDOW.0;
    for (name, module) in facts.modules() {
        let (start, last, pages) = (module.hex("start")?, module.hex("last")?, module.number("pages")?);
        ensure!(start >= end && last > start && last < WINDOW.1, "{name} is not after {end:#x}: {module:?}");
        // The pages of its start are given back.
        let kept = (last + 1 - start) / PAGE;
        let frames = module.number("frames")?;
        ensure!((1..=pages).contains(&kept) && frames >= pages, "{name} has other pages: {module:?}");
        ensure!(module.number("size")? > 0 && module.number("symbols")? > 0, "{name} is nothing: {module:?}");
        end = last + 1;
    }
    Ok(end)
}

/// What is mapped, what of that is free, where the image and the modules end.
fn memory(facts: &Facts, image_end: u64, modules_end: u64) -> Result<()> {
    let memory = facts.one("memory")?;
    let [pages, mapped, free] = [memory.number("pages")?, memory.number("mapped")?, memory.number("free")?];
    ensure!(0 < free && free <= mapped && mapped <= pages, "not free of mapped of all: {memory:?}");
    let ends = (memory.hex("image_end")?, memory.hex("modules_end")?);
    ensure!(
        ends == (image_end, modules_end),
        "ends elsewhere than {image_end:#x}, {modules_end:#x}: {memory:?}"
    );
    Ok(())
}
