//! Any hypercall, by its number and arguments.
//!
//! *What this is*: the table of hypercalls of a 64-bit PV guest (include/hypercall-defs.c, pv/hypercall.c).
//!
//! *What must hold*: a call that Xen does not have is refused with `ENOSYS`. One that Xen has and the model does not
//! fails the test, so no guest comes to rely on a wrong answer.

use std::ops::RangeInclusive;

use mmu::{Errno, Partial};

use crate::machine::ModelMachine;
use crate::trace::{Plain, TracedCall};

/// The last number of a hypercall, and the numbers that Xen no longer uses.
const LAST: u32 = 49;
const GONE: [RangeInclusive<u32>; 3] = [11..=11, 38..=38, 43..=47];
/// The last command of `memory_op`, and the one that Xen no longer has (`public/memory.h`).
const LAST_MEMORY_COMMAND: u32 = 28;
const GONE_MEMORY_COMMAND: u32 = 8;

/// A hypercall with its arguments. Lists are slices, so none can be unreadable.
#[derive(Debug)]
pub enum Hypercall<'a> {
    /// `set_trap_table`: vectors and handlers, the end marked by a handler at 0.
    SetTrapTable(Option<&'a [(u8, u64)]>),
    /// `mmu_update`: addresses and values.
    MmuUpdate(&'a [(u64, u64)]),
    /// `set_gdt`: frames and the number of descriptors.
    SetGdt(&'a [u64], u32),
    /// `update_descriptor`: address and value.
    UpdateDescriptor(u64, u64),
    /// `memory_op`: frames are given back, in extents of an order.
    DecreaseReservation(&'a [u64], u32),
    /// `memory_op`: frames are taken, in extents of an order. The pages are replaced by frames.
    PopulatePhysmap(&'a mut [u64], u32),
    /// `memory_op` with a command that needs nothing more.
    MemoryOp(u32),
    /// `multicall` within a multicall.
    Multicall,
    /// `update_va_mapping`: address and value.
    UpdateVaMapping(u64, u64),
    /// `console_io`: command and text.
    ConsoleIo(u32, &'a str),
    /// `vcpu_op`: command, processor and argument.
    VcpuOp(u32, u32, u64),
    /// `mmuext_op`: commands and both arguments.
    MmuextOp(&'a [(u32, u64, u64)]),
    /// `sched_op`: command and argument.
    SchedOp(u32, u32),
    /// `event_channel_op`: command and port.
    EventChannelOp(u32, u32),
    /// Another, by its number.
    Other(u32),
}

impl ModelMachine {
    /// Makes a hypercall and returns what Xen leaves in rax.
    pub fn hypercall(&mut self, call: Hypercall<'_>) -> i64 {
        match call {
            Hypercall::SetTrapTable(traps) => plain(self.set_trap_table(traps)),
            Hypercall::MmuUpdate(requests) => list(self.update_entries(requests)),
            Hypercall::SetGdt(frames, entries) => plain(self.set_gdt(frames, entries)),
            Hypercall::UpdateDescriptor(address, value) => plain(self.update_descriptor(address, value)),
            Hypercall::DecreaseReservation(extents, order) => self.decrease_extents(extents, order) as i64,
            Hypercall::PopulatePhysmap(extents, order) => self.populate_extents(extents, order) as i64,
            Hypercall::MemoryOp(3) => number(self.current_reservation()),
            Hypercall::MemoryOp(4) => number(self.maximum_reservation()),
            Hypercall::MemoryOp(command) => self.unknown(
                Plain::MemoryOp,
                command,
                command > LAST_MEMORY_COMMAND || command == GONE_MEMORY_COMMAND,
            ),
            Hypercall::Multicall => plain(self.multicall(Vec::new()).map(|_| ())),
            Hypercall::UpdateVaMapping(address, value) => plain(self.update_address(address, value)),
            Hypercall::ConsoleIo(command, text) => plain(self.console_io(command, text)),
            Hypercall::VcpuOp(command, processor, argument) => {
                number(self.processor_operation(command, processor, argument))
            }
            Hypercall::MmuextOp(operations) => list(self.extended_operations(operations)),
            Hypercall::SchedOp(command, argument) => plain(self.sched_operation(command, argument)),
            Hypercall::EventChannelOp(command, port) => plain(self.event_operation(command, port)),
            Hypercall::Other(number) => {
                let gone = number > LAST || GONE.iter().any(|gone| gone.contains(&number));
                self.unknown(Plain::None, number, gone)
            }
        }
    }

    /// Refuses a call that Xen does not have, and fails the test for one that the model does not have.
    fn unknown(&mut self, call: Plain, command: u32, gone: bool) -> i64 {
        if !gone {
            self.not_taught(call, command);
        }
        plain(self.carry_out_one(TracedCall::Plain { call, command }, |_| Err(Errno::ENOSYS)))
    }

    /// Fails the test: Xen would answer this call, and the model does not know how.
    pub(crate) fn not_taught(&self, call: Plain, command: u32) -> ! {
        self.guest_bug(&format!("made a call the model does not know: {call:?} {command}"));
    }
}

fn negative(errno: Errno) -> i64 {
    -i64::from(errno.0)
}

fn plain(result: Result<(), Errno>) -> i64 {
    result.map_or_else(negative, |()| 0)
}

fn number(result: Result<u64, Errno>) -> i64 {
    result.map_or_else(negative, |number| number as i64)
}

fn list(result: Result<(), Partial>) -> i64 {
    plain(result.map_err(|stopped| stopped.errno))
}
