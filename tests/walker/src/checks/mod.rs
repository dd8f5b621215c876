//! The checks, one promise each.
//!
//! *What this is*: each looks at single mappings, or at the core as a whole, and pushes findings. None knows of another.

pub(crate) mod access;
pub(crate) mod alias;
pub(crate) mod direct_map;
pub(crate) mod image;
pub(crate) mod mfndump;
pub(crate) mod p2m;
pub(crate) mod published;
pub(crate) mod region;
pub(crate) mod tables;
