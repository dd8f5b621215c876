//! Loads and stores of the guest, and the M2P.
//!
//! *What this is*: an address goes through the live tables to a word of a frame.
//!
//! *What must hold*: a load needs a mapping, a store a writable one. Anything else is a page fault, which fails the
//! test: before traps are armed a page fault is fatal. `stricter:` Xen emulates a store to a live L1 table if the guest
//! asked for it (pv/ro-page-fault.c); here it is a bug.

use mmu::Errno;
use p2m::{Frame as OwnedFrame, MachineToPhys, Memory, Register, Width, Word, WordMut};
use start_info::{Index, Mfn};

use crate::frames::{Found, FrameIndex, Owner};
use crate::machine::ModelMachine;
use crate::tlb::Translation;
use crate::walk::{NotMapped, index};

/// The M2P entry of a frame that has no page (`INVALID_M2P_ENTRY`).
const NO_PAGE: u64 = u64::MAX;
/// What a read returns where no device answers. The model has no devices, only their frames.
const NO_ANSWER: u64 = u64::MAX;

impl ModelMachine {
    /// Reads the word at an address, as the guest.
    ///
    /// # Errors
    /// Why the address is not mapped.
    pub fn read(&self, address: u64) -> Result<u64, NotMapped> {
        let translation = self.translate(address)?;
        Ok(self.contents.word(translation.frame, word_of(address)))
    }

    /// Writes the word at an address, as the guest.
    ///
    /// # Errors
    /// `EFAULT` if the address is not mapped, or not for writing.
    pub fn write(&mut self, address: u64, value: u64) -> Result<(), Errno> {
        match self.translate(address) {
            Ok(Translation { frame, writable: true, .. }) => {
                self.contents.set(frame, word_of(address), value);
                Ok(())
            }
            _ => Err(Errno::EFAULT),
        }
    }

    fn translate(&self, address: u64) -> Result<Translation, NotMapped> {
        if let Some(found) = self.tlb.find(address >> 12) {
            return Ok(found);
        }
        let root = self.root.ok_or(NotMapped::Wild(4))?;
        let leaf = self.walk(root, address)?;
        let old = self.stale.old(self.table_for(root, address)?, index(address, 1));
        let frame = self.frame(leaf.pte.mfn()).ok_or(NotMapped::Wild(1))?;
        let translation = Translation { frame, writable: leaf.writable, old };
        self.tlb.remember(address >> 12, translation);
        Ok(translation)
    }

    /// Returns the frame that is read at an address; `None` for a device's.
    fn source(&self, address: u64) -> Option<FrameIndex> {
        self.accesses.set(self.accesses.get() + 1);
        match self.translate(address) {
            Ok(Translation { frame, old: Some(old), .. }) if old.mfn() != self.frames.mfn(frame) => {
                self.guest_bug(&format!("read {address:#x} by a translation that was not flushed: {old:?}"))
            }
            Ok(translation) => Some(translation.frame),
            Err(NotMapped::Wild(1)) if self.shows_device(address) => None,
            Err(why) => self.guest_bug(&format!("read {address:#x}, which is not mapped: {why}")),
        }
    }

    fn shows_device(&self, address: u64) -> bool {
        self.live_leaf(address).is_ok_and(|leaf| self.has_device(leaf.pte.mfn()))
    }

    fn target(&self, address: u64) -> FrameIndex {
        self.accesses.set(self.accesses.get() + 1);
        match self.translate(address) {
            Ok(Translation { old: Some(old), .. }) => self
                .guest_bug(&format!("wrote to {address:#x} by a translation that was not flushed: {old:?}")),
            Ok(Translation { frame, writable: true, .. }) => frame,
            Ok(Translation { frame, .. }) => {
                let (mfn, record) = (self.frames.mfn(frame), self.frames.get(frame));
                self.guest_bug(&format!(
                    "wrote to {address:#x}, which is mapped for reading only (mfn {mfn}: {record:?})"
                ))
            }
            Err(why) => self.guest_bug(&format!("wrote to {address:#x}, which is not mapped: {why}")),
        }
    }
}

/// The bits that a register of a width has.
const fn mask(width: Width) -> u64 {
    u64::MAX >> (64 - width.bytes() * 8)
}

const fn word_of(address: u64) -> usize {
    (address % 4096 / 8) as usize
}

impl Memory for ModelMachine {
    fn load(&self, word: Word) -> u64 {
        let address = word.address().as_u64();
        self.source(address).map_or(NO_ANSWER, |frame| self.contents.word(frame, word_of(address)))
    }

    fn store(&mut self, word: WordMut<'_>, value: u64) {
        let address = word.address().as_u64();
        self.contents.set(self.target(address), word_of(address), value);
    }

    fn load_register(&self, register: Register) -> u64 {
        let address = register.address().as_u64();
        let word =
            self.source(address).map_or(NO_ANSWER, |frame| self.contents.word(frame, word_of(address)));
        word >> (address % 8 * 8) & mask(register.width())
    }

    fn store_register(&mut self, register: Register, value: u64) {
        let address = register.address().as_u64();
        match self.live_leaf(address) {
            // Nothing answers, but the access is no fault.
            Ok(leaf) if leaf.writable && self.has_device(leaf.pte.mfn()) => return,
            _ => {}
        }
        let (frame, word, shift) = (self.target(address), word_of(address), address % 8 * 8);
        let mask = mask(register.width());
        let old = self.contents.word(frame, word) & !(mask << shift);
        self.contents.set(frame, word, old | (value & mask) << shift);
    }

    fn denies_frame(&self) -> bool {
        self.frames_asked.set(self.frames_asked.get() + 1);
        self.denials.contains(&self.frames_asked.get())
    }

    fn fill(&mut self, frame: &mut OwnedFrame, value: u64) {
        let target = self.target(frame.word(Index::FIRST).address().as_u64());
        self.contents.fill(target, value);
    }

    fn is_filled(&self, page: Word, words: u64, value: u64) -> bool {
        let frame = self.source(page.of_page().address().as_u64());
        frame.is_some_and(|frame| self.contents.is_filled(frame, words as usize, value))
    }

    fn copy_page(&mut self, source: Word, target: &mut OwnedFrame) {
        let source = self.source(source.address().as_u64());
        let target = self.target(target.word(Index::FIRST).address().as_u64());
        match source {
            Some(source) => self.contents.copy(source, target),
            None => self.contents.fill(target, NO_ANSWER),
        }
    }
}

impl MachineToPhys for ModelMachine {
    fn machine_to_phys(&self, mfn: Mfn) -> Option<u64> {
        self.accesses.set(self.accesses.get() + 1);
        if let Some(&changed) = self.m2p.get(&mfn.get()) {
            return Some(changed);
        }
        match self.frames.find(mfn) {
            // Other domains' entries hold their own page numbers, which mean nothing to the guest.
            Found::Elsewhere => Some(mfn.get() / 2),
            Found::Frame(frame) => Some(match self.frames.get(frame).owner() {
                Owner::Guest => self.shuffle.pfn(mfn.get()),
                Owner::Other => 0x1000 + mfn.get() % 8,
                Owner::Lent | Owner::Nobody => NO_PAGE,
            }),
            Found::NoMemory => None,
        }
    }
}
