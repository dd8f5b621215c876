//! What every page number means: the P2M, and beyond its end the machine's memory map.
//!
//! *What this is*: for dom0, a number beyond the P2M where the machine has no RAM is the machine frame of the same
//! number, such as a device's. So the P2M need not reach that far.

use p2m::{Memory, P2mEntry, Translate, Tree};
use start_info::{MemoryMap, Pfn};

use crate::boot::context::BootContext;

/// The P2M and the map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct P2mOrIdentity<'r> {
    tree: &'r Tree,
    /// The machine's, for dom0 only: a domU has nothing beyond its P2M.
    map: Option<&'static MemoryMap>,
}

impl<'r> P2mOrIdentity<'r> {
    pub(crate) fn of(tree: &'r Tree, setting: &'r BootContext) -> Self {
        Self { tree, map: setting.map.filter(|_| setting.facts.is_dom0()) }
    }
}

impl Translate for P2mOrIdentity<'_> {
    fn entry(&self, memory: &impl Memory, pfn: Pfn) -> P2mEntry {
        match self.map {
            Some(map) if pfn.get() >= self.tree.pages().get() && !map.is_ram(pfn) => P2mEntry::Identity,
            _ => self.tree.entry(memory, pfn),
        }
    }
}
