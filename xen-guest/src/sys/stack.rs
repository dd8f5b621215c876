//! Walks back through the stack.
//!
//! *What this is*: reading frames that `-C force-frame-pointers` and the compiler of a module left: the caller's frame
//! pointer, and above it the return address.
//!
//! *What must hold*: nothing outside the stack is read, whatever the frame pointers say, and the walk ends: each frame
//! lies above the one before.

use x86_64::VirtAddr;

use crate::sys::pointer;

/// A stack that is mapped and stays so: from its lowest byte to the first after it, both multiples of 8.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stack {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Stack {
    /// Reads two words of the stack; `None` outside it.
    pub(super) fn words(self, at: u64) -> Option<[u64; 2]> {
        let behind = at.checked_add(16)?;
        if !at.is_multiple_of(8) || at < self.start || behind > self.end {
            return None;
        }
        let pointer = pointer::to::<[u64; 2]>(VirtAddr::try_new(at).ok()?);
        // SAFETY: the two words are aligned and lie on the stack, as just checked, and a `Stack` is mapped; they are
        // read once, and a wrong frame pointer gives wrong numbers only.
        Some(unsafe { pointer.read_volatile() })
    }
}

/// The return addresses above a frame, as far as they are known to lie in code.
pub(super) struct Callers<K> {
    pub(super) stack: Stack,
    pub(super) frame: u64,
    /// Tells whether an address lies in code.
    pub(super) known: K,
}

impl<K: Fn(u64) -> bool> Iterator for Callers<K> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let [caller, return_address] = self.stack.words(self.frame)?;
        // Each frame must lie above the one before, or the walk would not end.
        self.frame = if caller > self.frame { caller } else { 0 };
        (self.known)(return_address).then_some(return_address)
    }
}

/// The words of a stack, from an address up, that may be return addresses.
pub(super) struct Guesses<K> {
    pub(super) stack: Stack,
    pub(super) at: u64,
    /// The one before. The same again is most likely left from calls that are over.
    pub(super) last: u64,
    /// Tells whether an address may be one.
    pub(super) known: K,
}

impl<K: Fn(u64) -> bool> Iterator for Guesses<K> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            // The last word of the stack has no second one above it, and is nobody's return address.
            let [word, _] = self.stack.words(self.at)?;
            self.at += 8;
            if word != self.last && (self.known)(word) {
                self.last = word;
                return Some(word);
            }
        }
    }
}

/// Tells whether eight bytes of code end with a call: relative, or through a register or memory.
pub(super) fn is_call(code: u64) -> bool {
    let bytes = code.to_le_bytes();
    // FF /2, with nothing, one byte or four bytes after it. r12 and rsp need one byte more, and are not looked for.
    let through = |at: usize, kinds: &[u8]| {
        bytes[at] == 0xff && bytes[at + 1] & 0o70 == 0o20 && kinds.contains(&(bytes[at + 1] >> 6))
    };
    bytes[3] == 0xe8 || through(6, &[3]) || through(5, &[1]) || through(2, &[0, 2])
}

