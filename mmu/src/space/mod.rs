//! Address spaces: the builder's, which is found, ours, which is built, and the way from one to the other.

pub(crate) mod address_space;
pub(crate) mod arrange;
pub(crate) mod build;
pub(crate) mod builder_tables;
pub(crate) mod discard;
pub(crate) mod ladder;
pub(crate) mod old_list;
pub(crate) mod release;
pub(crate) mod roots;
pub(crate) mod rung;
pub(crate) mod table_note;
pub(crate) mod table_source;
pub(crate) mod view;
