//! The model as a subject.

use mmu::{Errno, Partial};
use p2m::{Frame, Translate as _};
use start_info::{MapEntry, Mfn, Pfn};
use xen_guest::Running;
use xen_model::{GuestConfig, Hypercall, ModelMachine};

use crate::{
    bench::PAGES,
    exchange::Exchange,
    probe::{Probe, ProbedBuild, ProbedDomain, ProbedRelease, ProbedXen, run_all},
    request::{Change, ExtendedOperation, Request},
    requests::{Descriptor, Extents, Part, RequestedTable, Step},
    subject::{ALL_ONES, BEYOND, Call, ProbeAnswer, Special, Subject},
    transcript::Transcript,
};

impl Subject for ModelMachine {
    fn frame_of(&self, running: &Running, pfn: Pfn) -> Option<Mfn> {
        running.p2m.entry(self, pfn).ram()
    }

    fn update_entries(&mut self, requests: &[Request]) -> ProbeAnswer {
        let pairs: Vec<_> = requests.iter().map(|request| (request.target(), request.value())).collect();
        answer(ModelMachine::update_entries(self, &pairs), requests.len())
    }

    fn extended(&mut self, operations: &[ExtendedOperation]) -> ProbeAnswer {
        let parts: Vec<_> = operations
            .iter()
            .map(|operation| (operation.command(), operation.first(), operation.second()))
            .collect();
        answer(self.extended_operations(&parts), operations.len())
    }

    fn update_address(&mut self, change: Change) -> ProbeAnswer {
        let result = ModelMachine::update_address(self, change.address(), change.value());
        ProbeAnswer::single(result.err().unwrap_or(Errno(0)))
    }

    fn call(&mut self, call: Call) -> i64 {
        let traps = [(0x90, 0x8000_0000_0000), (0, 0)];
        let call = match call {
            Call::Unknown => Hypercall::Other(63),
            Call::Gone => Hypercall::Other(11),
            Call::ConsoleWrite => Hypercall::ConsoleIo(0, ""),
            Call::ConsoleUnknown => Hypercall::ConsoleIo(9, ""),
            Call::SchedUnknown => Hypercall::SchedOp(99, 0),
            Call::Yield => Hypercall::SchedOp(xen_sys::SCHEDOP_yield, 0),
            Call::TrapNotCanonical => Hypercall::SetTrapTable(Some(&traps)),
            Call::Reservation => Hypercall::MemoryOp(3),
            Call::MaximumReservation => Hypercall::MemoryOp(4),
            Call::MemoryUnknown => Hypercall::MemoryOp(63),
            Call::NoSuchProcessor => Hypercall::VcpuOp(7, 99, 0),
            Call::ProcessorUp => Hypercall::VcpuOp(3, 0, 0),
            Call::ProcessorUnknown => Hypercall::VcpuOp(99, 0, 0),
            Call::NoSuchPort => Hypercall::EventChannelOp(xen_sys::EVTCHNOP_send, 4000),
            Call::EventUnknown => Hypercall::EventChannelOp(99, 0),
            Call::MemoryMap => return number(self.memory_map(4), |map| map.len() as i64),
            Call::MemoryMapEnd => {
                let end = |entry: &MapEntry| (entry.start + entry.len) as i64 / 4096;
                return number(self.memory_map(4), |map| map.first().map_or(0, end));
            }
            Call::MachineMap => return number(self.machine_memory_map(None), |map| map.len() as i64),
            Call::MachineMapShort => return result(self.machine_memory_map(Some(1))),
            Call::PollTooMany => return result(self.poll(&[1; 129])),
            Call::PollNoSuchPort => return result(self.poll(&[4000])),
            Call::ListUnmapped => return result(self.update_entries_at(0x1000, 1)),
            Call::ListXens => return result(self.update_entries_at(0xffff_8800_0000_0000 - 16, 1)),
            Call::NoSuchDomain => return result(self.update_entries_for(0x7ff4, &[(0, 0)])),
        };
        self.hypercall(call)
    }

    fn set_gdt(&mut self, table: RequestedTable<'_>) -> i64 {
        result(ModelMachine::set_gdt(self, table.frames(), table.entries()))
    }

    fn update_descriptor(&mut self, descriptor: Descriptor) -> i64 {
        result(ModelMachine::update_descriptor(self, descriptor.address(), descriptor.value()))
    }

    fn decrease(&mut self, mut extents: Extents<'_>) -> i64 {
        let order = extents.order();
        self.decrease_extents(extents.numbers(), order) as i64
    }

    fn populate(&mut self, mut extents: Extents<'_>) -> i64 {
        let order = extents.order();
        self.populate_extents(extents.numbers(), order) as i64
    }

