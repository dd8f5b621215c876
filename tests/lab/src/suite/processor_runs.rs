//! The runs on real Xen that are about the processor, and about Xen's words for what it does against its faults.
//!
//! *What this is*: what changes for a PV guest. Without 1 GiB pages Xen maps itself in smaller ones; the physical bits decide which entries
//! it refuses or takes for unsafe; XSAVE, PKU and LA57 are state that it keeps or hides. On an Intel processor without RDCL_NO it gives a
//! 64-bit guest a top-level table of its own for each of its processors (XPTI), and looks at each entry of a domU that is not present for an
//! address that memory could have (L1TF): built with shadow paging (4.14, 4.17) it shadows such a guest, else (4.20) it kills it.
//!
//! *What is not tried*: PCID, and so the word `pcid=`: QEMU emulates no processor that has it.

use anyhow::{Context, Result, ensure};

use crate::run::facts::Fact;
use crate::suite::boot_runs::DUMP;
use crate::suite::case::{Case, Evidence, Proof};
use crate::suite::proof;

/// What Xen says of XPTI and L1TF at its start, up to the word for dom0.
const XPTI: &str = "XPTI (64-bit PV only): Dom0 enabled, DomU enabled";
const L1TF: &str = "PV L1TF shadowing: Dom0 ";
/// A Skylake by its numbers. What it can do is what QEMU can.
const INTEL_DOM0: &str = "dom0 --cpu vendor=GenuineIntel,family=6,model=94,stepping=3";
const INTEL_DOMU: &str = "domu --cpu vendor=GenuineIntel,family=6,model=94,stepping=3";
const INTEL_IDLE: &str = "domu --cpu vendor=GenuineIntel,family=6,model=94,stepping=3 --cmdline then=idle";
const INTEL_ON_4_20: &str = "domu --cpu vendor=GenuineIntel,family=6,model=94,stepping=3 --xen-release 4.20";

/// Those of the group `xens`.
pub(crate) const PROCESSOR: [Case; 17] = [
    of("dom0-no-1G-pages", "dom0 --cpu -pdpe1gb", &[as_asked]),
    of("dom0-39-bits", "dom0 --cpu phys-bits=39", &[as_asked]),
    of("dom0-52-bits", "dom0 --cpu phys-bits=52", &[as_asked]),
    of("dom0-no-xsave", "dom0 --cpu -xsave", &[as_asked]),
    of("dom0-no-pku-la57", "dom0 --cpu -pku,-la57", &[as_asked]),
    of("dom0-no-global-pages", "dom0 --cpu -pge", &[as_asked]),
    of("domu-no-xsave", "domu --cpu -xsave,-pdpe1gb,-pku,-la57,phys-bits=39", &[as_asked]),
    of("dom0-intel", INTEL_DOM0, &[as_asked, has_xpti]),
    Case {
        script: Some(DUMP),
        ..of("domu-intel-walked", INTEL_IDLE, &[as_asked, has_xpti, domu_watched, proof::tables_walked])
    },
    // One entry that memory could be behind, and this guest is dead.
    of("domu-intel-on-4.20", INTEL_ON_4_20, &[as_asked, has_xpti, domu_watched]),
    Case::probes("conformance-dom0-intel", INTEL_DOM0, &[has_xpti, proof::model_conforms_in_dom0]),
    Case::probes(
        "conformance-domu-intel",
        INTEL_DOMU,
        &[has_xpti, domu_watched, proof::model_conforms_in_domu],
    ),
    of("dom0-xpti-l1tf", "dom0 --xen-line xpti=1 --xen-line pv-l1tf=1", &[has_xpti, dom0_watched]),
    of(
        "dom0-xpti-l1tf-on-4.14",
        "dom0 --xen-release 4.14 --xen-line xpti=1 --xen-line pv-l1tf=1",
        &[has_xpti, dom0_watched],
    ),
    of("domu-l1tf-on-4.14", "domu --xen-release 4.14 --xen-line pv-l1tf=1", &[domu_watched]),
    of("dom0-spec-ctrl-no", "dom0 --xen-line spec-ctrl=no", &[pv_support::<false>]),
    of("dom0-spec-ctrl-pv", "dom0 --xen-line spec-ctrl=rsb=pv", &[pv_support::<true>]),
];

/// What the guest reports of the processor by name.
const FLAGS: [&str; 5] = ["pge", "xsave", "pku", "la57", "pdpe1gb"];

const fn of(name: &'static str, line: &'static str, proofs: &'static [Proof]) -> Case {
    Case { proofs, ..Case::good(name, line) }
}

