//! Where the walker must find what, by what the guest says of its address space.
//!
//! *What this is*: the facts `region` name the places of a boot that came to its end. For a guest that says none the
//! places are those of `kaslr=off`, and the image is where it was linked.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use core_walk::{ExpectedTables, Kernel};
use x86_64::VirtAddr;

use crate::run::facts::{Fact, Facts};

/// The places of a guest whose modules end at this address.
///
/// # Errors
/// A fact has no number, or two facts contradict each other.
pub(crate) fn expected(facts: &Facts, kernel: &Kernel, module_end: u64) -> Result<ExpectedTables> {
    let module_end = VirtAddr::new_truncate(module_end);
    let region = |name: &str| facts.region(name);
    let start = |fact: &Fact| fact.hex("start").map(VirtAddr::new_truncate);
    let Some(image) = region("kernel image") else {
        return Ok(ExpectedTables::new(kernel.start()..kernel.end(), module_end));
    };
    let end = VirtAddr::new_truncate(image.hex("last")?.wrapping_add(1));
    let image = start(image)?..end;
    let slide = image.start.as_u64().wrapping_sub(kernel.start().as_u64());
    if let Some(fact) = facts.all("kaslr").next() {
        let said = fact.hex("slide")?;
        ensure!(said == slide, "the image slid by {said:#x}, and is {slide:#x} from where it was linked");
    }
    let place = |name: &str| start(region(name).with_context(|| format!("no region for {name}"))?);
    Ok(ExpectedTables {
        direct_map: place("direct map")?,
        devices: ExpectedTables::slot(place("device memory")?),
        payload: ExpectedTables::slot(place("payload")?),
        linear_p2m: match facts.one("p2m")?.flag("copied")? {
            true => Some(place("linear P2M")?),
            false => None,
        },
        renumbered: renumbered(facts)?,
        ..ExpectedTables::new(image, module_end).slid_by(slide)
    })
}

/// The pages of the image that have other numbers than the builder gave them, and the first of these.
pub(crate) fn renumbered(facts: &Facts) -> Result<Vec<(Range<u64>, u64)>> {
    let mut runs = Vec::new();
    for owner in facts.all("owner") {
        if owner.text("name")? != "kernel image" {
            continue;
        }
        let (pfn, listed) = (owner.hex("pfn")?, owner.hex("listed")?);
        if pfn != listed {
            runs.push((listed..listed + owner.number("pages")?, pfn));
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use core_walk::{ExpectedTables, Kernel};
    use kit::elf::{LoadSegment, kernel};
    use x86_64::VirtAddr;

    use super::expected;
    use crate::run::facts::Facts;

    const LINKED: u64 = 0xffff_ffff_8100_0000;
    const MODULE_END: u64 = 0xffff_ffff_a000_5000;

    fn tables(log: &str) -> Result<ExpectedTables, String> {
        let file = kernel(&[LoadSegment { start: LINKED, len: 0x6f00, flags: 5 }], &[]);
        let kernel = Kernel::parse(&file).unwrap();
        expected(&Facts::found(log), &kernel, MODULE_END).map_err(|error| format!("{error:#}"))
    }

    const LOG: &str = "\
@fact {\"fact\":\"kaslr\",\"slide\":\"0x10003000\",\"bases\":9,\"source\":\"rdseed\"}
@fact {\"fact\":\"p2m\",\"entries\":9,\"copied\":true}
@fact {\"fact\":\"region\",\"name\":\"direct map\",\"start\":\"0xffff918000000000\",\"last\":\"0xffff918003ffffff\",\"pages\":16384}
@fact {\"fact\":\"region\",\"name\":\"linear P2M\",\"start\":\"0xffffd12340000000\",\"last\":\"0xffffd1234001ffff\",\"pages\":32}
@fact {\"fact\":\"region\",\"name\":\"device memory\",\"start\":\"0xffffd80000000000\",\"last\":\"0xffffd87fffffffff\",\"pages\":9}
@fact {\"fact\":\"region\",\"name\":\"payload\",\"start\":\"0xffffe70000000000\",\"last\":\"0xffffe77fffffffff\",\"pages\":9}
@fact {\"fact\":\"region\",\"name\":\"kernel image\",\"start\":\"0xffffffff91003000\",\"last\":\"0xffffffff91009fff\",\"pages\":7}
";

    #[test]
    fn the_places_are_the_guests_own() {
        let at = VirtAddr::new_truncate;
        let found = tables(LOG).unwrap();
        let right = ExpectedTables {
            direct_map: at(0xffff_9180_0000_0000),
            linear_p2m: Some(at(0xffff_d123_4000_0000)),
            devices: at(0xffff_d800_0000_0000)..at(0xffff_d880_0000_0000),
            payload: at(0xffff_e700_0000_0000)..at(0xffff_e780_0000_0000),
            kernel_map: at(0xffff_ffff_9000_3000),
            slide: 0x1000_3000,
            image: at(0xffff_ffff_9100_3000)..at(0xffff_ffff_9100_a000),
            ..ExpectedTables::new(at(0)..at(0), at(MODULE_END))
        };
        assert_eq!(found, right);
        // Pages of the image have other numbers where the machine has no memory, and the guest says which.
        let said = "@fact {\"fact\":\"owner\",\"name\":\"kernel image\",\"pfn\":\"0x100000\",\"pages\":3,\"listed\":\"0x1000\"}\n\
                    @fact {\"fact\":\"owner\",\"name\":\"kernel image\",\"pfn\":\"0x1003\",\"pages\":4,\"listed\":\"0x1003\"}\n\
                    @fact {\"fact\":\"owner\",\"name\":\"rings\",\"pfn\":\"0x100003\",\"pages\":2,\"listed\":\"0x1009\"}\n";
        let renumbered = vec![(0x1000..0x1003, 0x10_0000)];
        assert_eq!(tables(&format!("{LOG}{said}")).unwrap(), ExpectedTables { renumbered, ..right.clone() });
        // A list that was left is where the builder put it.
        let left = tables(&LOG.replace("true", "false")).unwrap();
        assert_eq!(left, ExpectedTables { linear_p2m: None, ..right });
    }

    #[test]
    fn a_guest_without_facts_is_where_it_was_linked() {
        let at = VirtAddr::new_truncate;
        let usual = ExpectedTables::new(at(LINKED)..at(LINKED + 0x7000), at(MODULE_END));
        assert_eq!(tables("").unwrap(), usual);
        assert_eq!((usual.slide, usual.kernel_map, usual.linear_p2m), (0, at(0xffff_ffff_8000_0000), None));
        // Older guests have regions and say nothing of a slide.
        let stayed =
            LOG.replace("ffffffff91", "ffffffff81").replace("kaslr", "other").replace("003000\"", "000000\"");
        assert_eq!(tables(&stayed).unwrap().slide, 0);
    }

    #[test]
    fn a_slide_that_the_image_did_not_make_is_refused() {
        let error = tables(&LOG.replace("0x10003000", "0x10004000")).unwrap_err();
        assert_eq!(error, "the image slid by 0x10004000, and is 0x10003000 from where it was linked");
        for name in ["direct map", "linear P2M", "device memory", "payload"] {
            let error = tables(&LOG.replace(name, "other")).unwrap_err();
            assert_eq!(error, format!("no region for {name}"));
        }
    }
}
