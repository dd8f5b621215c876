//! Windows: addresses, who has them, and the pages mapped there.

pub(crate) mod mapping;
pub(crate) mod places;
