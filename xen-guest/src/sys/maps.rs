//! The memory maps that were read.
//!
//! *What must hold*: a map is kept for good, and is returned only for the kind it was read for.

use spin::Once;
use start_info::MemoryMap;

use crate::platform::MapOf;

/// One map of each kind.
pub(super) struct Maps {
    machine: Once<MemoryMap>,
    domain: Once<MemoryMap>,
}

impl Maps {
    pub(super) const fn new() -> Self {
        Self { machine: Once::new(), domain: Once::new() }
    }

    /// Returns a map that was read before.
    pub(super) fn get(&self, of: MapOf) -> Option<&MemoryMap> {
        self.kept(of).get()
    }

    /// Keeps the map that `read` returns, unless one of that kind was kept before.
    ///
    /// # Errors
    /// The errors of `read`; then nothing is kept.
    pub(super) fn keep<E>(
        &self,
        of: MapOf,
        read: impl FnOnce() -> Result<MemoryMap, E>,
    ) -> Result<&MemoryMap, E> {
        self.kept(of).try_call_once(read)
    }

    const fn kept(&self, of: MapOf) -> &Once<MemoryMap> {
        match of {
            MapOf::Machine => &self.machine,
            MapOf::Domain => &self.domain,
        }
    }
}

#[cfg(test)]
mod tests {
    use start_info::{MapEntry, MapError, MemoryMap, Pfn, PfnRange};

    use super::Maps;
    use crate::platform::MapOf;

    fn map(pages: u64) -> Result<MemoryMap, MapError> {
        MemoryMap::from_entries([MapEntry { start: 0, len: pages << 12, kind: 1 }].into_iter())
    }

    #[test]
    fn each_kind_has_its_own_map_whichever_was_asked_for_first() {
        for [first, second] in [[MapOf::Machine, MapOf::Domain], [MapOf::Domain, MapOf::Machine]] {
            let maps = Maps::new();
            assert!(maps.get(first).is_none());
            assert_eq!(maps.keep(first, || map(0)), Err(MapError::NoRam));
            assert!(maps.get(first).is_none(), "what was not read is not kept");
            maps.keep(first, || map(3)).unwrap();
            maps.keep(second, || map(5)).unwrap();
            // What is kept stays.
            maps.keep(first, || map(7)).unwrap();
            let end = |of| maps.get(of).unwrap().ram().map(PfnRange::end).next();
            assert_eq!((end(first), end(second)), (Some(Pfn::new(3)), Some(Pfn::new(5))));
        }
    }
}
