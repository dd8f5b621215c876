//! A kernel reserves its addresses before it settles the layout of its boot.
//!
//! On Xen: as in `layout/reserve_after_settle`: tables are built for the layout, and the new region meets one of them.

use mmu::{Error, Region};
use xen_guest::{
    Failure, Platform,
    stage::{Arranged, Settled},
};

pub fn reserve_late(
    platform: &mut impl Platform,
    mut arranged: Arranged,
    mut another: Arranged,
    region: Region,
) -> Result<(Result<Settled, Failure>, Arranged), Error> {
    arranged.reserve(region)?;
    another.reserve(region)?;
    let settled = arranged.settle(platform);
    another.reserve(region)?; //~ TWIN
    arranged.reserve(region)?; //~ FAIL E0382
    Ok((settled, another))
}
