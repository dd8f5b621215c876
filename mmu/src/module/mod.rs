//! The module window: who has which addresses, and the pages mapped there.

pub(crate) mod mapping;
pub(crate) mod window;
