//! The page that Xen and the toolstack share with the guest.
//!
//! *What this is*: the fields of `struct shared_info` this layer writes, at the offsets of `public/xen.h` and
//! `public/arch-x86/xen.h`.
//!
//! *What must hold*: the toolstack takes a non-zero `p2m_cr3` as "the linear form is valid", so that field goes last; an
//! odd generation says a change is under way.

use core::{
    mem::{offset_of, size_of},
    sync::atomic::{AtomicU64, Ordering},
};

use mmu::FixmapPage;
use xen_sys::{arch_shared_info, shared_info};

use crate::platform::Published;

const ARCH: u64 = offset_of!(shared_info, arch) as u64;
const MAX_PFN: u64 = ARCH + offset_of!(arch_shared_info, max_pfn) as u64;
const FRAME_LIST_LIST: u64 = ARCH + offset_of!(arch_shared_info, pfn_to_mfn_frame_list_list) as u64;
const P2M_CR3: u64 = ARCH + offset_of!(arch_shared_info, p2m_cr3) as u64;
const P2M_VADDR: u64 = ARCH + offset_of!(arch_shared_info, p2m_vaddr) as u64;
const P2M_GENERATION: u64 = ARCH + offset_of!(arch_shared_info, p2m_generation) as u64;

const _: () = assert!(size_of::<shared_info>() == 3136);
const _: () = assert!(MAX_PFN == 0xc10 && FRAME_LIST_LIST == 0xc18);
const _: () = assert!(P2M_CR3 == 0xc28 && P2M_VADDR == 0xc30 && P2M_GENERATION == 0xc38);

/// The mapped page.
#[derive(Debug)]
pub(super) struct SharedInfo {
    page: FixmapPage,
}

impl SharedInfo {
    pub(super) const fn new(page: FixmapPage) -> Self {
        Self { page }
    }

    pub(super) fn publish(&mut self, published: &Published) {
        let generation = self.field(P2M_GENERATION);
        generation.fetch_add(1, Ordering::SeqCst);
        self.field(MAX_PFN).store(published.max_pfn, Ordering::SeqCst);
        self.field(FRAME_LIST_LIST).store(published.frame_list_list, Ordering::SeqCst);
        self.field(P2M_VADDR).store(published.p2m_vaddr.as_u64(), Ordering::SeqCst);
        self.field(P2M_CR3).store(published.p2m_cr3, Ordering::SeqCst);
        generation.fetch_add(1, Ordering::SeqCst);
    }

    fn field(&self, offset: u64) -> &AtomicU64 {
        let pointer = (self.page.address() + offset).as_mut_ptr::<u64>();
        // SAFETY: the fixmap maps a whole page read-write (mmu::fixmap) and keeps it mapped; the offsets above are multiples
        // of 8 inside it; Xen and the tools write the page too, so it is accessed as atomics only.
        unsafe { AtomicU64::from_ptr(pointer) }
    }
}
