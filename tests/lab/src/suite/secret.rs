//! What no ordinary line may give away, and what the report of an end must say: addresses that were chosen at boot.
//!
//! *What this is*: the lines for people of a guest that ended well, held against the places that it says for programs.
//! A report of an end may have addresses: it needs them, and who reads it then knows the one boot that is over.

use anyhow::{Result, ensure};

use crate::run::facts::Fact;
use crate::suite::case::Evidence;
use crate::suite::proof::addresses;

/// What the line of a report begins with.
const LINE: &str = "  image slid by ";
/// The regions whose places are chosen.
const CHOSEN: [&str; 5] = ["kernel image", "direct map", "linear P2M", "device memory", "payload"];

/// No line for people has an address in a region whose place was chosen, nor how far the image slid.
///
/// # Errors
/// The first that has one.
pub(crate) fn is_kept(evidence: &Evidence) -> Result<()> {
    let Some(kaslr) = evidence.facts.all("kaslr").next() else { return Ok(()) };
    // Nothing was chosen.
    if kaslr.text("source")? == "off" {
        return Ok(());
    }
    let mut secret = Vec::new();
    for region in evidence.facts.all("region") {
        let name = region.text("name")?;
        if CHOSEN.contains(&name) {
            secret.push((name, region.hex("start")?..=region.hex("last")?));
        }
    }
    let slide = kaslr.hex("slide")?;
    secret.extend((slide != 0).then_some(("slide", slide..=slide)));
    for line in evidence.guest.lines().filter(|line| !line.starts_with('@')) {
        for number in addresses(line).chain(of_sixteen_digits(line)) {
            let found = secret.iter().find(|(_, range)| range.contains(&number));
            ensure!(
                found.is_none(),
                "{number:#x} is of the {}, and for programs alone: {line}",
                found.map_or("", |(name, _)| name)
            );
        }
    }
    Ok(())
}

/// How far the image slid, by the report of an end: its fact says the same as the one at entry, if the boot came so
/// far, and its line for people is there if the image was moved.
///
/// # Errors
/// The two differ, or the line is not as it must be.
pub(crate) fn slide_said(evidence: &Evidence, end: &Fact) -> Result<u64> {
    let at_end = end.hex("slide")?;
    if let Some(kaslr) = evidence.facts.all("kaslr").next() {
        let at_entry = kaslr.hex("slide")?;
        ensure!(
            at_end == at_entry,
            "the image slid by {at_entry:#x} at entry, and by {at_end:#x} at the end"
        );
    }
    let lines: Vec<&str> = evidence.guest.lines().filter(|line| is_line(line)).collect();
    let wanted = format!("{LINE}{at_end:#x}");
    let right = if at_end == 0 { lines.is_empty() } else { lines == [wanted.as_str()] };
    ensure!(right, "the image slid by {at_end:#x}, and the report says {lines:?}");
    Ok(at_end)
}

/// Whether this is the line of a report that says how far the image slid.
pub(crate) fn is_line(line: &str) -> bool {
    line.starts_with(LINE)
}

fn of_sixteen_digits(line: &str) -> impl Iterator<Item = u64> {
    let words = line.split(|sign: char| !sign.is_ascii_alphanumeric());
    words.filter(|word| word.len() == 16).filter_map(|word| u64::from_str_radix(word, 16).ok())
}
