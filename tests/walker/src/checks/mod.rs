//! The checks, one for each promise.
//!
//! *What this is*: each looks at single mappings or at the whole core, and adds findings. They do not use each other.

pub(crate) mod access;
pub(crate) mod alias;
pub(crate) mod direct_map;
pub(crate) mod image;
pub(crate) mod mfndump;
pub(crate) mod p2m;
pub(crate) mod published;
pub(crate) mod region;
pub(crate) mod tables;
