//! A table has one handle.
//!
//! On Xen: two handles to one draft are two writers, one of which may freeze and hook the table while the other stores.

//@ inside mmu

use mmu::{paging::{level::L1, table::{Draft, Table}}};

pub fn two(table: Table<L1, Draft>, another: Table<L1, Draft>) -> [Table<L1, Draft>; 2] {
    [another, table] //~ TWIN
    [table.clone(), table] //~ FAIL E0599
}