/// QEMU has every feature that was asked for, and the guest sees the processor that `--cpu` asked for.
pub(crate) fn as_asked(evidence: &Evidence) -> Result<()> {
    let said = std::fs::read_to_string(evidence.report.out.join("qemu.log"))?;
    ensure!(!said.contains("doesn't support requested feature"), "another processor: {said}");
    is_as_asked(&evidence.cpu, evidence.facts.one("processor")?)
}

fn is_as_asked(asked: &str, found: &Fact) -> Result<()> {
    // What QEMU's largest processor has, and nobody took away.
    for flag in FLAGS {
        let wanted = !asked.split(',').any(|word| word.strip_prefix('-') == Some(flag));
        ensure!(found.flag(flag)? == wanted, "{flag} should be {wanted}, and the processor is {found:?}");
    }
    let mut signature = [None; 3];
    for word in asked.split(',') {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let part = ["family", "model", "stepping"].iter().position(|part| *part == key);
        let is_so = match (key, part) {
            (_, Some(part)) => {
                signature[part] = Some(value.parse::<u64>()?);
                true
            }
            ("phys-bits", _) => found.number("physical_bits")? == value.parse::<u64>()?,
            ("vendor", _) => found.text("vendor")? == value,
            // Looked at above, as far as the guest reports it.
            _ => key.strip_prefix('-').is_some_and(|without| FLAGS.contains(&without)),
        };
        ensure!(is_so, "{word} was asked for, or is unknown, and the processor is {found:?}");
    }
    if let [Some(family), Some(model), Some(stepping)] = signature {
        // Leaf 1 of CPUID; family 6 has four more bits of its model in bits 16 to 19.
        let wanted = (model >> 4) << 16 | family << 8 | (model & 15) << 4 | stepping;
        ensure!(
            found.hex("signature")? == wanted,
            "{wanted:#x} was asked for, and the processor is {found:?}"
        );
    }
    Ok(())
}

/// Xen gives its guests a second top-level table.
fn has_xpti(evidence: &Evidence) -> Result<()> {
    ensure!(evidence.xen.contains(XPTI), "Xen did not say: {XPTI}");
    Ok(())
}

/// Xen looks at what a domU's absent entries hold.
fn domu_watched(evidence: &Evidence) -> Result<()> {
    let line = evidence.xen.lines().find(|line| line.contains(L1TF)).unwrap_or_default();
    ensure!(line.ends_with("DomU enabled"), "no word of L1TF for a domU: {line}");
    Ok(())
}

/// The same for dom0.
fn dom0_watched(evidence: &Evidence) -> Result<()> {
    let words = format!("{L1TF}enabled");
    ensure!(evidence.xen.contains(&words), "Xen did not say: {words}");
    Ok(())
}

/// Xen does something, or nothing, at each entry from a PV guest.
fn pv_support<const SOMETHING: bool>(evidence: &Evidence) -> Result<()> {
    let said = evidence.xen.lines().find_map(|line| line.split_once("Support for PV VMs: "));
    let (_, what) = said.context("Xen says nothing of its support for PV guests")?;
    let none = what.trim() == "None";
    ensure!(none != SOMETHING, "Xen's support for PV guests is not as asked for: {what}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FLAGS, is_as_asked};
    use crate::run::facts::Facts;

    const FOUND: &str = "@fact {\"fact\":\"processor\",\"vendor\":\"GenuineIntel\",\"signature\":\"0x506e3\",\
         \"physical_bits\":39,\"xsave\":true,\"pku\":true,\"pge\":true,\"la57\":true,\"pdpe1gb\":true}";

    fn is(asked: &str, facts: &str) -> bool {
        is_as_asked(asked, Facts::of(facts).unwrap().one("processor").unwrap()).is_ok()
    }

    #[test]
    fn a_processor_is_as_asked_or_not() {
        for good in
            ["phys-bits=39", "vendor=GenuineIntel", "vendor=GenuineIntel,family=6,model=94,stepping=3"]
        {
            assert!(is(good, FOUND), "{good}");
        }
        for bad in ["phys-bits=40", "phys-bits=39,-pku", "xsave", "-absent", "", "vendor=AuthenticAMD"] {
            assert!(!is(bad, FOUND), "{bad}");
        }
        for bad in
            ["family=6,model=94,stepping=4", "family=6,model=78,stepping=3", "family=15,model=94,stepping=3"]
        {
            assert!(!is(bad, FOUND), "{bad}");
        }
    }

    #[test]
    fn what_nobody_took_away_is_there() {
        for flag in FLAGS {
            let without = FOUND.replace(&format!("\"{flag}\":true"), &format!("\"{flag}\":false"));
            assert_ne!(without, FOUND);
            let asked = format!("phys-bits=39,-{flag}");
            assert!(is(&asked, &without) && !is(&asked, FOUND), "{flag} is taken away");
            assert!(!is("phys-bits=39", &without), "{flag} is missing");
        }
    }
}
