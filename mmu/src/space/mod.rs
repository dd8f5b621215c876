//! Address spaces: the builder's, ours, and the switch from one to the other.

pub(crate) mod address_space;
pub(crate) mod address_space_builder;
pub(crate) mod build;
pub(crate) mod builder_p2m;
pub(crate) mod builder_tables;
pub(crate) mod live_tables;
pub(crate) mod lookup;
pub(crate) mod release;
pub(crate) mod released_mfn;
pub(crate) mod renumber;
pub(crate) mod roots;
pub(crate) mod rung;
pub(crate) mod slide;
pub(crate) mod table_note;
pub(crate) mod table_source;
