//! The stages of the boot, one struct each.
//!
//! *What this is*: a stage owns what is valid at its time and nothing else; a transition consumes it and makes the next.
//! [`crate::boot()`] is the chain.

mod arranged;
mod make_way;
mod mapped;
mod numbers;
mod parsed;
mod running;
mod settled;
mod switched;
mod translated;
mod with_p2m;

use start_info::{BootFacts, MemoryMap};

pub(crate) use numbers::Numbers;
pub(crate) use parsed::Parsed;
pub use running::Running;

use crate::{image::Image, options::Options, report::Report};

/// What every stage carries along.
#[derive(Debug)]
pub struct Setting {
    /// The checked start_info.
    pub facts: BootFacts,
    /// The memory map that Xen or the toolstack gave, if there is one.
    pub map: Option<&'static MemoryMap>,
    /// The parts of the kernel image.
    pub image: Image,
    /// What the command line asks for.
    pub options: Options,
    /// What the stages cost.
    pub report: Report,
}
