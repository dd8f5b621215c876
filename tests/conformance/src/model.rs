//! The model as a subject.

use mmu::{Errno, Stopped};
use p2m::Frame;
use xen_guest::{Running, boot};
use xen_model::{Built, Guest, Machine};

use crate::{
    bench::PAGES,
    probe::{Domain, Probe, run_all},
    request::{Change, Operation, Request},
    subject::{ALL_ONES, Answer, BEYOND, Call, Special, Subject},
    transcript::Transcript,
};

impl Subject for Machine {
    fn update_entries(&mut self, requests: &[Request]) -> Answer {
        let pairs: Vec<_> = requests.iter().map(|request| (request.target(), request.value())).collect();
        answer(Machine::update_entries(self, &pairs), requests.len())
    }

    fn extended(&mut self, operations: &[Operation]) -> Answer {
        let parts: Vec<_> = operations
            .iter()
            .map(|operation| (operation.command(), operation.first(), operation.second()))
            .collect();
        answer(self.extended_operations(&parts), operations.len())
    }

    fn update_address(&mut self, change: Change) -> Answer {
        let result = Machine::update_address(self, change.address(), change.value());
        Answer::single(result.err().unwrap_or(Errno(0)))
    }

    fn call(&mut self, _: Call) -> Option<i64> {
        None
    }

    fn special(&self, special: Special) -> u64 {
        match special {
            Special::SharedInfo => self.shared_info().get(),
            Special::Other => self.other_domains_frame().get(),
            Special::Nobody => self.free_frame().get(),
            Special::Device | Special::Screen => self.device_frame().get(),
            Special::Beyond => BEYOND,
            Special::AllOnes => ALL_ONES,
        }
    }
}

fn answer(result: Result<(), Stopped>, wanted: usize) -> Answer {
    match result {
        Ok(()) => Answer { wanted, done: wanted, errno: Errno(0) },
        Err(Stopped { done, errno }) => Answer { wanted, done, errno },
    }
}

/// A guest that was booted on the model, with spare frames.
#[derive(Debug)]
pub struct Booted {
    /// The machine.
    pub machine: Machine,
    running: Running,
    frames: [Frame; PAGES],
}

impl Booted {
    /// Boots a guest of 64 MiB.
    ///
    /// # Errors
    /// The boot fails.
    pub fn new(domain: Domain) -> anyhow::Result<Self> {
        let guest = match domain {
            Domain::DomU => Guest::new(64 << 8),
            Domain::Dom0 => Guest::dom0(64 << 8),
        };
        let Ok(Built { mut machine, page, entry, image, .. }) = guest.build() else {
            anyhow::bail!("the model's builder refuses the guest");
        };
        let mut running = boot(&mut machine, &page, &entry, &image)?;
        let mut frames = Vec::new();
        for _ in 0..PAGES {
            frames.push(running.take_frame(&mut machine).map_err(|error| anyhow::anyhow!("{error}"))?);
        }
        let Ok(frames) = frames.try_into() else { anyhow::bail!("a wrong number of frames") };
        Ok(Self { machine, running, frames })
    }

    /// Runs all probes.
    pub fn probe(&mut self, each: impl FnMut(&Probe, &Transcript)) {
        run_all(&mut self.machine, &self.running, &mut self.frames, each);
    }
}
