//! The part of the bench for descriptors and the second root.
//!
//! *What must hold*: the guest under test has no descriptor table of its own, so removing every table restores it.

use crate::{
    bench::{Bench, Page},
    requests::{Descriptor, RequestedTable},
    subject::ProbeAnswer,
};

/// Which tables a probe left in place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tables {
    global: bool,
    local: bool,
    user: bool,
}

impl Bench<'_> {
    /// Makes pages the global descriptor table.
    pub(crate) fn gdt(&mut self, pages: &[Page], entries: u32) {
        let mut frames = [0; 16];
        frames.iter_mut().zip(pages).for_each(|(frame, &page)| *frame = self.mfn(page));
        self.gdt_of(&frames, entries);
    }

    /// Makes a frame the global descriptor table.
    pub(crate) fn gdt_frame(&mut self, mfn: u64) {
        let mut frames = [0; 16];
        frames[0] = mfn;
        self.gdt_of(&frames, 1);
    }

    fn gdt_of(&mut self, frames: &[u64; 16], entries: u32) {
        let answer = ProbeAnswer::of(self.subject.set_gdt(RequestedTable::new(frames, entries)));
        if answer.is_ok() {
            self.tables.global = entries > 0;
        }
        self.transcript.add("gdt", answer);
    }

    /// Writes a descriptor of a page by `update_descriptor`.
    pub(crate) fn descriptor(&mut self, page: Page, index: usize, value: u64) {
        self.descriptor_at(self.slot(page, index), value);
    }

    /// Writes a descriptor at a machine address.
    pub(crate) fn descriptor_at(&mut self, address: u64, value: u64) {
        let answer = ProbeAnswer::of(self.subject.update_descriptor(Descriptor::new(address, value)));
        self.transcript.add("descriptor", answer);
    }

    /// Makes what lies at an address the local descriptor table.
    pub(crate) fn ldt(&mut self, address: u64, entries: u64) {
        let answer = self.operate(xen_sys::MMUEXT_SET_LDT, address, entries);
        if answer.is_ok() {
            self.tables.local = entries > 0;
        }
        self.transcript.add("ldt", answer);
    }

    /// Makes a frame the top-level table of user mode; frame 0 means none.
    pub(crate) fn user_root(&mut self, mfn: u64) {
        let answer = self.operate(xen_sys::MMUEXT_NEW_USER_BASEPTR, mfn, 0);
        if answer.is_ok() {
            self.tables.user = mfn != 0;
        }
        self.transcript.add("user", answer);
    }

    /// Records a word of a page.
    pub(crate) fn whole(&mut self, page: Page, index: usize) {
        let word = self.word(page, index);
        self.transcript.add("word", format_args!("{word:#x}"));
    }

    /// Removes the tables a probe left.
    pub(crate) fn drop_tables(&mut self) {
        if self.tables.global {
            let answer = ProbeAnswer::of(self.subject.set_gdt(RequestedTable::new(&[0; 16], 0)));
            self.must("left-gdt", answer);
        }
        if self.tables.local {
            let answer = self.operate(xen_sys::MMUEXT_SET_LDT, 0, 0);
            self.must("left-ldt", answer);
        }
        if self.tables.user {
            let answer = self.operate(xen_sys::MMUEXT_NEW_USER_BASEPTR, 0, 0);
            self.must("left-user-root", answer);
        }
    }
}