/// Tells whether a function whose first eight bytes these are starts with `push rbp; mov rbp, rsp`, perhaps after
/// `endbr64`.
pub(super) fn saves_frame(code: u64) -> bool {
    let bytes = code.to_le_bytes();
    let starts = |at: &[u8]| at.starts_with(&[0x55, 0x48, 0x89, 0xe5]);
    starts(&bytes) || bytes.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa]) && starts(&bytes[4..])
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::vec::Vec;

    use super::{Callers, Guesses, Stack, is_call, saves_frame};
    use crate::sys::buffer::Buffer;

    fn stack(buffer: &Buffer) -> Stack {
        let start = buffer.address().as_u64();
        Stack { start, end: start + 4096 }
    }

    /// Puts frames at offsets: where the caller's frame is, and the return address.
    fn frames(frames: &[(u64, u64, u64)]) -> Buffer {
        let buffer = Buffer::new(1);
        let start = buffer.address().as_u64();
        for (at, caller, address) in frames {
            buffer.word(*at).store(start + caller, Ordering::SeqCst);
            buffer.word(at + 8).store(*address, Ordering::SeqCst);
        }
        buffer
    }

    fn walk(buffer: &Buffer, frame: u64) -> Vec<u64> {
        let stack = stack(buffer);
        let frame = stack.start.wrapping_add(frame);
        Callers { stack, frame, known: |address| (100..200).contains(&address) }.take(50).collect()
    }

    #[test]
    fn frames_are_followed_to_the_end_of_the_stack() {
        let buffer = frames(&[(0, 64, 101), (64, 80, 102), (80, 4080, 103), (4080, 4096, 104)]);
        assert_eq!(walk(&buffer, 0), [101, 102, 103, 104]);
        assert_eq!(walk(&buffer, 80), [103, 104]);
    }

    #[test]
    fn a_walk_ends_at_the_first_address_that_is_no_code() {
        let buffer = frames(&[(0, 64, 101), (64, 80, 0xdead), (80, 96, 103)]);
        assert_eq!(walk(&buffer, 0), [101]);
    }

    #[test]
    fn a_frame_that_leads_back_ends_the_walk() {
        assert_eq!(walk(&frames(&[(64, 64, 101)]), 64), [101]);
        assert_eq!(walk(&frames(&[(64, 0, 101), (0, 64, 102)]), 64), [101]);
    }

    #[test]
    fn guesses_are_all_words_that_may_be_return_addresses() {
        let buffer = frames(&[(0, 0, 101), (16, 8, 7), (32, 0, 101), (64, 0, 102), (4080, 0, 103)]);
        let stack = stack(&buffer);
        let guesses = |from| {
            let at = stack.start + from;
            Guesses { stack, at, last: 0, known: |word| (100..200).contains(&word) }.collect::<Vec<u64>>()
        };
        assert_eq!(guesses(0), [101, 102]);
        assert_eq!(guesses(16), [101, 102]);
        assert_eq!(guesses(4096), [0; 0]);
    }

    /// By Intel's manual, volume 2, "CALL": E8 with four bytes, FF /2 with an operand.
    #[test]
    fn a_call_is_known_by_its_bytes() {
        let code = |bytes: [u8; 8]| u64::from_le_bytes(bytes);
        assert!(is_call(code([0, 0, 0, 0xe8, 1, 2, 3, 4])));
        assert!(is_call(code([0, 0, 0, 0, 0, 0, 0xff, 0xd0])));
        assert!(is_call(code([0, 0, 0, 0, 0x41, 0, 0xff, 0xd7])));
        assert!(is_call(code([0, 0, 0, 0, 0, 0xff, 0x50, 0x18])));
        assert!(is_call(code([0, 0, 0xff, 0x15, 1, 2, 3, 4])));
        assert!(is_call(code([0, 0, 0xff, 0x93, 1, 2, 3, 4])));
        assert!(!is_call(code([0xe8, 0, 0, 0, 0, 0, 0xff, 0xe0])));
        assert!(!is_call(code([0, 0, 0xff, 0x25, 1, 2, 3, 4])));
        assert!(!is_call(0));
    }

    #[test]
    fn a_function_that_keeps_a_frame_is_known_by_its_start() {
        let code = |bytes: [u8; 8]| u64::from_le_bytes(bytes);
        assert!(saves_frame(code([0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0, 0])));
        assert!(saves_frame(code([0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5])));
        assert!(!saves_frame(code([0x55, 0x41, 0x57, 0x41, 0x56, 0x41, 0x55, 0x41])));
    }

    #[test]
    fn nothing_beside_the_stack_is_read() {
        let buffer = frames(&[(0, 0, 101), (4080, 0, 102)]);
        for frame in [4088, 4096, 4081, 1, 7, u64::MAX, u64::MAX - 7, 1 << 40] {
            assert_eq!(walk(&buffer, frame), [0; 0], "{frame:#x}");
        }
        for at in [0, u64::MAX, u64::MAX - 15, u64::MAX - 7, 0x8000_0000_0000] {
            assert_eq!(stack(&buffer).words(at), None, "{at:#x}");
        }
        assert_eq!(walk(&buffer, 4080), [102]);
    }
}
