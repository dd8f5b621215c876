//! There are four levels of tables and no more.
//!
//! On Xen: the number of a level becomes the type that a frame is given; Xen knows four, and the index of an address is
//! cut from bits that a fifth level does not have.

//@ inside mmu

use mmu::paging::level::Arithmetic;

pub enum L5 {}

impl L5 { const NUMBER: u8 = 5; } //~ TWIN
impl Arithmetic for L5 { const NUMBER: u8 = 5; } //~ FAIL E0277
