//! Memory maps of hosts.

use start_info::MapEntry;
use xen_model::GuestConfig;

pub(crate) const RAM: u32 = 1;
pub(crate) const RESERVED: u32 = 2;

/// The map of a machine with memory up to page `end`, except in the holes.
pub(crate) fn map(end: u64, holes: &[(u64, u64, u32)]) -> Vec<MapEntry> {
    let line = |&(start, end, kind)| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    [(0, end, RAM)].iter().chain(holes).map(line).collect()
}

/// A dom0 of `pages` pages on a host with memory up to page `end`, except in a hole.
pub(crate) fn dom0_beside(pages: u64, end: u64, hole: (u64, u64)) -> GuestConfig {
    GuestConfig { machine_map: map(end, &[(hole.0, hole.1, RESERVED)]), ..GuestConfig::dom0(pages) }
}
