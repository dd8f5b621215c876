//! A few pages of the host's memory that stand for the guest's in tests.
//!
//! *What this is*: page-aligned words, shared with the code under test by their address, as the guest's memory is.
//!
//! *What must hold*: there is no byte beyond the requested pages, so that Miri detects an access outside them. Words
//! are atomics, because both sides of a test use them; nobody borrows them mutably.

use std::sync::atomic::AtomicU64;
use std::vec::Vec;

use p2m::{Authority, Frame, LinearMap, SharedPage};
use start_info::{PageCount, Pfn};
use x86_64::VirtAddr;

#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "reached by address, see `Buffer::word`")] [AtomicU64; 512]);

/// The pages. A vector and not a box: moving a box would invalidate the pointers made from their address.
pub(super) struct Buffer(Vec<Page>);

impl Buffer {
    /// Makes that many pages of zeros.
    pub(super) fn new(pages: usize) -> Self {
        Self((0..pages).map(|_| Page([const { AtomicU64::new(0) }; 512])).collect())
    }

    /// Returns the address of the pages; from then on they are also accessed by address.
    pub(super) fn address(&self) -> VirtAddr {
        VirtAddr::new(self.0.as_ptr().expose_provenance() as u64)
    }

    /// The pages as a mapping of the guest's first frames.
    pub(super) fn window(&self) -> LinearMap {
        let pages = PageCount::new(self.0.len() as u64);
        LinearMap::of_builder(&Authority::take().unwrap(), self.address(), pages)
    }

    /// A page as one shared with another domain.
    pub(super) fn shared_page(&self, number: u64) -> SharedPage {
        self.window().shared_page(&Authority::take().unwrap(), Pfn::new(number)).unwrap()
    }

    /// A page as a frame of its own.
    pub(super) fn frame(&self, number: u64) -> Frame {
        let window = self.window();
        window.reclaim(&Authority::take().unwrap(), Pfn::new(number)).unwrap()
    }

    /// The aligned word at an offset.
    pub(super) fn word(&self, offset: u64) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8));
        let pointer = self.pointer(offset, 8).cast::<AtomicU64>();
        // SAFETY: the word lies in the pages, as `pointer` checks; they are words of this type, and borrowed as long as
        // it.
        unsafe { &*pointer }
    }

    /// The 32 bits at an offset.
    pub(super) fn half(&self, offset: u64) -> u32 {
        let mut half = [0; 4];
        half.copy_from_slice(&self.bytes(offset, 4));
        u32::from_le_bytes(half)
    }

    /// Stores 32 bits at an offset.
    pub(super) fn set_half(&self, offset: u64, value: u32) {
        self.set_bytes(offset, &value.to_le_bytes());
    }

    /// The bytes from an offset on.
    pub(super) fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = std::vec![0; len];
        let from = self.pointer(offset, len);
        // SAFETY: the bytes lie in the pages, as `pointer` checks, and no other thread writes them: tests with two
        // threads use `word`. The vector has as many.
        unsafe { from.copy_to_nonoverlapping(bytes.as_mut_ptr(), len) };
        bytes
    }

    /// Stores bytes from an offset on.
    pub(super) fn set_bytes(&self, offset: u64, bytes: &[u8]) {
        let to = self.pointer(offset, bytes.len());
        // SAFETY: as for `bytes`; the pages are made of atomics, which a shared reference may write.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// A pointer to `len` bytes of the pages. Not by index: a reference to all pages costs Miri a step for each word.
    fn pointer(&self, offset: u64, len: usize) -> *mut u8 {
        assert!(offset as usize + len <= self.0.len() * size_of::<Page>());
        self.0.as_ptr().cast::<u8>().cast_mut().wrapping_add(offset as usize)
    }
}
