//! The last hypercalls, for messages.
//!
//! *What this is*: a bounded list of calls and their results.

use std::collections::VecDeque;
use std::fmt;

use mmu::Partial;

const KEPT: usize = 32;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TracedCall {
    /// `mmu_update`.
    Update {
        /// How many requests.
        count: usize,
        /// The last one: address and value.
        last: (u64, u64),
    },
    /// `mmuext_op`.
    Extended {
        /// How many operations.
        count: usize,
        /// The first one: command and argument.
        first: (u32, u64),
    },
    /// `update_va_mapping`.
    Mapping {
        /// The address.
        address: u64,
        /// The new entry.
        value: u64,
    },
    /// `set_gdt`.
    Gdt {
        /// How many descriptors.
        entries: u32,
    },
    /// `update_descriptor`.
    Descriptor {
        /// The machine address.
        address: u64,
        /// The descriptor.
        value: u64,
    },
    /// `memory_op`.
    Memory {
        /// The command.
        command: MemoryCommand,
        /// How many extents.
        count: usize,
    },
    /// `multicall`; the entries come before it.
    Multicall {
        /// How many entries.
        count: usize,
    },
    /// A hypercall that changes no memory.
    Plain {
        /// Which.
        call: Plain,
        /// Its command, or its number if Xen has no such call.
        command: u32,
    },
}

/// A hypercall that changes no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// `set_trap_table`.
    SetTrapTable,
    /// `memory_op`, with a command that Xen does not have.
    MemoryOp,
    /// `console_io`.
    ConsoleIo,
    /// `vcpu_op`.
    VcpuOp,
    /// `sched_op`.
    SchedOp,
    /// `event_channel_op`.
    EventChannelOp,
    /// `callback_op`.
    CallbackOp,
    /// `set_timer_op`.
    SetTimerOp,
    /// One that Xen does not have.
    None,
}

/// A command of `memory_op` (`public/memory.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryCommand {
    /// Frames are given back.
    DecreaseReservation = 1,
    /// How many frames the domain has.
    CurrentReservation = 3,
    /// How many it may have.
    MaximumReservation = 4,
    /// Frames are taken for pages.
    PopulatePhysmap = 6,
    /// The domain's map of its memory.
    MemoryMap = 9,
    /// The machine's map of its memory.
    MachineMemoryMap = 10,
    /// Frames are exchanged for others.
    Exchange = 11,
}

impl TracedCall {
    const fn letter(&self) -> char {
        match self {
            Self::Update { .. } => 'U',
            Self::Extended { first: (command, _), .. } => match *command {
                xen_sys::MMUEXT_TLB_FLUSH_LOCAL | xen_sys::MMUEXT_TLB_FLUSH_ALL => 'F',
                xen_sys::MMUEXT_NEW_BASEPTR => 'R',
                _ => 'P',
            },
            Self::Mapping { .. } => 'V',
            Self::Memory { command: MemoryCommand::DecreaseReservation, .. } => 'M',
            Self::Plain { call: Plain::CallbackOp | Plain::VcpuOp, .. } => 'E',
            _ => 'Q',
        }
    }
}

/// One hypercall and its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    /// How many hypercalls came before.
    pub number: u64,
    /// What was asked.
    pub call: TracedCall,
    /// Its result.
    pub result: Result<(), Partial>,
}

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} ", self.number)?;
        match self.call {
            TracedCall::Update { count, last: (address, value) } => {
                write!(f, "mmu_update x{count}, the last {address:#x} := {value:#x}")?;
            }
            TracedCall::Extended { count, first: (command, argument) } => {
                write!(f, "mmuext_op x{count}, the first {command}({argument:#x})")?;
            }
            TracedCall::Mapping { address, value } => {
                write!(f, "update_va_mapping {address:#x} := {value:#x}")?
            }
            TracedCall::Gdt { entries } => write!(f, "set_gdt with {entries} descriptors")?,
            TracedCall::Memory { command, count } => write!(f, "memory_op {command:?} x{count}")?,
            TracedCall::Multicall { count } => write!(f, "multicall x{count}")?,
            TracedCall::Plain { call, command } => write!(f, "{call:?} {command}")?,
            TracedCall::Descriptor { address, value } => {
                write!(f, "update_descriptor {address:#x} := {value:#x}")?;
            }
        }
        match self.result {
            Ok(()) => Ok(()),
            Err(Partial { done, errno }) => write!(f, ": {errno} after {done}"),
        }
    }
}

/// The last hypercalls.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    calls: VecDeque<Traced>,
}

impl Trace {
    pub(crate) fn add(&mut self, traced: Traced) {
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(traced);
    }

    /// Returns the calls, one letter each: `U` a list of entry updates, `F` a flush, `V` one mapping, which may flush
    /// its address, `R` a new root, which flushes, `P` a pin or its end, `M` memory given back, `E` how events come, `Q` a question.
    #[must_use]
    pub fn letters(&self) -> String {
        self.calls.iter().map(|traced| traced.call.letter()).collect()
    }

    /// Returns the last hypercalls, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Traced> {
        self.calls.iter()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.calls.iter().try_for_each(|call| writeln!(f, "{call}"))
    }
}
