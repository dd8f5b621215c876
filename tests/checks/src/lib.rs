//! Checks of this repository that start no machine, for the lab to use too: host tests in Miri, and the modules that the
//! documentation has its reader build.

pub mod miri;
pub mod outside;
