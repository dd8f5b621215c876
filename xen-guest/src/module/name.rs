//! A name from an untrusted source, in a line of text.

use alloc::string::String;
use core::fmt;

/// A name from a module or archive, made safe for one line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintableName(String);

impl PrintableName {
    /// The longest name kept; Rust's generics make long symbols, and a console line is short.
    const LIMIT: usize = 96;

    /// Makes a name from unchecked bytes: control characters are escaped, a long tail is cut.
    #[must_use]
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut name = String::new();
        // Fewer bytes than the limit are kept whole.
        for character in String::from_utf8_lossy(bytes.get(..Self::LIMIT).unwrap_or(bytes)).chars() {
            if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                name.extend(character.escape_default());
            } else {
                name.push(character);
            }
        }
        if bytes.len() > Self::LIMIT {
            name.push('…');
        }
        Self(name)
    }
}

impl fmt::Display for PrintableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
