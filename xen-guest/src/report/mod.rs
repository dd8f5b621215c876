//! What a boot reports: its stages with their costs, the address space it made, and facts for programs.

pub(crate) mod fact;
pub(crate) mod json;
pub(crate) mod pages;
pub(crate) mod picture;
pub(crate) mod timeline;
