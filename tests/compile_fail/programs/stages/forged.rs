//! A boot is begun by reading start_info.
//!
//! On Xen: a boot begun in another way may be a second one. It takes the tables in use for the builder's, and gives out
//! memory that has an owner.

use p2m::Authority;
use start_info::Entry;
use xen_guest::{Failure, Image, Platform, Setting, stage::Parsed};

pub fn parsed(
    platform: &mut impl Platform,
    page: &[u8; 4096],
    entry: &Entry,
    image: &Image,
    setting: Setting,
    authority: Authority,
) -> Result<Parsed, Failure> {
    Parsed::read(platform, page, entry, image) //~ TWIN
    Ok(Parsed { setting, authority }) //~ FAIL E0451
}
