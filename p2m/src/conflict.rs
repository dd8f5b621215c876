//! A use of memory that the machine's memory map forbids.

use core::fmt::{self, Display};

use start_info::{MapRegion, PageCount, PfnRange};

use crate::Occupant;

/// Something in use lies where the machine has no RAM, and cannot leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{occupant} at {:#x}..{:#x} lies where the machine has {}; {}",
    .pages.start().get() << 12, .pages.end().get() << 12, has(*.obstacle, *.hole), remedy(*.occupant, *.without_number)
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
    /// For how many pages that stay in use there is no other number.
    pub without_number: PageCount,
}

fn has(obstacle: Option<MapRegion>, hole: PfnRange) -> impl Display {
    fmt::from_fn(move |f| match obstacle {
        Some(region) => region.fmt(f),
        None => write!(f, "no memory, {:#x}..{:#x}", hole.start().get() << 12, hole.end().get() << 12),
    })
}

fn remedy(occupant: Occupant, without_number: PageCount) -> impl Display {
    fmt::from_fn(move |f| match occupant {
        Occupant::List => f.write_str("boot with revector=on"),
        _ => {
            match without_number.get() {
                1 => f.write_str("1 page that stays in use needs a number")?,
                pages => write!(f, "{pages} pages that stay in use need numbers")?,
            }
            f.write_str(
                " after the guest's last one where the machine has RAM; give the guest less memory, or boot it with \
                 e820_host=0 as domU",
            )
        }
    })
}
