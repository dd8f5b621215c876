//! The words of a page that another domain may change at any time.

/// A page shared with another domain, by offset. Every access reads or writes memory once, and nothing is borrowed.
///
/// An offset beyond the page is one of its first bytes again: no access leaves the page.
pub trait SharedWords {
    /// Reads 32 bits at a multiple of 4. What the other side stored before these is seen after this.
    fn index(&self, at: u16) -> u32;

    /// Stores 32 bits at a multiple of 4. What was stored or read before is done when the other side sees these.
    fn set_index(&mut self, at: u16, value: u32);

    /// Reads a byte.
    fn byte(&self, at: u16) -> u8;

    /// Stores a byte.
    fn set_byte(&mut self, at: u16, byte: u8);
}
