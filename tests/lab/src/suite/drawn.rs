//! What a guest that went all the way says for the pictures: whose each page was at entry, and whose it is.

use anyhow::{Context, Result, ensure};

use crate::picture::story::{PageRun, Story, UNUSED};
use crate::suite::case::Evidence;

/// The maps are whole, and agree with what else the guest says.
///
/// # Errors
/// Where they do not.
pub(crate) fn is_whole(evidence: &Evidence) -> Result<()> {
    let story = Story::of(&evidence.facts).context("the guest said nothing for pictures")?;
    let given = evidence.given()?;
    ensure!(story.pages == given, "{} pages at entry, and {given} were given", story.pages);
    let mapped = story.built.iter().filter(|run| run.is_in_ka());
    let end = tiled(mapped).context("the builder's mapping")?;
    let unused = story.built.iter().find(|run| run.name == UNUSED);
    ensure!(unused.is_none(), "nobody knows what was mapped at entry: {unused:?}");
    ensure!(end > 0 && end <= given, "the builder's mapping ends at {end:#x} of {given:#x}");
    let end = tiled(story.owners.iter()).context("the pages after the boot")?;
    let entries = evidence.facts.one("p2m")?.number("entries")?;
    ensure!(end == entries, "the pages after the boot end at {end:#x}, the P2M at {entries:#x}");
    for name in ["kernel image", "start_info", "P2M list", "page tables", "boot stack"] {
        ensure!(story.built.iter().any(|run| run.name == name), "no {name} at entry");
    }
    let image_of =
        |runs: &[PageRun]| runs.iter().find(|run| run.name == "kernel image").map(|run| (run.pfn, run.pages));
    ensure!(image_of(&story.built) == image_of(&story.owners), "the image moved");
    // The demonstration took more of them since, and gave none back that it had not taken.
    let free: u64 = story.owners.iter().filter_map(|run| run.free).sum();
    let [.., last] = story.memory.context("no fact memory")?;
    ensure!(free >= last && last > 0, "{free} pages free after the boot, {last} at the end");
    Ok(())
}

/// Where runs end that follow each other from page 0 on.
fn tiled<'r>(runs: impl Iterator<Item = &'r PageRun>) -> Result<u64> {
    let mut next = 0;
    for run in runs {
        ensure!(run.pfn == next, "{} is at {:#x}, not {next:#x}", run.name, run.pfn);
        next += run.pages;
    }
    Ok(next)
}
