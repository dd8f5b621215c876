//! What the kernel lends to modules.
//!
//! *What this is*: a name and an address for each function a module may call. The kernel keeps a `static` slice of
//! them, made by [`export!`](crate::export).
//!
//! *What must hold*: each name is the function's own, so that a module written in C finds it; each function has a C ABI
//! and is safe to call with any arguments its documentation allows.
//!
//! *What is not prevented*: a module that declares another signature. Names carry no types.

use alloc::vec::Vec;

use x86_64::VirtAddr;

use crate::module::error::ModuleError;

/// A function of the kernel that modules may call.
#[derive(Debug, Clone, Copy)]
pub struct Export {
    name: &'static str,
    // A closure, because a function's address is not constant before linking.
    address: fn() -> VirtAddr,
}

impl Export {
    /// Makes an export; [`export!`](crate::export) takes name and address from one identifier and is the better choice.
    #[must_use]
    pub const fn new(name: &'static str, address: fn() -> VirtAddr) -> Self {
        Self { name, address }
    }

    /// Returns a function's address as a number; code always lies at a canonical address.
    #[must_use]
    pub fn locate(function: *const ()) -> VirtAddr {
        VirtAddr::new_truncate(function as u64)
    }

    #[cfg(test)]
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns where it is.
    #[must_use]
    pub(crate) fn address(&self) -> VirtAddr {
        (self.address)()
    }
}

/// Makes an [export](crate::module::Export) from a function's identifier, so that name and address cannot disagree.
#[macro_export]
macro_rules! export {
    ($function:ident) => {
        $crate::module::Export::new(stringify!($function), || {
            $crate::module::Export::locate($function as *const ())
        })
    };
}

/// What a kernel lends, searchable by name: both a module and a kernel may have many symbols.
#[derive(Debug)]
pub(crate) struct Lent<'k>(Vec<(usize, &'k Export)>);

impl<'k> Lent<'k> {
    /// Sorts the exports. If several have the same name, the first one counts, in the order of the lists and within
    /// each.
    ///
    /// # Errors
    /// [`ModuleError::NoMemory`].
    pub(crate) fn new(lists: &[&'k [Export]]) -> Result<Self, ModuleError> {
        let mut sorted: Vec<(usize, &Export)> = Vec::new();
        let entries = lists.iter().map(|list| list.len()).sum();
        sorted.try_reserve_exact(entries).map_err(|_| ModuleError::NoMemory { entries })?;
        sorted.extend(lists.iter().copied().flatten().enumerate());
        sorted.sort_unstable_by_key(|&(rank, export)| (export.name, rank));
        sorted.dedup_by_key(|(_, export)| export.name);
        Ok(Self(sorted))
    }

    /// Returns the address of the export of that name.
    pub(crate) fn find(&self, name: &str) -> Option<VirtAddr> {
        let rank = self.0.binary_search_by(|(_, export)| export.name.cmp(name)).ok()?;
        self.0.get(rank).map(|(_, export)| export.address())
    }
}
