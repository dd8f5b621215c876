//! A probe and what it must give.
//!
//! *What must hold*: where the model must give something else than real Xen, the table says why.

use p2m::Frame;
use xen_guest::Running;

use crate::{
    bench::{Bench, PAGES},
    probes,
    subject::Subject,
    transcript::Transcript,
};

/// What the guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// An ordinary guest.
    DomU,
    /// The control domain.
    Dom0,
}

/// The transcripts a probe must give.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    domu: &'static str,
    dom0: &'static str,
    model: Option<(&'static str, &'static str)>,
}

impl Expected {
    /// Always the same.
    pub(crate) const fn always(transcript: &'static str) -> Self {
        Self::by_domain(transcript, transcript)
    }

    /// One thing in a domU and another in dom0.
    pub(crate) const fn by_domain(domu: &'static str, dom0: &'static str) -> Self {
        Self { domu, dom0, model: None }
    }

    /// Something else on the model: it refuses what Xen allows, or does not know what Xen knows.
    pub(crate) const fn stricter(self, model: &'static str, reason: &'static str) -> Self {
        Self { model: Some((model, reason)), ..self }
    }

    /// Returns what real Xen must give.
    #[must_use]
    pub const fn on_xen(&self, domain: Domain) -> &'static str {
        match domain {
            Domain::DomU => self.domu,
            Domain::Dom0 => self.dom0,
        }
    }

    /// Returns what the model must give.
    #[must_use]
    pub const fn on_model(&self, domain: Domain) -> &'static str {
        match self.model {
            Some((model, _)) => model,
            None => self.on_xen(domain),
        }
    }

    /// Returns why the model gives something else, if it may.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.model.map(|(_, reason)| reason)
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Its name, of letters, digits and hyphens.
    pub name: &'static str,
    /// The rule, in a sentence.
    pub what: &'static str,
    /// What must come out.
    pub expected: Expected,
    /// What is done.
    pub run: fn(&mut Bench<'_>),
}

impl Probe {
    pub(crate) const fn new(
        name: &'static str,
        what: &'static str,
        expected: Expected,
        run: fn(&mut Bench<'_>),
    ) -> Self {
        Self { name, what, expected, run }
    }
}

/// Runs all probes and hands each transcript to `each`.
pub fn run_all(
    subject: &mut dyn Subject,
    running: &Running,
    frames: &mut [Frame; PAGES],
    mut each: impl FnMut(&Probe, &Transcript),
) {
    for probe in probes::all() {
        let mut bench = Bench::new(subject, running, frames);
        (probe.run)(&mut bench);
        each(probe, &bench.finish());
    }
}
