//! A probe and its expected transcript.
//!
//! *What must hold*: where the model must differ from real Xen, the table says why.

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
pub enum ProbedDomain {
    /// An ordinary guest.
    DomU,
    /// The control domain.
    Dom0,
    /// An ordinary guest of a shim, Xen in a PVH domain.
    OnShim,
}

impl ProbedDomain {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DomU, Self::Dom0, Self::OnShim];

    /// Reads the word that names one; the guest has it on its command line.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|domain| domain.name() == word)
    }

    /// Returns that word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DomU => "domu",
            Self::Dom0 => "dom0",
            Self::OnShim => "shim",
        }
    }
}

/// The release of Xen, as far as answers differ between releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbedRelease {
    /// 4.17 and older.
    V4_17,
    /// 4.20 and newer.
    V4_20,
}

impl ProbedRelease {
    /// All of them, the oldest first.
    pub const ALL: [Self; 2] = [Self::V4_17, Self::V4_20];

    /// Returns the one that answers as a version of Xen does.
    #[must_use]
    pub const fn of_version(major: u64, minor: u64) -> Self {
        if major > 4 || major == 4 && minor >= 20 { Self::V4_20 } else { Self::V4_17 }
    }
}

/// How Xen was built: with `CONFIG_DEBUG` and what that turns on, or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbedBuild {
    /// As distributions build it.
    Release,
    /// As its developers build it. A guest cannot ask Xen about it.
    Debug,
}

impl ProbedBuild {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Release, Self::Debug];

    /// Reads the word that names one; the guest has it on its command line.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|build| build.name() == word)
    }

    /// Returns that word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Debug => "debug",
        }
    }
}

/// A Xen, as far as answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbedXen {
    /// Its release.
    pub release: ProbedRelease,
    /// How it was built.
    pub build: ProbedBuild,
}

impl ProbedXen {
    /// Returns all of them.
    pub fn all() -> impl Iterator<Item = Self> {
        ProbedRelease::ALL
            .into_iter()
            .flat_map(|release| ProbedBuild::ALL.map(|build| Self { release, build }))
    }

    /// Returns the name of its model.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.release, self.build) {
            (ProbedRelease::V4_17, ProbedBuild::Release) => "the model of 4.17",
            (ProbedRelease::V4_17, ProbedBuild::Debug) => "the model of a debug 4.17",
            (ProbedRelease::V4_20, ProbedBuild::Release) => "the model of 4.20",
            (ProbedRelease::V4_20, ProbedBuild::Debug) => "the model of a debug 4.20",
        }
    }

    /// Reads the line in which the guest says what it runs on: `Xen 4.17 release`.
    #[must_use]
    pub fn said(line: &str) -> Option<Self> {
        let (version, build) = line.strip_prefix("Xen ")?.split_once(' ')?;
        let (major, minor) = version.split_once('.')?;
        let release = ProbedRelease::of_version(major.parse().ok()?, minor.parse().ok()?);
        Some(Self { release, build: ProbedBuild::named(build)? })
    }
}

/// The transcripts a probe must give.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    domu: &'static str,
    dom0: &'static str,
    /// What a domU gets since 4.20.
    domu_4_20: &'static str,
    /// What a guest of a shim gets, if it differs from another domU's.
    on_shim: Option<&'static str>,
    /// What a domU and dom0 get from a debug build, if it differs.
    of_debug: Option<(&'static str, &'static str)>,
    model: Option<(&'static str, &'static str)>,
}

impl Expected {
    /// Always the same.
    pub(crate) const fn always(transcript: &'static str) -> Self {
        Self::by_domain(transcript, transcript)
    }

    /// One thing in a domU and another in dom0.
    pub(crate) const fn by_domain(domu: &'static str, dom0: &'static str) -> Self {
        Self { domu, dom0, domu_4_20: domu, on_shim: None, of_debug: None, model: None }
    }

    /// Something else in a domU since 4.20.
    pub(crate) const fn domu_since_4_20(self, domu_4_20: &'static str) -> Self {
        Self { domu_4_20, ..self }
    }

    /// Something else in a guest of a shim.
    pub(crate) const fn on_shim(self, transcript: &'static str) -> Self {
        Self { on_shim: Some(transcript), ..self }
    }

    /// Something else from a debug build, in a domU and in dom0.
    pub(crate) const fn of_debug(self, domu: &'static str, dom0: &'static str) -> Self {
        Self { of_debug: Some((domu, dom0)), ..self }
    }

    /// Something else on the model: it refuses what Xen allows, or does not know what Xen knows.
    pub(crate) const fn stricter(self, model: &'static str, reason: &'static str) -> Self {
        Self { model: Some((model, reason)), ..self }
    }

    /// Returns what real Xen must give.
    #[must_use]
    pub const fn on_xen(&self, domain: ProbedDomain, xen: ProbedXen) -> &'static str {
        match (domain, self.on_shim, self.of_debug, xen) {
            (ProbedDomain::Dom0, _, Some((_, dom0)), ProbedXen { build: ProbedBuild::Debug, .. }) => dom0,
            (ProbedDomain::Dom0, _, _, _) => self.dom0,
            (ProbedDomain::OnShim, Some(transcript), _, _) => transcript,
            (_, _, Some((domu, _)), ProbedXen { build: ProbedBuild::Debug, .. }) => domu,
            (_, _, _, ProbedXen { release: ProbedRelease::V4_17, .. }) => self.domu,
            (_, _, _, ProbedXen { release: ProbedRelease::V4_20, .. }) => self.domu_4_20,
        }
    }

    /// Returns what the model must give.
    #[must_use]
    pub const fn on_model(&self, domain: ProbedDomain, xen: ProbedXen) -> &'static str {
        match self.model {
            Some((model, _)) => model,
            None => self.on_xen(domain, xen),
        }
    }

    /// Returns why the model may differ, if it may.
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
    /// The expected transcripts.
    pub expected: Expected,
    /// The actions.
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
