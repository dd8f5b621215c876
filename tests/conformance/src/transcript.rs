//! What a probe did, and the answers.
//!
//! *What this is*: words `what=answer` in the order in which things happened. Two transcripts are compared as text.

use core::fmt::{self, Write};

use arrayvec::ArrayString;

const LONGEST: usize = 400;

/// The record of one probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript(ArrayString<LONGEST>);

impl Transcript {
    /// Adds a word. If there is no room, it is replaced by `…`.
    pub(crate) fn add(&mut self, what: impl fmt::Display, answer: impl fmt::Display) {
        let space = if self.0.is_empty() { "" } else { " " };
        let mut longer = self.0;
        if write!(longer, "{space}{what}={answer}").is_ok() {
            self.0 = longer;
        } else if !self.0.ends_with('…') {
            let _no_room = self.0.try_push('…');
        }
    }

    /// Returns the words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
