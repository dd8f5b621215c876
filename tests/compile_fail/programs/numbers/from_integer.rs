//! An integer becomes a frame number only by a constructor that names the kind and checks it.
//!
//! On Xen: `into()` would take any number, even an MFN for a PFN; see `numbers/pfn_for_mfn`.

use start_info::Pfn;

pub fn third() -> Pfn {
    Pfn::new(3) //~ TWIN
    Pfn::from(3) //~ FAIL E0308
}
