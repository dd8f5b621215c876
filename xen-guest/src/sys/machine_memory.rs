//! Memory of the machine, seen through one slot of the fixmap.
//!
//! *What must hold*: what is read is mapped while it is read, and not writable.
//!
//! *What is not prevented*: registers of devices that change when they are read. Words of 8 bytes are read, so up to 7 bytes beside what
//! was asked for.

use mmu::{Fixmap, Settled, Shown};
use start_info::{Maddr, PAGE_SIZE};

use super::xen::Xen;
use crate::firmware::MachineMemory;

/// The machine's memory, frame by frame.
#[derive(Debug)]
pub struct MachineWindow<'g> {
    xen: &'g mut Xen,
    layout: &'g Settled,
}

impl<'g> MachineWindow<'g> {
    /// Opens the window.
    pub fn new(xen: &'g mut Xen, layout: &'g Settled) -> Self {
        Self { xen, layout }
    }
}

impl MachineMemory for MachineWindow<'_> {
    fn read(&mut self, at: Maddr, bytes: &mut [u8]) -> Result<(), mmu::Error> {
        let mut fixmap = Fixmap::new(self.layout);
        let mut at = at;
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = at.get() % PAGE_SIZE;
            let step = usize::try_from(PAGE_SIZE - offset).unwrap_or(rest.len()).min(rest.len());
            let (piece, behind) = rest.split_at_mut(step);
            let shown = fixmap.show(self.xen, at.mfn())?;
            copy(&shown, offset, piece);
            fixmap.hide(self.xen, shown)?;
            if !behind.is_empty() {
                at = Maddr::try_new(at.get() + step as u64)?;
            }
            rest = behind;
        }
        Ok(())
    }
}

/// Copies what lies at `offset` of a shown page; the piece does not pass its end.
fn copy(shown: &Shown, offset: u64, piece: &mut [u8]) {
    let mut bytes = word(shown, offset);
    for (at, byte) in (offset..).zip(piece) {
        if at % 8 == 0 {
            bytes = word(shown, at);
        }
        let [next, ..] = bytes;
        *byte = next;
        bytes.rotate_left(1);
    }
}

/// The word at or around `offset`, turned so that the byte at `offset` comes first.
fn word(shown: &Shown, offset: u64) -> [u8; 8] {
    let pointer = (shown.address() + offset % PAGE_SIZE / 8 * 8).as_ptr::<u64>();
    // SAFETY: `read` above, the one caller of `copy`, has just mapped the whole page and hides it afterwards; the offset is that of a word in
    // the page; volatile, because it is not Rust's memory.
    let mut bytes = unsafe { pointer.read_volatile() }.to_le_bytes();
    bytes.rotate_left((offset % 8) as usize);
    bytes
}
