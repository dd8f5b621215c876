//! The runs on real Xen that are about the host: dom0 on machines of many sizes, on a part of one, and how it ends.

use anyhow::{Result, ensure};

use crate::machine::size::{GIB, MIB, PAGE};
use crate::run::facts::{Fact, Facts};
use crate::suite::case::{Case, Evidence};
use crate::suite::fail_runs::calls_shown;
use crate::suite::proof;
use crate::suite::ramdisk::Ramdisk;
use crate::suite::secret;

const DUMP: &str = include_str!("../../dom0/dump.sh");
/// Says which domain a script is given.
const NAMED: &str = "echo \"domain $DOMID is called $GUEST\"\n";

/// The pages of `dom0_mem=200M`, and those of `dom0_mem=4G`.
const SMALL: u64 = 200 * MIB / PAGE;
const HALF: u64 = 4 * GIB / PAGE;

/// Those of the group `xen`.
pub(crate) const HOST: [Case; 24] = [
    Case::good("dom0-256M", "dom0 --memory 256M"),
    // All memory ends where the hole for devices begins; then, 5 GiB of it lie above the hole.
    Case::good("dom0-3G", "dom0 --memory 3G"),
    Case::good("dom0-8G", "dom0 --memory 8G"),
    // The list stays where INIT_P2M has it.
    Case::good("dom0-8G-adopted", "dom0 --memory 8G --cmdline revector=off"),
    Case { proofs: &[has::<SMALL>], ..Case::good("dom0-mem-200M", "dom0 --xen-line dom0_mem=200M") },
    Case {
        proofs: &[has::<SMALL>],
        ..Case::good("dom0-mem-200M-of-400M", "dom0 --xen-line dom0_mem=200M,max:400M")
    },
    Case {
        proofs: &[has::<HALF>],
        ..Case::good("dom0-mem-half-of-8G", "dom0 --memory 8G --xen-line dom0_mem=4G")
    },
    Case { proofs: &[two_processors], ..Case::good("dom0-vcpus-2", "dom0 --vcpus 2") },
    Case { proofs: &[halted], ..Case::good("dom0-then-poweroff", "dom0 --cmdline then=poweroff") },
    Case { proofs: &[rebooted], ..Case::good("dom0-then-reboot", "dom0 --cmdline then=reboot") },
    Case::dies("dom0-then-crash", "dom0", "then=crash", &[crashed, proof::module_spoke, proof::whole_audit]),
    Case::dies("dom0-panics", "dom0", "fail=panic", &[crashed, panicked, calls_shown]),
    Case::dies("dom0-panics-twice", "dom0", "fail=panic-twice", &[crashed, cut_short::<true>]),
    Case::dies("domu-panics-twice", "domu", "fail=panic-twice", &[cut_short::<true>]),
    Case::dies("dom0-traps-in-panic", "dom0", "fail=panic-trap", &[crashed, cut_short::<false>]),
    Case { proofs: &[hosts_map], ..Case::good("domu-e820-host", "domu --config e820_host=1") },
    Case { proofs: &[hosts_map], ..Case::good("domu-4G-e820-host", "domu --memory 4G --config e820_host=1") },
    // A host whose memory has a hole from 512 MiB to 4 GiB: the guest has it too, and the walker knows what it means.
    Case {
        script: Some(DUMP),
        ..Case::words(
            "domu-e820-host-walked",
            "domu --memory 600M --machine max-ram-below-4g=512M --config e820_host=1",
            "then=idle",
            &[hosts_map, has_a_hole, proof::tables_walked],
        )
    },
    // EFI has a hole at 8 MiB, and the toolstack calls all memory from there to 4 GiB unusable: the image, start_info and the rings are
    // in it, and get other numbers.
    Case {
        script: Some(DUMP),
        ..Case::words(
            "domu-efi-e820-host-walked",
            "domu --efi --config e820_host=1",
            "then=idle",
            &[hosts_map, is_far, proof::tables_walked],
        )
    },
    // As distributions make ramdisks.
    Case { ramdisk: Ramdisk::Microcode, ..Case::good("ramdisk-behind-microcode", "domu") },
    Case { ramdisk: Ramdisk::MicrocodeGzip, ..Case::good("ramdisk-gzip-domu", "domu") },
    Case { ramdisk: Ramdisk::MicrocodeGzip, ..Case::good("ramdisk-gzip-dom0", "dom0") },
    // What the configuration changes about the guest's name and end is no secret to the lab.
    Case {
        script: Some(NAMED),
        proofs: &[called_web1],
        ..Case::good("domu-other-name", "domu --config name=\"web1\" --cmdline then=idle")
    },
    Case {
        script: Some(NAMED),
        ..Case::dies(
            "domu-crash-destroyed",
            "domu --config on_crash=\"coredump-destroy\"",
            "then=crash",
            &[proof::module_spoke, proof::whole_audit],
        )
    },
];

