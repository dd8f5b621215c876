//! Where each region of the address space starts.
//!
//! *What this is*: the constants of the layout, and what is drawn at boot as values: [`KernelMap`], [`Bases`]. `__va` (direct
//! map) and `__ka` (kernel image) are two offsets that lead to the same page.
//!
//! *What must hold*: [`crate::LayoutPlan`] reserves all of them, so no two meet and none touches Xen's hole.

pub(crate) mod bases;
pub(crate) mod kernel_map;
pub(crate) mod plan;
pub(crate) mod region;

use start_info::{Index, PAGE_SIZE, PageCount};
use x86_64::VirtAddr;

pub use bases::Bases;
pub use kernel_map::KernelMap;

/// The first address the direct map can start at, where Xen's hole ends (`xen.h`, HYPERVISOR_VIRT_END).
const DIRECT_MAP: VirtAddr = VirtAddr::new(0xffff_8800_0000_0000);
/// Where the domain builder maps page 0: the note VIRT_BASE. Where we map the image is [`KernelMap`]'s to say.
pub const KERNEL_MAP: VirtAddr = VirtAddr::new(0xffff_ffff_8000_0000);
/// Where the domain builder puts its list for a kernel with the INIT_P2M note: a top-level slot of its own, below
/// VIRT_BASE.
pub const INIT_P2M: VirtAddr = VirtAddr::new(0xffff_c800_0000_0000);
/// The first address at which our own P2M leaves can be mapped, one after the other. They start on a 1 GiB boundary, because
/// otherwise the toolstack cuts the list short.
const LINEAR_P2M: VirtAddr = VirtAddr::new(0xffff_c900_0000_0000);
/// The first address at which device memory can be mapped. The region is empty until something is mapped.
const IO_MAP: VirtAddr = VirtAddr::new(0xffff_ca00_0000_0000);
/// How many pages of addresses device memory has: 512 GiB.
pub const IO_MAP_PAGES: PageCount = PageCount::new(1 << 27);
/// The first address at which a payload's own pages can be mapped once more. The region is empty until something is mapped.
const PAYLOAD: VirtAddr = VirtAddr::new(0xffff_cb00_0000_0000);
/// How many pages of addresses the payload has: 512 GiB.
pub const PAYLOAD_PAGES: PageCount = PageCount::new(1 << 27);
/// Where the last of the parts ends that regions are drawn in.
const DRAWN_END: VirtAddr = VirtAddr::new(0xffff_cc00_0000_0000);
/// Where the module window starts.
pub const MODULES: VirtAddr = VirtAddr::new(0xffff_ffff_a000_0000);
/// How many pages the module window has: up to the fixmap.
pub(crate) const MODULES_PAGES: PageCount = PageCount::new((FIXMAP.as_u64() - MODULES.as_u64()) / PAGE_SIZE);
/// Where the fixmap starts, and the module window ends.
pub const FIXMAP: VirtAddr = VirtAddr::new(0xffff_ffff_ff00_0000);
/// How many pages the fixmap has: one L1 table.
pub(crate) const FIXMAP_PAGES: PageCount = PageCount::new(512);

/// Where Xen's hole starts (`xen.h`, HYPERVISOR_VIRT_START).
pub(crate) const HOLE: VirtAddr = VirtAddr::new(0xffff_8000_0000_0000);
/// How many pages of addresses the hole has.
pub(crate) const HOLE_PAGES: PageCount = PageCount::new((DIRECT_MAP.as_u64() - HOLE.as_u64()) / PAGE_SIZE);

/// Tells whether an entry of a top-level table is Xen's.
#[must_use]
pub const fn is_xen_slot(index: Index) -> bool {
    matches!(index.get(), 256..=271)
}
