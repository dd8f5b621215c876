//! Machine pages that are no memory of the guest: a few for a moment or at a fixed address, and runs of them for as
//! long as wanted.

pub(crate) mod fixmap;
pub(crate) mod io_map;
