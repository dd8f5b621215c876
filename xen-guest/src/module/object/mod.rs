//! Reading one object: its header, what it says of itself, its sections, symbols and relocations.

pub(crate) mod elf;
pub(crate) mod info;
pub(crate) mod part_kind;
pub(crate) mod relocation;
pub(crate) mod relocation_kind;
pub(crate) mod section;
pub(crate) mod symbol;
