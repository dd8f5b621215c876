//! The machine's holes, by Xen's own log, held against what dom0 made of them.
//!
//! *What this is*: Xen prints the memory map it was started with, a line each: `[first byte, last byte] (usable)` and the like. A page
//! that is not usable as a whole must be an identity entry of dom0's P2M; all others must be memory or missing.

use anyhow::{Context, Result, ensure};

use crate::machine::size::PAGE;
use crate::suite::case::Evidence;
use crate::suite::proof::Audit;
use crate::suite::walked;

/// The identity entries are as many as the map has pages without memory below the end of the P2M.
pub(crate) fn are_identity(evidence: &Evidence) -> Result<()> {
    let audit = Audit::of(&evidence.facts)?;
    let ram = usable(&evidence.xen);
    ensure!(!ram.is_empty(), "Xen's log has no memory map");
    let entries = audit.entries();
    let whole: u64 = ram.iter().map(|&(start, end)| end.min(entries).saturating_sub(start)).sum();
    let holes = entries - whole;
    ensure!(
        audit.identity == holes,
        "{} entries are identity, the machine has {holes} pages without memory below {entries:#x}",
        audit.identity
    );
    // What lay in them was given other numbers, or went back to Xen.
    let renumbered = evidence.facts.stages().any(|(stage, _)| stage == "renumber");
    ensure!(renumbered, "the report has no stage in which pages were renumbered");
    Ok(())
}

/// Pages of the kernel image lie where the machine has no memory, and just these have other numbers, where it has.
pub(crate) fn image_left(evidence: &Evidence) -> Result<()> {
    let ram = usable(&evidence.xen);
    let is_ram = |pfn: u64| ram.iter().any(|&(start, end)| (start..end).contains(&pfn));
    let mut built = evidence.facts.all("built");
    let image = built.find(|range| range.text("name").is_ok_and(|name| name == "kernel image"));
    let image = image.context("the guest does not say where its image was")?;
    let first = image.hex("pfn")?;
    let in_holes: Vec<u64> = (first..first + image.number("pages")?).filter(|&pfn| !is_ram(pfn)).collect();
    ensure!(!in_holes.is_empty(), "the machine has memory under the whole image");
    let renumbered = walked::renumbered(&evidence.facts)?;
    let mut left: Vec<u64> = renumbered.iter().flat_map(|(pages, _)| pages.clone()).collect();
    left.sort_unstable();
    ensure!(left == in_holes, "in holes are {in_holes:x?}, and other numbers have {left:x?}");
    for (pages, pfn) in renumbered {
        let now = pfn..pfn + (pages.end - pages.start);
        ensure!(now.clone().all(is_ram), "the machine has no memory at all of {now:x?}");
    }
    Ok(())
}

/// The runs of whole pages that Xen calls usable.
fn usable(log: &str) -> Vec<(u64, u64)> {
    log.lines()
        .filter_map(|line| {
            let (range, kind) = line.strip_prefix("(XEN)  [")?.split_once("] ")?;
            let (first, last) = range.split_once(", ")?;
            let address = |digits| u64::from_str_radix(digits, 16).ok();
            let (first, last) = (address(first)?, address(last)?);
            (kind.trim() == "(usable)").then(|| (first.div_ceil(PAGE), (last + 1) / PAGE))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::usable;

    #[test]
    fn whole_usable_pages() {
        let log = "(XEN) Xen-e820 RAM map:\n(XEN)  [0000000000000000, 000000000009fbff] (usable)\n\
                   (XEN)  [00000000000f0000, 00000000000fffff] (reserved)\n\
                   (XEN)  [0000000000100800, 00000000001fffff] (usable)\n(XEN) ACPI: [0, 1] (usable)\n";
        assert_eq!(usable(log), [(0, 0x9f), (0x101, 0x200)]);
    }
}
