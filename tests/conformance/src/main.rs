//! `conformance domu|dom0|shim [LOG]`: what the model answers, or a guest's log held against it.
//!
//! A line of a log counts if it is `probe NAME: TRANSCRIPT`; a line `Xen 4.17` says which Xen the guest ran on. Exit status 0: the model and real Xen answer alike, except
//! where the table says that the model is stricter.

use std::collections::HashMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use conformance::{Domain, Probe, Release, Transcript, model::Booted};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(domain) = arguments.first().and_then(|word| Domain::named(word)) else {
        bail!("usage: conformance domu|dom0|shim [LOG]")
    };
    let Some(path) = arguments.get(1) else {
        let mut booted = Booted::new(domain, Release::V4_17)?;
        booted.probe(|probe, transcript| println!("probe {}: {}", probe.name, transcript.as_str()));
        return Ok(ExitCode::SUCCESS);
    };
    let log = std::fs::read_to_string(path).with_context(|| path.clone())?;
    let release = log.lines().find_map(release).context("the guest does not say which Xen it ran on")?;
    let mut booted = Booted::new(domain, release)?;
    let said: HashMap<&str, &str> = log.lines().filter_map(parse).collect();
    let mut tally = Tally::default();
    booted.probe(|probe, transcript| {
        tally.compare((domain, release), probe, transcript, said.get(probe.name).copied())
    });
    println!(
        "{} probes: {} alike, {} stricter, {} differ",
        tally.all, tally.alike, tally.stricter, tally.differ
    );
    Ok(if tally.differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The release that a line names.
fn release(line: &str) -> Option<Release> {
    let (major, minor) = line.strip_prefix("Xen ")?.split_once('.')?;
    Some(Release::of_version(major.parse().ok()?, minor.parse().ok()?))
}

/// Takes a line apart into the probe's name and its transcript.
fn parse(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("probe ")?.split_once(": ")
}

#[derive(Default)]
struct Tally {
    all: usize,
    alike: usize,
    stricter: usize,
    differ: usize,
}

impl Tally {
    fn compare(
        &mut self,
        (domain, release): (Domain, Release),
        probe: &Probe,
        model: &Transcript,
        xen: Option<&str>,
    ) {
        self.all += 1;
        let stricter = probe.expected.reason().is_some()
            && xen == Some(probe.expected.on_xen(domain, release))
            && model.as_str() == probe.expected.on_model(domain, release);
        if xen == Some(model.as_str()) {
            self.alike += 1;
        } else if stricter {
            self.stricter += 1;
        } else {
            self.differ += 1;
            let xen = xen.unwrap_or("(no line)");
            println!("{}: {}\n  xen:   {xen}\n  model: {}", probe.name, probe.what, model.as_str());
        }
    }
}
