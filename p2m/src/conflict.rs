//! A use of memory that the machine's memory map forbids.

use core::fmt::{self, Display};

use start_info::{MapRegion, PfnRange};

use crate::Occupant;

/// Something in use that cannot move lies where the machine has no RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{occupant} at {:#x}..{:#x} lies where the machine has {}; {}",
    .pages.start().get() << 12, .pages.end().get() << 12, has(*.obstacle, *.hole), remedy(*.occupant)
)]
pub struct Conflict {
    /// What it is.
    pub occupant: Occupant,
    /// Its pages.
    pub pages: PfnRange,
    /// The pages that are not RAM.
    pub hole: PfnRange,
    /// What the map has there; `None` for a gap.
    pub obstacle: Option<MapRegion>,
}

fn has(obstacle: Option<MapRegion>, hole: PfnRange) -> impl Display {
    fmt::from_fn(move |f| match obstacle {
        Some(region) => region.fmt(f),
        None => write!(f, "no memory, {:#x}..{:#x}", hole.start().get() << 12, hole.end().get() << 12),
    })
}

const fn remedy(occupant: Occupant) -> &'static str {
    match occupant {
        Occupant::Image => "link the kernel elsewhere (xen-guest.ld), or boot it with e820_host=0 as domU",
        Occupant::List => "boot with revector=on",
        // Only in a domU: these pages follow the image.
        _ => "boot with e820_host=0, or link the kernel elsewhere (xen-guest.ld)",
    }
}
