//! Boots at addresses that are drawn: the group `kaslr`, and what is true of the image's place in every boot.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::machine::size::PAGE;
use crate::picture::story::Story;
use crate::suite::boot_runs::DUMP;
use crate::suite::case::{Case, Evidence};
use crate::suite::proof::{self, WINDOW};

macro_rules! numbered {
    ($as:literal $($number:literal)*) => { [$(concat!("kaslr-", $as, "-", $number)),*] };
}

const DOMU: [&str; 20] = numbered!("domu" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
const DOM0: [&str; 20] = numbered!("dom0" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);

/// Fewer addresses than these are less than 16 bits.
const ENOUGH: u64 = 1 << 16;
/// That three boots of a suite draw the same of 2^16 addresses happens once in 400,000 runs of these 40 boots.
const MOST_ALIKE: u64 = 2;

/// How often each slide was seen in this run of the suite.
static SEEN: Mutex<BTreeMap<u64, u64>> = Mutex::new(BTreeMap::new());

/// The runs of the group.
pub(crate) fn kaslr() -> impl Iterator<Item = Case> {
    let domu = DOMU.into_iter().zip(1..).map(|(name, number)| Case {
        script: Some(DUMP),
        notes: number % 3 == 0,
        cmdline: if number % 4 == 0 { "then=idle map=lazy" } else { "then=idle" },
        proofs: &[elsewhere, proof::tables_walked],
        ..Case::good(name, if number % 2 == 0 { "domu" } else { "domu --memory 67M" })
    });
    let dom0 = DOM0.into_iter().zip(1..).map(|(name, number)| Case {
        plain: number % 3 == 0,
        cmdline: if number % 4 == 0 { "map=lazy" } else { "" },
        proofs: &[elsewhere],
        ..Case::good(name, if number % 2 == 0 { "dom0" } else { "dom0 --memory 601M" })
    });
    let special = [
        // The processor has neither instruction.
        Case { proofs: &[weakly], ..Case::good("kaslr-dom0-weak", "dom0 --cpu -rdrand,-rdseed") },
        Case {
            script: Some(DUMP),
            cmdline: "then=idle kaslr=off",
            proofs: &[at_home, proof::tables_walked],
            ..Case::good("kaslr-off-walked", "domu")
        },
        // The ramdisk is mapped up to a few pages below the module window.
        Case {
            proofs: &[stays],
            ..Case::good("kaslr-domu-full", "domu --memory 1G --ramdisk-pages 0x1e800")
        },
    ];
    domu.chain(dom0).chain(special)
}

/// The image is where the guest says it is, and stays in its place only if it must or may.
pub(crate) fn is_placed(evidence: &Evidence) -> Result<()> {
    let kaslr = evidence.facts.one("kaslr")?;
    let (slide, source) = (kaslr.hex("slide")?, kaslr.text("source")?);
    let off = evidence.cmdline.split_whitespace().any(|word| word == "kaslr=off");
    match source {
        "off" => {
            ensure!(off && slide == 0, "kaslr=off: {off}, not drawn, slid by {slide:#x}");
            return Ok(());
        }
        "none" => drop(kaslr.text("stayed").context("the image stays, and nobody knows why")?),
        "rdseed" | "rdrand" | "weak" => ensure!(!off && slide != 0, "kaslr=off: {off}, drawn: {slide:#x}"),
        _ => anyhow::bail!("drawn by {source}"),
    }
    ensure!(slide.is_multiple_of(PAGE), "slid by {slide:#x}");
    ensure!(
        evidence.facts.stages().any(|(name, _)| name == "kaslr"),
        "the choice of an address has no stage"
    );
    let story = Story::of(&evidence.facts).context("the guest said nothing for pictures")?;
    let built = story.built.iter().find(|run| run.name == "kernel image").and_then(|run| run.at);
    let built = built.context("no kernel image at entry")?;
    let region = evidence.facts.region("kernel image");
    let region = region.context("no region for the image")?;
    let (start, last) = (region.hex("start")?, region.hex("last")?);
    ensure!(start == built + slide, "the image was at {built:#x}, slid by {slide:#x}, and is at {start:#x}");
    ensure!(last < WINDOW.0, "the image ends at {last:#x}");
    Ok(())
}

/// The processor has nothing to draw by, and the guest says so.
fn weakly(evidence: &Evidence) -> Result<()> {
    let source = evidence.facts.one("kaslr")?.text("source")?;
    let said = evidence.guest.lines().any(|line| line.starts_with("kaslr:") && line.contains("weak"));
    ensure!(source == "weak" && said, "drawn by {source}, said: {said}");
    Ok(())
}

/// All regions are where docs/memory-layout.md has them.
fn at_home(evidence: &Evidence) -> Result<()> {
    for (name, wanted) in [
        ("kernel image", 0xffff_ffff_8100_0000),
        ("direct map", 0xffff_8800_0000_0000),
        ("linear P2M", 0xffff_c900_0000_0000),
        ("device memory", 0xffff_ca00_0000_0000),
        ("payload", 0xffff_cb00_0000_0000),
    ] {
        let region = evidence.facts.region(name);
        let start = region.with_context(|| format!("no region {name}"))?.hex("start")?;
        ensure!(start == wanted, "{name} is at {start:#x}, not {wanted:#x}");
    }
    Ok(())
}

/// The image has no room elsewhere, and the guest says so.
fn stays(evidence: &Evidence) -> Result<()> {
    let kaslr = evidence.facts.one("kaslr")?;
    let why = kaslr.text("stayed").context("the image moved")?;
    let said =
        evidence.guest.lines().any(|line| line.starts_with("kaslr: the image stays") && line.ends_with(why));
    ensure!(why.contains("pages of addresses") && said, "stayed because {why}, said: {said}");
    Ok(())
}

/// The image was drawn from enough addresses, and is not where it often was before. The other regions were drawn too, each by
/// itself: that one of these is at its usual place happens once in 60,000 boots.
fn elsewhere(evidence: &Evidence) -> Result<()> {
    let kaslr = evidence.facts.one("kaslr")?;
    let (slide, bases, source) = (kaslr.hex("slide")?, kaslr.number("bases")?, kaslr.text("source")?);
    ensure!(["rdseed", "rdrand"].contains(&source), "drawn by {source}");
    ensure!(bases >= ENOUGH, "drawn from {bases} addresses");
    let offset = |name: &str, usual: u64| -> Result<u64> {
        let region = evidence.facts.region(name);
        let start = region.with_context(|| format!("no region {name}"))?.hex("start")?;
        ensure!(start != usual, "{name} is at its usual place");
        Ok(start - usual)
    };
    offset("direct map", 0xffff_8800_0000_0000)?;
    let [devices, payload] =
        [offset("device memory", 0xffff_ca00_0000_0000)?, offset("payload", 0xffff_cb00_0000_0000)?];
    ensure!(devices != payload, "device memory and payload were drawn alike: {devices:#x}");
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let times = seen.entry(slide).or_default();
    *times += 1;
    ensure!(*times <= MOST_ALIKE, "slid by {slide:#x} {times} times");
    Ok(())
}
