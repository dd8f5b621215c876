//! The payload.

use core::fmt;

use arrayvec::ArrayVec;
use conformance::{PAGES, ProbedBuild, ProbedDomain, ProbedRelease, ProbedXen, run_all};
use p2m::Frame;
use xen_guest::{
    Guest, entry,
    sys::{Reason, shutdown},
};

use crate::live::{self, Live};

entry!(main);

fn main(guest: Guest) -> ! {
    match probe(guest) {
        Ok((probes, 0)) => {
            log::info!("{probes} probes as the table says");
            log::info!("verdict: SUCCESS");
        }
        Ok((probes, differ)) => {
            log::info!("verdict: FAILURE {differ} of {probes} probes not as the table says")
        }
        Err(reason) => log::info!("verdict: FAILURE {reason}"),
    }
    shutdown(Reason::Poweroff)
}

/// Why the probes could not be run.
enum Unready {
    /// There is no memory for spare frames.
    Spare(mmu::MmuError),
    /// Fewer spare frames than asked for.
    TooFew,
    /// The M2P shows no frame without a domain.
    NobodysFrame,
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spare(error) => write!(f, "no spare frames: {error}"),
            Self::TooFew => write!(f, "fewer than {PAGES} spare frames"),
            Self::NobodysFrame => write!(f, "the M2P shows no frame of nobody's"),
        }
    }
}

impl From<mmu::MmuError> for Unready {
    fn from(error: mmu::MmuError) -> Self {
        Self::Spare(error)
    }
}

/// What the guest is. Only its command line says that it runs on a shim.
fn domain(guest: &Guest) -> ProbedDomain {
    let named = guest.facts().command_line().value_of("domain").and_then(ProbedDomain::named);
    named.unwrap_or(if guest.facts().is_dom0() { ProbedDomain::Dom0 } else { ProbedDomain::DomU })
}

/// How its Xen was built. Only the command line says that it is a debug build.
fn build(guest: &Guest) -> ProbedBuild {
    guest
        .facts()
        .command_line()
        .value_of("build")
        .and_then(ProbedBuild::named)
        .unwrap_or(ProbedBuild::Release)
}

/// Runs all probes; returns how many there are, and how many differ from the table.
fn probe(mut guest: Guest) -> Result<(usize, usize), Unready> {
    let mut frames = ArrayVec::<Frame, PAGES>::new();
    for _ in 0..PAGES {
        frames.push(guest.take_frame()?);
    }
    let mut frames = frames.into_inner().map_err(|_| Unready::TooFew)?;
    let (domain, build) = (domain(&guest), build(&guest));
    let (xen, running) = live::apart(guest);
    let mut live = Live::new(xen, &running, &frames[0]).ok_or(Unready::NobodysFrame)?;
    let (major, minor) = live.version();
    let on = ProbedXen { release: ProbedRelease::of_version(major, minor), build };
    log::info!("Xen {major}.{minor} {}", build.name());
    log::info!("{live}");
    let (mut probes, mut differ) = (0, 0);
    run_all(&mut live, &running, &mut frames, |probe, transcript| {
        probes += 1;
        log::info!("probe {}: {}", probe.name, transcript.as_str());
        let expected = probe.expected.on_xen(domain, on);
        if transcript.as_str() != expected {
            differ += 1;
            log::info!("differs {}: {expected}", probe.name);
        }
    });
    Ok((probes, differ))
}
