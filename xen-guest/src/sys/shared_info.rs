//! The page that Xen and the toolstack share with the guest.
//!
//! *What this is*: the fields of `struct shared_info` this layer writes, and the words of events and time in it.
//!
//! *What must hold*: the toolstack takes a non-zero `p2m_cr3` as "the linear form is valid", so that field is written
//! last; an odd generation says that a change is in progress.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use x86_64::VirtAddr;

use crate::{
    platform::Published,
    sys::{
        abi::{FRAME_LIST_LIST, MAX_PFN, P2M_CR3, P2M_GENERATION, P2M_VADDR, PENDING, PENDING_WORDS},
        pointer,
    },
};

/// The mapped page, by its address. Whoever has one may use its words, of which each has its own rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedInfo(VirtAddr);

impl SharedInfo {
    #[cfg(target_os = "none")]
    pub(super) const fn new(page: &mmu::FixmapPage) -> Self {
        Self(page.address())
    }

    pub(super) fn publish(&mut self, published: &Published) {
        let generation = self.field(P2M_GENERATION).load(Ordering::SeqCst);
        for (offset, value) in stores(generation, published) {
            self.field(offset).store(value, Ordering::SeqCst);
        }
    }

    /// Tells whether an event channel was notified since the last call.
    #[cfg_attr(not(target_os = "none"), expect(dead_code, reason = "a host has no event channels"))]
    pub(super) fn take_pending(&mut self, port: u32) -> bool {
        let (word, bit) = (u64::from(port / 64) % PENDING_WORDS, 1_u64 << (port % 64));
        self.field(PENDING + word * 8).fetch_and(!bit, Ordering::SeqCst) & bit != 0
    }

    /// Returns the address of the page.
    #[cfg(target_os = "none")]
    pub(super) const fn address(self) -> VirtAddr {
        self.0
    }

    /// Returns the page at an address.
    pub(super) const fn at(address: VirtAddr) -> Self {
        Self(address)
    }

    pub(super) fn byte(&self, offset: u64) -> &AtomicU8 {
        let pointer = pointer::to_mut::<u8>(self.0).wrapping_byte_add(offset as usize);
        // SAFETY: as for `field`; any byte will do.
        unsafe { AtomicU8::from_ptr(pointer) }
    }

    pub(super) fn half(&self, offset: u64) -> &AtomicU32 {
        let pointer = pointer::to_mut::<u32>(self.0).wrapping_byte_add(offset as usize);
        // SAFETY: as for `field`; the offsets are multiples of 4.
        unsafe { AtomicU32::from_ptr(pointer) }
    }

    pub(super) fn field(&self, offset: u64) -> &AtomicU64 {
        let pointer = pointer::to_mut::<u64>(self.0).wrapping_byte_add(offset as usize);
        // SAFETY: the fixmap maps a whole page read-write (mmu::fixmap) and keeps it mapped; the offsets of `abi` are
        // multiples of 8 inside it; Xen and the tools write the page too, so it is accessed as atomics only.
        unsafe { AtomicU64::from_ptr(pointer) }
    }
}

/// What is stored where, in this order.
const fn stores(generation: u64, published: &Published) -> [(u64, u64); 6] {
    [
        (P2M_GENERATION, generation.wrapping_add(1)),
        (MAX_PFN, published.max_pfn),
        (FRAME_LIST_LIST, published.frame_list_list),
        (P2M_VADDR, published.p2m_vaddr.as_u64()),
        (P2M_CR3, published.p2m_cr3),
        (P2M_GENERATION, generation.wrapping_add(2)),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::thread;

    use x86_64::VirtAddr;

    use super::{SharedInfo, stores};
    use crate::platform::Published;
    use crate::sys::buffer::Buffer;

    // By number, as in `public/xen.h`, because this tests the constants of `abi`.
    const MAX_PFN: u64 = 0xc10;
    const LIST: u64 = 0xc18;
    const CR3: u64 = 0xc28;
    const ADDRESS: u64 = 0xc30;
    const GENERATION: u64 = 0xc38;

    /// What all four fields of one publication are made from.
    fn published(number: u64) -> Published {
        Published {
            max_pfn: number,
            frame_list_list: number << 8,
            p2m_cr3: number << 12,
            p2m_vaddr: VirtAddr::new(0xffff_c900_0000_0000 + (number << 30)),
        }
    }

    #[test]
    fn the_generation_is_odd_from_before_the_first_field_to_behind_the_last() {
        for generation in [0, 6, u64::MAX - 1] {
            let stores = stores(generation, &published(1));
            let first = stores.first().unwrap();
            assert_eq!((first.0, first.1 % 2), (GENERATION, 1));
            assert_eq!(stores[1..5].iter().filter(|(offset, _)| *offset == GENERATION).count(), 0);
            assert_eq!(stores[4].0, CR3, "a non-zero p2m_cr3 says that the rest is there");
            assert_eq!(stores[5], (GENERATION, generation.wrapping_add(2)));
        }
    }

    #[test]
    fn every_field_is_where_the_toolstack_looks_for_it_and_nothing_else_is_touched() {
        let buffer = Buffer::new(1);
        for offset in (0..4096).step_by(8) {
            buffer.word(offset).store(!offset, Ordering::SeqCst);
        }
        buffer.word(GENERATION).store(4, Ordering::SeqCst);
        SharedInfo(buffer.address()).publish(&published(9));
        for offset in (0..4096).step_by(8) {
            let expected = match offset {
                MAX_PFN => 9,
                LIST => 0x900,
                CR3 => 0x9000,
                ADDRESS => 0xffff_c902_4000_0000,
                GENERATION => 6,
                _ => !offset,
            };
            assert_eq!(buffer.word(offset).load(Ordering::SeqCst), expected, "{offset:#x}");
        }
    }

    #[test]
    fn who_reads_meanwhile_sees_one_publication_or_an_odd_generation() {
        const LAST: u64 = 20;
        let buffer = Buffer::new(1);
        let mut shared_info = SharedInfo(buffer.address());
        thread::scope(|scope| {
            scope.spawn(|| {
                let read = |offset| buffer.word(offset).load(Ordering::SeqCst);
                loop {
                    let before = read(GENERATION);
                    let seen = [MAX_PFN, LIST, CR3, ADDRESS].map(read);
                    // As `public/arch-x86/xen.h` tells the toolstack to: valid if even, and the same before and after.
                    if before.is_multiple_of(2) && before > 0 && read(GENERATION) == before {
                        let Published { max_pfn, frame_list_list, p2m_cr3, p2m_vaddr } =
                            published(before / 2);
                        assert_eq!(seen, [max_pfn, frame_list_list, p2m_cr3, p2m_vaddr.as_u64()]);
                    }
                    if before == 2 * LAST {
                        break;
                    }
                    thread::yield_now();
                }
            });
            for number in 1..=LAST {
                shared_info.publish(&published(number));
                thread::yield_now();
            }
        });
    }
}
