//! A register of a device.
//!
//! *What this is*: a few bytes of a page that `mmu` has mapped for a device. A device tells apart how wide an access is,
//! so a register has a width, and is read and written whole.
//!
//! *What must hold*: it lies inside its page, at a multiple of its width.
//!
//! *What is not prevented*: what a device does when it is written to, such as writing to memory (DMA).

use start_info::PAGE_SIZE;
use x86_64::VirtAddr;

use crate::Authority;

/// How wide a register is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One byte.
    Bits8 = 1,
    /// Two bytes.
    Bits16 = 2,
    /// Four bytes.
    Bits32 = 4,
    /// Eight bytes.
    Bits64 = 8,
}

impl Width {
    /// Returns how many bytes that are.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self as u64
    }
}

/// A register of a device, for one access.
#[derive(Debug)]
pub struct Register {
    address: VirtAddr,
    width: Width,
}

impl Register {
    /// Names a register of a page that `mmu` has mapped for a device; `None` when it does not lie inside the page at a
    /// multiple of its width.
    #[must_use]
    pub fn new(_: &Authority, page: VirtAddr, offset: u64, width: Width) -> Option<Self> {
        let inside = offset < PAGE_SIZE && offset.is_multiple_of(width.bytes());
        inside.then(|| Self { address: page + offset, width })
    }

    /// Returns its address, a multiple of its width.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.address
    }

    /// Returns its width.
    #[must_use]
    pub const fn width(&self) -> Width {
        self.width
    }
}
