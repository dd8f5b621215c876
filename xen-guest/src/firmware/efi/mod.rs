//! EFI, through Xen: facts, time and variables.

pub(crate) mod config_table;
pub(crate) mod facts;
pub(crate) mod guid;
pub(crate) mod status;
pub(crate) mod time;
pub(crate) mod variable;
