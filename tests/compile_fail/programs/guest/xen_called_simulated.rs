//! Nobody can say that Xen is a simulated machine.
//!
//! On Xen: as in `guest/looked_into`.

use xen_guest::{Simulated, sys::Xen};

pub trait Mine {}

impl Mine for Xen {} //~ TWIN
impl Simulated for Xen {} //~ FAIL E0117
