//! Raw requests, which only this crate can make.
//!
//! *What this is*: the elements of the lists that `mmu_update` and `mmuext_op` take, laid out as Xen's own structures
//! (`public/xen.h`), and the arguments of `update_va_mapping`.
//!
//! *What must hold*: what a request makes writable or removes is a spare frame of the [`crate::Bench`], the mapping of
//! one, or a frame the bench took itself; Xen refuses anything else. Because the fields are private, only this crate
//! must keep that promise.

use core::mem::size_of;

/// A write of one page-table entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Request {
    target: u64,
    value: u64,
}

/// An extended operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ExtendedOperation {
    command: u32,
    pad: u32,
    first: u64,
    second: u64,
}

const _: () = assert!(size_of::<Request>() == size_of::<xen_sys::mmu_update>());
const _: () = assert!(size_of::<ExtendedOperation>() == size_of::<xen_sys::mmuext_op>());

impl Request {
    pub(crate) const fn new(target: u64, value: u64) -> Self {
        Self { target, value }
    }

    /// Returns the machine address of the entry, with the kind of update in its low bits.
    #[must_use]
    pub const fn target(&self) -> u64 {
        self.target
    }

    /// Returns the word to write.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }
}

impl ExtendedOperation {
    pub(crate) const fn new(command: u32, first: u64, second: u64) -> Self {
        Self { command, pad: 0, first, second }
    }

    /// Returns the operation's number.
    #[must_use]
    pub const fn command(&self) -> u32 {
        self.command
    }

    /// Returns the first argument.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Returns the second argument.
    #[must_use]
    pub const fn second(&self) -> u64 {
        self.second
    }
}

/// What `update_va_mapping` must flush (`public/xen.h`, `UVMF_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Nothing.
    None = 0,
    /// Everything, here.
    Local = 1,
    /// The address, here.
    Address = 2,
    /// Everything, on all processors.
    All = 5,
    /// The address, on all processors.
    AddressOnAll = 6,
}

/// A change of one mapping of the current address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    address: u64,
    value: u64,
    flush: Flush,
}

impl Change {
    pub(crate) const fn new(address: u64, value: u64, flush: Flush) -> Self {
        Self { address, value, flush }
    }

    /// Returns the address whose mapping changes.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// Returns the word to write.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// Returns what must be flushed.
    #[must_use]
    pub const fn flush(&self) -> Flush {
        self.flush
    }
}
