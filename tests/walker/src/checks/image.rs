//! Every page of the image is mapped as its segment says.
//!
//! *What must hold*: the image was moved as a whole, or is where it was linked, so the PFN follows from the address,
//! unless the machine has no RAM for that number. Pages of code are readable and executable, of constants readable, of
//! data readable and writable, each by all four levels together. Guard pages may be absent; between segments nothing is
//! mapped.

use std::collections::BTreeSet;

use start_info::{Mfn, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{
    Finding, KernelAccess, WalkedLeaf, WalkedRegion,
    report::{Findings, View},
};

/// The pages of the image seen so far.
#[derive(Debug)]
pub(crate) struct Image<'v> {
    view: &'v View<'v>,
    seen: Vec<bool>,
    /// The frames of pages whose numbers by their addresses are no RAM.
    renumbered: BTreeSet<Mfn>,
}

impl<'v> Image<'v> {
    pub(crate) fn new(view: &'v View<'v>) -> Self {
        let image = &view.expected.image;
        let pages = image.end.as_u64().saturating_sub(image.start.as_u64()) / PAGE_SIZE;
        Self { view, seen: vec![false; pages as usize], renumbered: BTreeSet::new() }
    }

    pub(crate) fn check(&mut self, leaf: &WalkedLeaf, region: WalkedRegion, found: &mut Findings) {
        if region != WalkedRegion::Image {
            return;
        }
        let va = leaf.slot.va;
        let page = (va.as_u64() - self.view.expected.image.start.as_u64()) / PAGE_SIZE;
        if let Some(seen) = self.seen.get_mut(page as usize) {
            *seen = true;
        }
        let Some(expected) = self.view.kernel.access(self.linked(va)) else {
            found.push(Finding::Unexpected { leaf: *leaf, region });
            return;
        };
        if !allows_just(leaf, expected) {
            found.push(Finding::ImageAccess { leaf: *leaf, expected });
        }
        let page = va.as_u64().wrapping_sub(self.view.expected.kernel_map.as_u64()) / PAGE_SIZE;
        let frame = self.view.core.mfn(self.view.expected.image_pfn(page));
        // Where the machine has no RAM for the number, the same frame has got another number, that nobody has named.
        let is_right = frame.map_or_else(
            || leaf.pfn.is_some() && self.renumbered.insert(leaf.mfn),
            |frame| frame == leaf.mfn,
        );
        if !is_right {
            found.push(Finding::ImageWrong { leaf: *leaf, expected: frame });
        }
    }

    /// The address in the kernel's file.
    fn linked(&self, va: VirtAddr) -> VirtAddr {
        VirtAddr::new_truncate(va.as_u64().wrapping_sub(self.view.expected.slide))
    }

    /// Returns how many guard pages were absent.
    pub(crate) fn finish(self, found: &mut Findings) -> u64 {
        let View { kernel, expected, .. } = self.view;
        let end = VirtAddr::new_truncate(kernel.end().as_u64().wrapping_add(expected.slide));
        if end > expected.image.end {
            found.push(Finding::ImageEnd { segments: end, given: expected.image.end });
        }
        let mut guards = 0;
        for (page, seen) in (0..).zip(self.seen) {
            let va = VirtAddr::new_truncate(expected.image.start.as_u64().wrapping_add(page * PAGE_SIZE));
            let linked = VirtAddr::new_truncate(va.as_u64().wrapping_sub(expected.slide));
            match kernel.access(linked) {
                Some(_) if seen => {}
                Some(_) if kernel.is_guard(linked) => guards += 1,
                Some(access) => found.push(Finding::ImageMissing { va, access }),
                None => {}
            }
        }
        guards
    }
}

fn allows_just(leaf: &WalkedLeaf, access: KernelAccess) -> bool {
    match access {
        KernelAccess::Read => !leaf.writable && !leaf.executable,
        KernelAccess::ReadWrite => leaf.writable && !leaf.executable,
        KernelAccess::Execute => leaf.executable && !leaf.writable,
    }
}
