//! What the boot needs from a machine besides its page tables.
//!
//! *What this is*: the second half of the seam whose first half is [`mmu::Machine`]. Real Xen implements it in `sys`,
//! the model in `tests/model`; the boot is generic over it, so it also runs in `cargo test`.

use mmu::{Errno, FixmapPage, Machine, RamdiskPages, Region, layout::Bases};
use p2m::{LinearMap, SharedPage};
use start_info::{MapError, MemoryMap};
use x86_64::VirtAddr;

use crate::event::events::Events;
use crate::ring::words::SharedWords;

/// What is published about the P2M for the toolstack (`public/arch-x86/xen.h`, `struct arch_shared_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The number of P2M entries.
    pub max_pfn: u64,
    /// The machine frame of the top page of the three-level list, or all ones.
    pub frame_list_list: u64,
    /// The top-level page table that maps the linear list, as CR3 would hold it.
    pub p2m_cr3: u64,
    /// Where that table maps entry 0.
    pub p2m_vaddr: VirtAddr,
}

/// An address at which a loaded module may be entered. Only the loader makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct EntryPoint(VirtAddr);

impl EntryPoint {
    #[cfg(feature = "modules")]
    pub(crate) const fn new(address: VirtAddr) -> Self {
        Self(address)
    }

    /// Returns the address.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.0
    }
}

/// Why a memory map that must exist is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMap {
    /// Xen refused.
    #[error("Xen refused the memory map with {0}")]
    Refused(Errno),
    /// The map is inconsistent.
    #[error(transparent)]
    Map(#[from] MapError),
}

/// Whose memory map is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapOf {
    /// The machine's (`XENMEM_machine_memory_map`): for dom0.
    Machine,
    /// What the toolstack set for this domain (`XENMEM_memory_map`): with `e820_host=1` it is partly the machine's.
    Domain,
}

/// A machine that executes no instruction of the guest: a model of Xen, for tests. A test can read and change a guest
/// on one from outside ([`crate::Guest::parts_mut`]). Real Xen does not implement this, so a kernel cannot do that.
pub trait Simulated: Platform {}

/// A machine that a kernel can be booted on.
///
/// Implementing it gives no access to memory: a boot passes only numbers to it, and [`crate::boot()`] runs once in a
/// kernel.
pub trait Platform: Machine + Events {
    /// Writes text to every console: the hypervisor's and, once attached, the ring.
    fn write_console(&mut self, text: &str);

    /// Uses the console ring at `page` from now on; `port` tells the other side.
    fn attach_console(&mut self, page: SharedPage, port: u32);

    /// Returns the words of a page that is shared with another domain.
    fn shared<'w>(&'w mut self, page: &'w SharedPage) -> impl SharedWords + 'w;

    /// Takes what was typed at Xen's console while that belongs to dom0, and returns how many bytes.
    fn read_hypervisor_console(&mut self, bytes: &mut [u8]) -> usize;

    /// Notifies the other side of an event channel.
    fn notify(&mut self, port: u32);

    /// Lets other domains run.
    fn give_way(&mut self);

    /// Returns how often another domain is given the processor before it counts as gone.
    fn patience(&self) -> u32;

    /// Blocks until the other side of an event channel has notified us since the last call.
    fn wait_for(&mut self, port: u32);

    /// Uses the shared_info page from now on.
    fn attach_shared_info(&mut self, page: FixmapPage);

    /// Returns a memory map; `None` for a domU whose toolstack set none (`xl` always sets one). It is kept for good: it
    /// is too large to be passed by value from stage to stage.
    ///
    /// # Errors
    /// [`NoMap`] when Xen refuses, or when the map is inconsistent.
    fn memory_map(&mut self, of: MapOf) -> Result<Option<&'static MemoryMap>, NoMap>;

    /// Publishes the P2M in shared_info, which must be attached.
    fn publish(&mut self, published: &Published);

    /// Returns the bytes of the ramdisk through the direct map; `None` when not all of it is mapped. Its pages are
    /// never freed, so the bytes stay valid.
    fn ramdisk(&self, window: &LinearMap, ramdisk: &RamdiskPages) -> Option<&'static [u8]>;

    /// Calls a module's init function, `extern "C" fn() -> i32`, and returns what it returned. A machine that executes
    /// nothing returns 0.
    fn start_module(&mut self, _init: EntryPoint) -> i32 {
        0
    }

    /// Calls a module's exit function, `extern "C" fn()`.
    fn end_module(&mut self, _exit: EntryPoint) {}

    /// Records where the regions start that can move, before anything is mapped there, so that a fault can be reported with the
    /// region of its address.
    fn note_bases(&mut self, _bases: &Bases) {}

    /// Records a module's addresses, so that a fault there can be reported with its name.
    fn note_module(&mut self, _name: &str, _region: Region) {}

    /// Forgets the addresses of a module.
    fn forget_module(&mut self, _region: Region) {}

    /// Returns how many hypercalls were made so far.
    fn hypercalls(&self) -> u64;

    /// Returns how many of them were refused, not counting `console_io`.
    fn refused(&self) -> u64;

    /// Returns the time stamp counter.
    fn ticks(&self) -> u64;
}
