//! Windows: addresses, who has them, and the pages mapped there.

pub(crate) mod mapping;
pub(crate) mod module;
pub(crate) mod owned;
mod page;
pub(crate) mod payload_map;
pub(crate) mod places;
