//! A retired address space cannot be entered.
//!
//! On Xen: its top-level table is an ordinary page that now has another owner.

use mmu::{AddressSpace, MmuError};
use xen_guest::{Guest, Platform};

pub fn enter<P: Platform>(guest: &mut Guest<P>, space: AddressSpace, other: &AddressSpace) -> Result<(), MmuError> {
    let _refused = guest.retire_space(space);
    guest.enter_space(Some(other)) //~ TWIN
    guest.enter_space(Some(&space)) //~ FAIL E0382
}
