//! What every stage of the boot passes on.

use start_info::{BootFacts, MemoryMap};

use crate::{
    boot::{image::Image, options::Options},
    report::timeline::Timeline,
};

/// What every stage passes on.
#[derive(Debug)]
pub struct BootContext {
    /// The checked start_info.
    pub facts: BootFacts,
    /// The memory map from Xen or the toolstack, if there is one.
    pub map: Option<&'static MemoryMap>,
    /// The parts of the kernel image.
    pub image: Image,
    /// What the command line asks for.
    pub options: Options,
    /// What the stages cost.
    pub report: Timeline,
}
