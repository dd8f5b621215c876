//! What the pages of a placed module hold.
//!
//! *What this is*: copies and patches of a plan, both in ascending order, so pages are built one by one: besides the
//! module's own pages, no memory for the whole module is needed.
//!
//! *What must hold*: copies do not overlap (the plan places sections so). Patches do not overlap either, which is
//! checked here. So the order in which a page gets them does not matter.

use alloc::vec::Vec;

use start_info::PAGE_SIZE;

use crate::module::{
    error::ModuleError,
    plan::{Patch, Plan},
};

/// A module's bytes at the address it was resolved for.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    copies: Vec<(u64, &'a [u8])>,
    patches: Vec<Patch>,
}

impl<'a> Content<'a> {
    pub(super) fn new(plan: &Plan<'a>, mut patches: Vec<Patch>) -> Result<Self, ModuleError> {
        let entries = plan.copies().count();
        let mut copies = Vec::new();
        copies.try_reserve_exact(entries).map_err(|_| ModuleError::NoMemory { entries })?;
        copies.extend(plan.copies());
        copies.sort_unstable_by_key(|(offset, _)| *offset);
        patches.sort_unstable_by_key(Patch::offset);
        for (before, after) in patches.iter().zip(patches.iter().skip(1)) {
            if end(before) > after.offset() {
                return Err(ModuleError::PatchesMeet { offset: after.offset() });
            }
        }
        Ok(Self { copies, patches })
    }

    /// Writes the page after the first `before` pages; tells whether it has anything but zeros.
    #[must_use]
    pub(crate) fn write(&self, before: u64, page: &mut [u8; PAGE_SIZE as usize]) -> bool {
        page.fill(0);
        let start = before * PAGE_SIZE;
        let behind = start + PAGE_SIZE;
        let first = self.copies.partition_point(|(offset, bytes)| offset + bytes.len() as u64 <= start);
        let copies = self.copies.iter().skip(first).take_while(|(offset, _)| *offset < behind);
        let first = self.patches.partition_point(|patch| end(patch) <= start);
        let patches = self.patches.iter().skip(first).take_while(|patch| patch.offset() < behind);
        let mut any = false;
        for (offset, bytes) in copies.copied().chain(patches.map(|patch| (patch.offset(), patch.bytes()))) {
            overlay(page, start, offset, bytes);
            any = true;
        }
        any
    }

    /// Returns what the relocations store, in ascending order.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn patches(&self) -> &[Patch] {
        &self.patches
    }
}

fn end(patch: &Patch) -> u64 {
    patch.offset() + patch.bytes().len() as u64
}

/// Writes the bytes for `offset` that lie in the page starting at `start`.
fn overlay(page: &mut [u8; PAGE_SIZE as usize], start: u64, offset: u64, bytes: &[u8]) {
    let skipped = start.saturating_sub(offset) as usize;
    let at = offset.saturating_sub(start) as usize;
    let (Some(target), Some(source)) = (page.get_mut(at..), bytes.get(skipped..)) else { return };
    let len = target.len().min(source.len());
    if let (Some(target), Some(source)) = (target.get_mut(..len), source.get(..len)) {
        target.copy_from_slice(source);
    }
}
