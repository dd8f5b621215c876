//! Whether a boot ended as it must, and did everything that was asked for.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use crate::machine::options::Mode;
use crate::machine::size::{GIB, PAGE};
use crate::run::outcome::Outcome;
use crate::suite::case::Evidence;
use crate::suite::module_runs;
use crate::suite::processor_runs::as_asked;
use crate::suite::proof;
use crate::suite::soak::boot::{Boot, MODULES, Then};

impl Boot {
    /// Everything that was asked for was done.
    pub(super) fn is_good(&self, evidence: &Evidence) -> Result<()> {
        let Evidence { report, guest, .. } = evidence;
        let outcome = if self.then == Then::Crash { Outcome::Crashed } else { Outcome::Success };
        ensure!(report.outcome == outcome, "ended as {:?}, not {outcome:?}", report.outcome);
        let verdicts: Vec<&str> = guest.lines().filter(|line| line.starts_with("verdict: ")).collect();
        ensure!(verdicts == ["verdict: SUCCESS"], "not one verdict of success: {verdicts:?}");
        evidence.facts.whole()?;
        evidence.of_success()?;
        self.has_modules(evidence)?;
        self.has_ended(evidence)?;
        self.has_memory(evidence)?;
        let copied = evidence.facts.one("p2m")?.flag("copied")?;
        ensure!(
            copied == self.moves_list,
            "the list was copied: {copied}, and should be: {}",
            self.moves_list
        );
        if !self.options.cpu.is_empty() {
            as_asked(evidence)?;
        }
        let cpus = self.options.vcpus;
        if self.options.mode == Mode::Dom0 {
            ensure!(
                evidence.xen.contains(&format!("Dom0 has maximum {cpus} VCPUs")),
                "not {cpus} virtual CPUs"
            );
            ensure!(evidence.xen.contains(&format!("Brought up {cpus} CPU")), "not {cpus} processors");
        }
        ensure!(
            evidence.xl.contains("e820_sanitize") == self.e820_host,
            "a map of the host, or none, by mistake"
        );
        Ok(())
    }

    /// The right modules are in the table, and no others.
    fn has_modules(&self, evidence: &Evidence) -> Result<()> {
        let all = if self.ramdisk.has_all_modules() { &module_runs::ALL[..] } else { &["hello"] };
        let named = MODULES.iter().find(|(word, _)| *word == self.modules).context("an unknown word")?.1;
        let wanted: BTreeSet<&str> = if named == ["*"] { all } else { named }.iter().copied().collect();
        let found: BTreeSet<&str> = evidence.facts.modules().map(|(name, _)| name).collect();
        ensure!(found == wanted, "modules {found:?} were loaded, not {wanted:?}");
        if wanted.contains("hello") {
            proof::module_spoke(evidence)?;
        }
        Ok(())
    }

    /// It ended as `then=` says.
    fn has_ended(&self, evidence: &Evidence) -> Result<()> {
        let (said, marks) = match self.options.mode {
            Mode::Dom0 => (
                evidence.xen.clone(),
                ["Hardware Dom0 halted: ", "Hardware Dom0 shutdown: rebooting ", "Hardware Dom0 crashed: "],
            ),
            Mode::DomU => {
                let events = std::fs::read_to_string(evidence.report.out.join("events"))?;
                (events, ["ended 0\n", "ended 1\n", "ended 3\n"])
            }
        };
        let found: Vec<bool> = marks.iter().map(|mark| said.contains(mark)).collect();
        let wanted = [Then::Poweroff, Then::Reboot, Then::Crash].map(|then| then == self.then);
        ensure!(found == wanted, "of {marks:?} there are {found:?}, and should be {wanted:?}");
        Ok(())
    }

    /// It has the pages it was to have, and those are mapped that should be.
    fn has_memory(&self, evidence: &Evidence) -> Result<()> {
        if let Some(pages) = self.dom0_pages {
            let given = evidence.given()?;
            ensure!(given == pages, "dom0 has {given} pages, not {pages}");
        }
        let memory = evidence.facts.one("memory")?;
        let (mapped, all) = (memory.number("mapped")?, memory.number("pages")?);
        if !self.lazy {
            ensure!(mapped == all, "{mapped} of {all} pages are mapped");
        } else if all > 4 * GIB / PAGE {
            ensure!(mapped < all, "map=lazy mapped all {all} pages");
        }
        Ok(())
    }

    /// It ended with a verdict of failure for that reason, and no worse.
    pub(super) fn fails(&self, evidence: &Evidence, [about, error]: [&str; 2]) -> Result<()> {
        let report = &evidence.report;
        ensure!(report.outcome == Outcome::Failure, "{:?}: {}", report.outcome, report.last);
        evidence.facts.whole()?;
        proof::failed_by(evidence, about, error)?;
        if self.across.is_some() {
            let names = proof::addresses(&report.last).any(|address| address == proof::WINDOW.0);
            ensure!(names, "not the window's start: {}", report.last);
        }
        proof::nothing_refused(evidence)?;
        self.has_ended(evidence)
    }
}

/// The builder or Xen refused, in one line that says what to change.
pub(super) fn refused(evidence: &Evidence) -> Result<()> {
    let report = &evidence.report;
    ensure!(
        report.outcome == Outcome::Failure && report.refused,
        "not refused, but {:?}: {}",
        report.outcome,
        report.last
    );
    ensure!(
        evidence.guest.is_empty() || evidence.mode == Mode::Dom0,
        "the guest spoke before it was refused"
    );
    told(&report.last)
}

/// The errors of a guest with too little memory.
const NO_MEMORY: [&str; 6] = ["NoFrames", "NoRun", "FewPages", "Gzip(NoRoom", "UnmappedRamdisk", "P2mFrames"];

/// The guest itself said that it has too little memory.
pub(super) fn no_memory(evidence: &Evidence) -> Result<()> {
    let report = &evidence.report;
    ensure!(matches!(report.outcome, Outcome::Failure | Outcome::Crashed), "{:?}", report.outcome);
    let facts = &evidence.facts;
    facts.whole()?;
    let fact = facts.all("fatal").chain(facts.all("failure")).next().context("no fact of an end")?;
    let error = fact.text("error")?;
    let known = NO_MEMORY.iter().any(|known| error.contains(known));
    ensure!(known, "another reason than too little memory: {error}; {}", report.last);
    Ok(())
}

/// One line, which names an option.
pub(super) fn told(line: &str) -> Result<()> {
    ensure!(
        line.lines().count() == 1 && line.contains("--memory"),
        "the line does not say what to change: {line}"
    );
    Ok(())
}
