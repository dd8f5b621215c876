//! What the tests of several crates make by hand.
//!
//! *What this is*: bytes that somebody else would have made: ELF files of compilers and of `xl`, archives, start_info
//! pages; and the numbers that random tests draw.
//!
//! *What must hold*: nothing here uses a crate that is tested with it. A mistake has to be made twice to go unseen, and unit
//! tests inside those crates can use it, which would see other types than it does.
//!
//! *What is not here*: what the tests of one crate need alone stays with them.

pub mod core_file;
pub mod cpio;
pub mod elf;
pub mod module;
pub mod random;
pub mod start_info;
