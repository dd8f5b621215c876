//! Machine pages that are not the guest's memory: single ones in the fixmap, and runs of device memory.

pub(crate) mod fixmap;
pub(crate) mod io_map;
pub(crate) mod register;
