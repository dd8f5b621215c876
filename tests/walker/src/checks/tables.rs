//! No table is writable.
//!
//! *What must hold*: only Xen stores to a live table or to a descriptor table. Xen counts the RW bit of the L1 entry
//! alone, whatever the levels above allow (mm.c, get_page_from_l1e), and so does this check.

use crate::{
    Finding, WalkedLeaf,
    report::{Findings, View},
};

pub(crate) fn check(view: &View<'_>, leaf: &WalkedLeaf, found: &mut Findings) {
    if !leaf.slot.entry.is_writable() {
        return;
    }
    if let Some(table) = view.tables.level(leaf.mfn) {
        found.push(Finding::WritableTable { leaf: *leaf, table });
    }
    if view.core.vcpus().iter().any(|vcpu| vcpu.gdt.contains(&leaf.mfn)) {
        found.push(Finding::WritableGdt { leaf: *leaf });
    }
}
