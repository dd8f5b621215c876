//! A kernel reserves its addresses before it settles the layout of its boot.
//!
//! On Xen: as in `layout/reserve_after_settle`: tables are built for the layout, and the new region meets one of them.

use mmu::{Error, Region};
use xen_guest::{
    Failure, Platform,
    stage::{Settled, Translated},
};

pub fn reserve_late(
    platform: &mut impl Platform,
    mut translated: Translated,
    mut another: Translated,
    region: Region,
) -> Result<(Result<Settled, Failure>, Translated), Error> {
    translated.reserve(region)?;
    another.reserve(region)?;
    let settled = translated.settle(platform);
    another.reserve(region)?; //~ TWIN
    translated.reserve(region)?; //~ FAIL E0382
    Ok((settled, another))
}
