//! `conformance domu|dom0 [LOG]`: what the model answers, or a guest's log held against it.
//!
//! A line of a log counts if it is `probe NAME: TRANSCRIPT`. Exit status 0: the model and real Xen answer alike, except
//! where the table says that the model is stricter.

use std::collections::HashMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use conformance::{Domain, Probe, Transcript, model::Booted};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let domain = match arguments.first().map(String::as_str) {
        Some("domu") => Domain::DomU,
        Some("dom0") => Domain::Dom0,
        _ => bail!("usage: conformance domu|dom0 [LOG]"),
    };
    let mut booted = Booted::new(domain)?;
    let Some(path) = arguments.get(1) else {
        booted.probe(|probe, transcript| println!("probe {}: {}", probe.name, transcript.as_str()));
        return Ok(ExitCode::SUCCESS);
    };
    let log = std::fs::read_to_string(path).with_context(|| path.clone())?;
    let said: HashMap<&str, &str> = log.lines().filter_map(parse).collect();
    let mut tally = Tally::default();
    booted.probe(|probe, transcript| tally.compare(domain, probe, transcript, said.get(probe.name).copied()));
    println!(
        "{} probes: {} alike, {} stricter, {} differ",
        tally.all, tally.alike, tally.stricter, tally.differ
    );
    Ok(if tally.differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    fn compare(&mut self, domain: Domain, probe: &Probe, model: &Transcript, xen: Option<&str>) {
        self.all += 1;
        let stricter = probe.expected.reason().is_some()
            && xen == Some(probe.expected.on_xen(domain))
            && model.as_str() == probe.expected.on_model(domain);
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
