//! The boot from end to end: one stage after the other.
//!
//! *What this is*: the chain of stages, each of which consumes the one before.

use mmu::layout::KERNEL_MAP;
use start_info::{Entry, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{
    failure::Failure,
    guest::Guest,
    image::Image,
    platform::Platform,
    stage::{Parsed, Running},
};

/// Boots: reads start_info, builds the P2M and the page tables, and gives back what the builder left.
///
/// `page` is a copy of start_info, `entry` what the kernel knows by itself, `image` its parts.
///
/// # Errors
/// [`Failure`], in one line, with nothing half-done that Xen would mind; and the platform, to say so.
pub fn boot<P: Platform>(
    mut platform: P,
    page: &[u8; 4096],
    entry: &Entry,
    image: &Image,
) -> Result<Guest<P>, (P, Failure)> {
    match stages(&mut platform, page, entry, image) {
        Ok(parts) => Ok(Guest::new(platform, parts)),
        Err(failure) => Err((platform, failure)),
    }
}

fn stages<P: Platform>(
    platform: &mut P,
    page: &[u8; 4096],
    entry: &Entry,
    image: &Image,
) -> Result<Running, Failure> {
    Parsed::read(platform, page, entry, image)?
        .translate(platform)?
        .arrange(platform)?
        .settle(platform)?
        .map_memory(platform)?
        .build_p2m(platform)?
        .switch(platform)?
        .arm(platform)
}

/// Returns the `__ka` address of a page of the image.
#[must_use]
pub fn image_address(pfn: u64) -> VirtAddr {
    VirtAddr::new_truncate(KERNEL_MAP.as_u64().wrapping_add(pfn.wrapping_mul(PAGE_SIZE)))
}
