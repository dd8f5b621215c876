//! Pointers made from addresses.
//!
//! *What this is*: the one place of the layer where an address becomes a pointer to data. Memory is known here by its
//! address: page tables put it there, and no Rust allocation ever gave a pointer to it. Such a pointer has *exposed*
//! provenance, in the words of `core::ptr`: it may reach what anybody has exposed, and what was never Rust's.
//!
//! *What must hold*: the caller answers for what is mapped at the address; a pointer by itself is never unsound.
//!
//! *What is not prevented*: an address that lies in somebody else's exposed memory. Miri then knows that there is
//! memory, but not whose; so the tests check the bytes next to those that may be accessed.

use x86_64::VirtAddr;

/// Returns a pointer for reading.
pub(super) const fn to<T>(address: VirtAddr) -> *const T {
    core::ptr::with_exposed_provenance(address.as_u64() as usize)
}

/// Returns a pointer for reading and writing.
pub(super) const fn to_mut<T>(address: VirtAddr) -> *mut T {
    core::ptr::with_exposed_provenance_mut(address.as_u64() as usize)
}
