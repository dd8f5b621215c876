//! What every stage of the boot carries along.

use start_info::{BootFacts, MemoryMap};

use crate::{
    boot::{image::Image, options::Options},
    report::timeline::Timeline,
};

/// What every stage carries along.
#[derive(Debug)]
pub struct BootContext {
    /// The checked start_info.
    pub facts: BootFacts,
    /// The memory map that Xen or the toolstack gave, if there is one.
    pub map: Option<&'static MemoryMap>,
    /// The parts of the kernel image.
    pub image: Image,
    /// What the command line asks for.
    pub options: Options,
    /// What the stages cost.
    pub report: Timeline,
}
