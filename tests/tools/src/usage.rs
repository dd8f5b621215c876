//! An error of the person who typed a command: two lines, what is wrong and what to type.

use std::fmt;

/// What somebody typed cannot be meant.
#[derive(Debug)]
pub struct Usage {
    /// The script: `boot` for `scripts/boot`.
    pub script: &'static str,
    /// What is wrong.
    pub wrong: String,
    /// What to type in its place.
    pub instead: String,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\ntype: {}", self.script, self.wrong, self.instead)
    }
}

impl std::error::Error for Usage {}

/// Prints why a program gives up: two lines if it was asked for what cannot be, else one that begins with the program's name.
pub fn report(program: &str, error: &anyhow::Error) {
    match error.downcast_ref::<Usage>() {
        Some(usage) => crate::note!("{usage}"),
        None => crate::note!("{program}: {error:#}"),
    }
}
