//! The payload.

use arrayvec::ArrayVec;
use conformance::{Domain, PAGES, run_all};
use p2m::Frame;
use xen_guest::{
    Guest, entry,
    sys::{Reason, shutdown},
};

use crate::live::Live;

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
        Err(error) => log::info!("verdict: FAILURE no spare frames: {error}"),
    }
    shutdown(Reason::Poweroff)
}

/// Runs all probes; returns how many there are, and how many gave something else than the table says.
fn probe(guest: Guest) -> Result<(usize, usize), mmu::Error> {
    let Guest { mut xen, mut running } = guest;
    let mut frames = ArrayVec::<Frame, PAGES>::new();
    for _ in 0..PAGES {
        frames.push(running.take_frame(&mut xen)?);
    }
    let Ok(mut frames) = frames.into_inner() else { return Ok((0, 1)) };
    let domain = if running.setting.facts.is_dom0() { Domain::Dom0 } else { Domain::DomU };
    let mut live = Live::new(xen, &running, frames[0].mfn());
    log::info!("{live}");
    let (mut probes, mut differ) = (0, 0);
    run_all(&mut live, &running, &mut frames, |probe, transcript| {
        probes += 1;
        log::info!("probe {}: {}", probe.name, transcript.as_str());
        let expected = probe.expected.on_xen(domain);
        if transcript.as_str() != expected {
            differ += 1;
            log::info!("differs {}: {expected}", probe.name);
        }
    });
    Ok((probes, differ))
}
