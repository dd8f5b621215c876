//! What the tests of several crates make by hand.
//!
//! *What this is*: bytes that other programs would have made: ELF files of compilers and of `xl`, archives, start_info
//! pages; and the numbers that random tests draw.
//!
//! *What must hold*: nothing here uses a crate that is tested with it. So a mistake must be made twice to go unseen,
//! and unit tests inside those crates can use this one (they would otherwise see two copies of their types).
//!
//! *What is not here*: what only one crate's tests need. It stays with them.

pub mod core_file;
pub mod cpio;
pub mod elf;
pub mod kernel;
pub mod module;
pub mod random;
pub mod start_info;
