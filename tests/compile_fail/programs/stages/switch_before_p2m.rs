//! The tables are switched when the P2M is ours.
//!
//! On Xen: frame numbers are looked up in the builder's list until then. The new tables leave it out, and the first
//! look-up faults.

use xen_guest::{
    Failure, Platform,
    stage::{Mapped, Switched},
};

pub fn switch(platform: &mut impl Platform, mapped: Mapped) -> Result<Switched, Failure> {
    mapped.build_p2m(platform)?.switch(platform) //~ TWIN
    mapped.switch(platform) //~ FAIL E0599
}
