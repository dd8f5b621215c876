//! What every page number means: the P2M, and behind its end the machine's memory map.
//!
//! *What this is*: to dom0 a number behind the P2M where the machine has no RAM is the machine frame of that number, such
//! as a device's. The P2M need not reach so far for that.

use p2m::{Memory, P2mEntry, Translate, Tree};
use start_info::{MemoryMap, Pfn};

use crate::boot::context::BootContext;

/// The P2M and the map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct P2mOrIdentity<'r> {
    tree: &'r Tree,
    /// Of the machine: to a domU nothing behind its P2M belongs.
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
