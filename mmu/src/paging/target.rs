//! What an entry of a table can lead to.
//!
//! *What this is*: the one thing an entry must know of the table below it. `entry.rs` asks for it and `table.rs`
//! answers, so neither file needs the other.

use start_info::Mfn;

use crate::paging::level::Level;

/// A table of level `L` that nobody can write any more: a frozen one, or a live one.
pub(crate) trait Target<L: Level> {
    /// Returns its machine frame.
    fn target(&self) -> Mfn;
}