/// Those of the group `large`.
pub(crate) const LARGE_HOST: [Case; 2] = [
    Case::good("dom0-128G", "dom0 --memory 128G"),
    // Beyond 512 GiB, where one L4 slot ends.
    Case::good("dom0-1T-lazy", "dom0 --memory 1T --cmdline map=lazy"),
];

/// Xen gave dom0 exactly that many pages.
fn has<const PAGES: u64>(evidence: &Evidence) -> Result<()> {
    let given = evidence.given()?;
    ensure!(given == PAGES, "dom0 has {given} pages, not {PAGES}");
    Ok(())
}

fn xen_said(evidence: &Evidence, words: &str) -> Result<()> {
    ensure!(evidence.xen.contains(words), "Xen did not say: {words}");
    Ok(())
}

fn two_processors(evidence: &Evidence) -> Result<()> {
    xen_said(evidence, "Brought up 2 CPUs")?;
    xen_said(evidence, "Dom0 has maximum 2 VCPUs")
}

/// QEMU's machine goes on after this: the lab ends it.
fn halted(evidence: &Evidence) -> Result<()> {
    xen_said(evidence, "Hardware Dom0 halted: halting machine")
}

fn rebooted(evidence: &Evidence) -> Result<()> {
    xen_said(evidence, "Hardware Dom0 shutdown: rebooting machine")
}

fn crashed(evidence: &Evidence) -> Result<()> {
    xen_said(evidence, "Hardware Dom0 crashed: rebooting machine in 5 seconds.")
}

fn panicked(evidence: &Evidence) -> Result<()> {
    let fatal = proof::fatal(evidence)?;
    ensure!(evidence.facts.all("cut short").next().is_none(), "another failure while the panic was reported");
    let message = fatal.text("message")?;
    ensure!(message == "fail=panic", "another message: {message}");
    let last = &evidence.report.last;
    ensure!(last.ends_with(": fail=panic"), "the last line lacks the message: {last}");
    in_fail(fatal)
}

/// It panicked where `fail=` does.
fn in_fail(fact: &Fact) -> Result<()> {
    let place = fact.text("panicked")?;
    ensure!(place.contains("/sys/fail.rs:"), "panicked elsewhere: {place}");
    ensure!(fact.list("backtrace")?.len() > 1, "no way there: {fact:?}");
    Ok(())
}

