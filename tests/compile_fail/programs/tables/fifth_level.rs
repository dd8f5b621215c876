//! There are only four levels of tables.
//!
//! On Xen: a level's number becomes the frame's type, and Xen knows four. The index of an address is cut from bits that
//! a fifth level does not have.

//@ inside mmu

use mmu::paging::level::Arithmetic;

pub enum L5 {}

impl L5 { const NUMBER: u8 = 5; } //~ TWIN
impl Arithmetic for L5 { const NUMBER: u8 = 5; } //~ FAIL E0277
