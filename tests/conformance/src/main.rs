//! `conformance domu|dom0|shim [LOG]`: prints the model's answers, or compares a guest's log with them.
//!
//! A line of a log counts if it is `probe NAME: TRANSCRIPT`; a line `Xen 4.17 release`, or `Xen 4.17 debug`, says which
//! Xen the guest ran on. On a shim that is the shim, because it answers. The model then answers as that Xen. Exit
//! status 0: the model and real Xen answer alike, except where the table says that the model is stricter.

use std::collections::HashMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use conformance::{
    Probe, ProbedBuild, ProbedDomain, ProbedRelease, ProbedXen, Transcript, model::BootedModel,
};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(domain) = arguments.first().and_then(|word| ProbedDomain::named(word)) else {
        bail!("usage: xen-guest-conformance domu|dom0|shim [LOG]")
    };
    let Some(path) = arguments.get(1) else {
        let mut booted = BootedModel::new(
            domain,
            ProbedXen { release: ProbedRelease::V4_17, build: ProbedBuild::Release },
        )?;
        booted.probe(|probe, transcript| println!("probe {}: {}", probe.name, transcript.as_str()));
        return Ok(ExitCode::SUCCESS);
    };
    let log = std::fs::read_to_string(path).with_context(|| path.clone())?;
    // On a shim lines end with \n\r.
    let lines = || log.lines().map(|line| line.trim_matches('\r'));
    let xen = lines().find_map(ProbedXen::said).context("the guest does not say which Xen it ran on")?;
    let mut booted = BootedModel::new(domain, xen)?;
    let said: HashMap<&str, &str> = lines().filter_map(parse).collect();
    let mut tally = Tally::default();
    booted.probe(|probe, transcript| {
        tally.compare((domain, xen), probe, transcript, said.get(probe.name).copied())
    });
    println!(
        "{} as {}: {} alike, {} stricter, {} differ",
        xen.name(),
        domain.name(),
        tally.alike,
        tally.stricter,
        tally.differ
    );
    Ok(if tally.differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes a line apart into the probe's name and its transcript.
fn parse(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("probe ")?.split_once(": ")
}

#[derive(Default)]
struct Tally {
    alike: usize,
    stricter: usize,
    differ: usize,
}

impl Tally {
    fn compare(
        &mut self,
        (domain, xen): (ProbedDomain, ProbedXen),
        probe: &Probe,
        model: &Transcript,
        said: Option<&str>,
    ) {
        let stricter = probe.expected.reason().is_some()
            && said == Some(probe.expected.on_xen(domain, xen))
            && model.as_str() == probe.expected.on_model(domain, xen);
        if said == Some(model.as_str()) {
            self.alike += 1;
        } else if stricter {
            self.stricter += 1;
        } else {
            self.differ += 1;
            let said = said.unwrap_or("(no line)");
            println!("{}: {}\n  xen:   {said}\n  model: {}", probe.name, probe.what, model.as_str());
        }
    }
}