/// What failed while the panic was reported is the last line for people, and the only one about it.
fn cut_short<const PANIC: bool>(evidence: &Evidence) -> Result<()> {
    let cut = evidence.facts.one("cut short")?;
    secret::slide_said(evidence, cut)?;
    match PANIC {
        true => in_fail(cut)?,
        false => {
            let right = cut.number("vector")? == 14 && cut.number("code")? == 0 && cut.hex("address")? == 8;
            let way = cut.list("backtrace")?;
            let ours = cut.text("module")?.is_empty() && cut.text("of")?.is_empty();
            let placed = cut.text("place")? == "near the null pointer";
            // The tables are not read once more, in a report that failed.
            let short = cut.text("mapped").is_err();
            ensure!(right && ours && way.len() > 1 && way[0] == cut.hex("rip")?, "another fault: {cut:?}");
            ensure!(placed && short, "its place is said otherwise: {cut:?}");
        }
    }
    ensure!(evidence.facts.all("fatal").next().is_none(), "the panic was reported as a whole");
    // Nor are the last hypercalls: they come after what failed.
    ensure!(evidence.facts.all("last hypercalls").next().is_none(), "the report went on after it failed");
    let lines = evidence.guest.lines().filter(|line| !line.starts_with('@') && !secret::is_line(line));
    let lines: Vec<&str> = lines.skip_while(|line| !line.starts_with("fatal: ")).collect();
    ensure!(
        lines.len() == 2 && lines[0].contains("/sys/fail.rs:"),
        "the end was reported otherwise: {lines:?}"
    );
    Ok(())
}

/// Most of the guest's numbers are the machine's.
fn has_a_hole(evidence: &Evidence) -> Result<()> {
    let audit = proof::Audit::of(&evidence.facts)?;
    ensure!(audit.identity > audit.confirmed, "no hole: {audit:?}");
    Ok(())
}

/// The script was given the guest by the name in the configuration.
fn called_web1(evidence: &Evidence) -> Result<()> {
    let said = std::fs::read_to_string(evidence.report.out.join("script.log"))?;
    ensure!(said == "domain 1 is called web1\n", "the script was told: {said}");
    Ok(())
}

/// All that stays in use has numbers from 4 GiB on, and there are three such things.
fn is_far(evidence: &Evidence) -> Result<()> {
    all_far(&evidence.facts)
}

fn all_far(facts: &Facts) -> Result<()> {
    for name in ["kernel image", "start_info", "rings"] {
        let mut owners = facts.all("owner");
        let owner = owners.find(|owner| owner.text("name").is_ok_and(|found| found == name));
        let (pfn, listed) = match owner {
            Some(owner) => (owner.hex("pfn")?, owner.hex("listed")?),
            None => anyhow::bail!("the guest does not say where {name} is"),
        };
        ensure!(pfn >= 4 * GIB / PAGE && listed < pfn, "{name} is pfn {pfn:#x}, and was {listed:#x}");
    }
    Ok(())
}

/// The toolstack made the guest's memory map from the host's.
fn hosts_map(evidence: &Evidence) -> Result<()> {
    ensure!(evidence.xl.contains("e820_sanitize"), "xl did not make a memory map from the host's");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Facts, all_far};

    const LOG: &str = "\
@fact {\"fact\":\"owner\",\"name\":\"kernel image\",\"pfn\":\"0x100000\",\"pages\":277,\"listed\":\"0x1000\"}
@fact {\"fact\":\"owner\",\"name\":\"start_info\",\"pfn\":\"0x100115\",\"pages\":1,\"listed\":\"0x1200\"}
@fact {\"fact\":\"owner\",\"name\":\"rings\",\"pfn\":\"0x100116\",\"pages\":2,\"listed\":\"0x1201\"}
";

    #[test]
    fn what_is_not_far_is_refused() {
        let judged = |log: &str| all_far(&Facts::found(log)).map_err(|error| format!("{error:#}"));
        assert_eq!(judged(LOG), Ok(()));
        for (from, to, complaint) in [
            ("0x100000", "0xfffff", "kernel image is pfn 0xfffff, and was 0x1000"),
            ("0x1201", "0x100116", "rings is pfn 0x100116, and was 0x100116"),
            ("start_info", "page 0", "the guest does not say where start_info is"),
        ] {
            assert_eq!(judged(&LOG.replace(from, to)), Err(complaint.to_owned()));
        }
    }
}
