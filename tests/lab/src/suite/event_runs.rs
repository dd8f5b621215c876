//! Guests that live: events, time, and exceptions of their own.

use anyhow::{Context, Result, ensure};

use crate::build::Kernel;
use crate::run::outcome::Outcome;
use crate::suite::case::{Case, Evidence};

/// The runs of the group `xen`.
pub(crate) const EVENTS: [Case; 3] = [
    on("events-domu", "domu"),
    on("events-dom0", "dom0"),
    Case {
        outcomes: &[Outcome::Crashed],
        proofs: &[handles_exceptions, reports_the_untaken],
        ..on("events-exception-untaken", "domu --cmdline trap=untaken")
    },
];

/// The guest of events on a machine.
pub(crate) const fn on(name: &'static str, line: &'static str) -> Case {
    let proofs = &[counts_each_event, sleeps_long_enough, is_interrupted, handles_exceptions];
    Case { kernel: Kernel::Events, proofs, ..Case::good(name, line) }
}

/// What a line of the guest says after its beginning.
fn said<'e>(evidence: &'e Evidence, start: &str) -> Result<&'e str> {
    let line = evidence.guest.lines().find_map(|line| line.trim_end().strip_prefix(start));
    line.with_context(|| format!("the guest does not say \"{start}\""))
}

fn counts_each_event(evidence: &Evidence) -> Result<()> {
    let events = said(evidence, "events: ")?;
    ensure!(events == "100000 sent, 100000 counted", "events: {events}");
    Ok(())
}

fn sleeps_long_enough(evidence: &Evidence) -> Result<()> {
    let sleeps = said(evidence, "sleeps: ")?;
    ensure!(sleeps.starts_with("1000, 0 early, "), "sleeps: {sleeps}");
    // 2024 began then.
    let wall: u64 = said(evidence, "wall clock: ")?.trim_end_matches(" s since 1970").parse()?;
    ensure!(wall > 1_704_067_200, "the wall clock says {wall}");
    Ok(())
}

fn is_interrupted(evidence: &Evidence) -> Result<()> {
    let ticks = said(evidence, "interrupted: ")?.split_once(' ').context("no number of ticks")?;
    ensure!((300..310).contains(&ticks.0.parse::<u64>()?), "{} ticks", ticks.0);
    for tick in ["100", "200", "300"] {
        said(evidence, &format!("tick {tick} from a handler"))?;
    }
    Ok(())
}

fn handles_exceptions(evidence: &Evidence) -> Result<()> {
    let exceptions = said(evidence, "exceptions: ")?;
    let all = "1000 breakpoints, 1000 invalid instructions, 1000 page faults";
    ensure!(exceptions == all, "exceptions: {exceptions}");
    Ok(())
}

fn reports_the_untaken(evidence: &Evidence) -> Result<()> {
    let fault = said(evidence, "fatal: page fault: ")?;
    ensure!(fault == "reading unmapped memory at 0x12346000", "fatal: page fault: {fault}");
    Ok(())
}
