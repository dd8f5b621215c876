//! Checks of this repository that start no machine and that the lab uses too: host tests in Miri, the combinations of
//! features, the packages that are published, and the modules that the documentation tells its reader to build.

pub mod features;
pub mod miri;
pub mod outside;
pub mod packages;
