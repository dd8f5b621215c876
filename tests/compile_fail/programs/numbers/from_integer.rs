//! An integer becomes a frame number by a constructor that says which kind and checks it.
//!
//! On Xen: `into()` would take whatever number is at hand, an MFN for a PFN among them; see `numbers/pfn_for_mfn`.

use start_info::Pfn;

pub fn third() -> Pfn {
    Pfn::new(3) //~ TWIN
    Pfn::from(3) //~ FAIL E0308
}