    fn exchange(&mut self, exchange: Exchange<'_>) -> ProbeAnswer {
        let Exchange { mut old, mut new } = exchange;
        let (order, new_order, wanted) = (old.order(), new.order(), old.numbers().len());
        answer(ModelMachine::exchange(self, old.numbers(), order, new.numbers(), new_order), wanted)
    }

    fn multicall(&mut self, entries: &[Step], results: &mut [i64]) -> i64 {
        let (mut updates, mut operations) = (Vec::new(), Vec::new());
        for entry in entries {
            updates.push(match entry.part() {
                Part::Update(request) => [(request.target(), request.value())],
                _ => [(0, 0)],
            });
            operations.push(match entry.part() {
                Part::Operation(operation) => [(operation.command(), operation.first(), operation.second())],
                _ => [(0, 0, 0)],
            });
        }
        let calls = entries.iter().zip(&updates).zip(&operations).map(|((entry, update), operation)| {
            match entry.part() {
                Part::Update(_) => Hypercall::MmuUpdate(update),
                Part::Operation(_) => Hypercall::MmuextOp(operation),
                Part::Map(change) => Hypercall::UpdateVaMapping(change.address(), change.value()),
                Part::Yield => Hypercall::SchedOp(xen_sys::SCHEDOP_yield, 0),
                Part::Nested => Hypercall::Multicall,
                Part::Unknown => Hypercall::Other(63),
            }
        });
        let done = ModelMachine::multicall(self, calls.collect());
        if let Ok(done) = &done {
            results.copy_from_slice(done);
        }
        result(done)
    }

    fn special(&self, special: Special) -> u64 {
        match special {
            Special::SharedInfo => self.shared_info().get(),
            Special::Other => self.other_domains_frame().get(),
            Special::Nobody => self.free_frame().get(),
            Special::Device => self.device_frame().get(),
            // The frame after the one that is denied to all.
            Special::Screen => self.device_frame().get() + 1,
            Special::Beyond => BEYOND,
            Special::AllOnes => ALL_ONES,
        }
    }
}

/// Returns what Xen would leave in rax.
fn result<T>(result: Result<T, impl Into<Refused>>) -> i64 {
    number(result, |_| 0)
}

/// Returns a number, or what Xen would leave in rax.
fn number<T>(result: Result<T, impl Into<Refused>>, number: impl FnOnce(T) -> i64) -> i64 {
    match result.map_err(Into::into) {
        Ok(found) => number(found),
        Err(Refused(errno)) => -i64::from(errno.0),
    }
}

/// Why a call was refused, at any place in its list.
struct Refused(Errno);

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

impl From<Partial> for Refused {
    fn from(stopped: Partial) -> Self {
        Self(stopped.errno)
    }
}

fn answer(result: Result<(), Partial>, wanted: usize) -> ProbeAnswer {
    match result {
        Ok(()) => ProbeAnswer { wanted, done: wanted, errno: Errno(0) },
        Err(Partial { done, errno }) => ProbeAnswer { wanted, done, errno },
    }
}

/// A guest booted on the model, with spare frames.
#[derive(Debug)]
pub struct BootedModel {
    /// The machine.
    pub machine: ModelMachine,
    running: Running,
    frames: [Frame; PAGES],
}

impl BootedModel {
    /// Boots a guest of 64 MiB.
    ///
    /// # Errors
    /// The boot fails.
    pub fn new(domain: ProbedDomain, xen: ProbedXen) -> anyhow::Result<Self> {
        let guest = match domain {
            ProbedDomain::DomU => GuestConfig::new(64 << 8),
            ProbedDomain::Dom0 => GuestConfig::dom0(64 << 8),
            ProbedDomain::OnShim => GuestConfig::new(64 << 8).on_shim(),
        };
        let release = match xen.release {
            ProbedRelease::V4_17 => xen_model::Release::V4_17,
            ProbedRelease::V4_20 => xen_model::Release::V4_20,
        };
        let build = match xen.build {
            ProbedBuild::Release => xen_model::Build::Release,
            ProbedBuild::Debug => xen_model::Build::Debug,
        };
        let Ok(built) = guest.with_release(release).with_build(build).build() else {
            anyhow::bail!("the model's builder refuses the guest")
        };
        let mut running = built.boot().map_err(|(_, failure)| failure)?.running;
        let mut frames = Vec::new();
        for _ in 0..PAGES {
            frames.push(running.take_frame().map_err(|error| anyhow::anyhow!("{error}"))?);
        }
        let Ok(frames) = frames.try_into() else { anyhow::bail!("a wrong number of frames") };
        let (machine, running) = running.take_apart();
        Ok(Self { machine, running, frames })
    }

    /// Runs all probes.
    pub fn probe(&mut self, each: impl FnMut(&Probe, &Transcript)) {
        run_all(&mut self.machine, &self.running, &mut self.frames, each);
    }
}
