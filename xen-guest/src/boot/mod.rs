//! The boot from end to end: one stage after the other.
//!
//! *What this is*: the chain of stages, one struct each. A stage owns what is valid at that point and nothing else; a
//! transition consumes it and makes the next.

mod clear_holes;
pub(crate) mod context;
#[cfg_attr(
    not(any(target_os = "none", test)),
    expect(dead_code, reason = "used at the entry point, which a host build lacks")
)]
pub(crate) mod demands;
pub(crate) mod failure;
pub(crate) mod image;
pub(crate) mod kaslr;
mod mapped;
pub(crate) mod options;
pub(crate) mod p2m_or_identity;
mod parsed;
pub(crate) mod refusal;
mod renumbered;
pub(crate) mod rings;
pub(crate) mod running;
mod settled;
pub(crate) mod stage;
mod switched;
mod translated;
#[cfg_attr(
    not(any(target_os = "none", test)),
    expect(dead_code, reason = "used at the entry point, which a host build lacks")
)]
pub(crate) mod weak;
mod with_p2m;

use start_info::KernelEntry;

use crate::{
    boot::{failure::Failure, image::Image, parsed::Parsed, running::Running},
    guest::Guest,
    platform::Platform,
    report::pages::AfterBoot,
};

/// Boots: reads start_info, builds the P2M and the page tables, and gives back what the builder left.
///
/// At the end events are let through.
///
/// `page` is a copy of start_info, `entry` what the kernel knows of itself, `image` its parts.
///
/// # Errors
/// [`Failure`], which prints as one line, and the platform to print it on. Nothing is left half-done that Xen would
/// object to.
pub fn boot<P: Platform>(
    mut platform: P,
    page: &[u8; 4096],
    entry: &KernelEntry,
    image: &Image,
) -> Result<Guest<P>, (P, Failure)> {
    match stages(&mut platform, page, entry, image) {
        Ok(parts) => {
            if parts.context.options.json {
                log::info!("{}", AfterBoot { platform: &platform, running: &parts });
            }
            platform.unmask_events();
            Ok(Guest::new(platform, parts))
        }
        Err(failure) => Err((platform, failure)),
    }
}

fn stages<P: Platform>(
    platform: &mut P,
    page: &[u8; 4096],
    entry: &KernelEntry,
    image: &Image,
) -> Result<Running, Failure> {
    Parsed::read(platform, page, entry, image)?
        .translate(platform)?
        .renumber(platform)?
        .settle(platform)?
        .map_memory(platform)?
        .build_p2m(platform)?
        .switch(platform)?
        .publish(platform)
}
