//! The kernel command line.
//!
//! *What this is*: an owned copy, so that the start_info page can be given back while the words are still needed.
//!
//! *What must hold*: the copy is UTF-8. Each invalid byte becomes `?`. It spoils only its own word, not the words after
//! it: a typing mistake in a configuration file is no reason to refuse a boot.
//!
//! *What is not prevented*: a misspelt word. Unknown words are ignored, as every kernel does, because boot loaders add
//! words of their own.

use core::fmt;

use crate::StartInfoError;
use crate::page::COMMAND_LINE_BYTES;

/// The command line as text.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandLine {
    text: [u8; COMMAND_LINE_BYTES],
    len: usize,
}

impl CommandLine {
    /// Copies the bytes up to the first NUL.
    pub(crate) fn parse(field: &[u8; COMMAND_LINE_BYTES]) -> Result<Self, StartInfoError> {
        let Some(len) = field.iter().position(|&byte| byte == 0) else {
            return Err(StartInfoError::CommandLine { limit: COMMAND_LINE_BYTES });
        };
        let mut text = [0; COMMAND_LINE_BYTES];
        let clean = field.split_at(len).0.utf8_chunks().flat_map(|chunk| {
            let replaced = chunk.invalid().iter().map(|_| b'?');
            chunk.valid().bytes().chain(replaced)
        });
        for (to, byte) in text.iter_mut().zip(clean) {
            *to = byte;
        }
        Ok(Self { text, len })
    }

    /// Returns the whole line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // `parse` left only UTF-8 in the first `len` bytes, so the fallback is never used.
        self.text.get(..self.len).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// Returns the words, which are separated by blanks; there is no quoting.
    pub(crate) fn words(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.as_str().split_ascii_whitespace()
    }

    /// Returns what follows `key=`. If several words match, the last one counts, so a word added at the end overrides a
    /// default.
    #[must_use]
    pub fn value_of(&self, key: &str) -> Option<&str> {
        self.words().rev().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandLine({:?})", self.as_str())
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    fn line(bytes: &[u8]) -> CommandLine {
        let mut field = [0; COMMAND_LINE_BYTES];
        field[..bytes.len()].copy_from_slice(bytes);
        CommandLine::parse(&field).unwrap()
    }

    #[test]
    fn values_are_found_by_their_whole_key() {
        let line = line(b"  root=/dev/xvda then=idle\tthen=off quiet then.x=1 athen=2 empty= a=b=c ");
        assert_eq!(line.value_of("then"), Some("off"));
        assert_eq!(line.value_of("root"), Some("/dev/xvda"));
        assert_eq!(line.value_of("empty"), Some(""));
        assert_eq!(line.value_of("a"), Some("b=c"));
        assert_eq!(line.value_of("the"), None);
        assert_eq!(line.value_of("quiet"), None);
        assert_eq!(line.words().nth(3), Some("quiet"));
    }

    #[test]
    fn the_line_ends_at_the_first_nul() {
        let line = line(b"one\0two");
        assert_eq!(line.as_str(), "one");
        assert_eq!(std::format!("{line} {line:?}"), "one CommandLine(\"one\")");
    }

    #[test]
    fn the_last_byte_must_be_left_for_a_nul() {
        let mut field = [b'x'; COMMAND_LINE_BYTES];
        assert_eq!(CommandLine::parse(&field), Err(StartInfoError::CommandLine { limit: 1024 }));
        field[1023] = 0;
        assert_eq!(CommandLine::parse(&field).unwrap().as_str().len(), 1023);
        assert_eq!(CommandLine::parse(&[0; COMMAND_LINE_BYTES]).unwrap().as_str(), "");
    }

    #[test]
    fn a_byte_that_is_no_text_spoils_its_own_word_only() {
        // A lone byte, the first two bytes of a three-byte character, and a whole character.
        let line = line(b"a=\xff b=\xe2\x82 c=\xe2\x82\xac then=idle");
        assert_eq!(line.as_str(), "a=? b=?? c=\u{20ac} then=idle");
        assert_eq!(line.value_of("then"), Some("idle"));
    }

    proptest! {
        #[test]
        fn any_bytes_keep_their_length_and_their_ascii(bytes in proptest::collection::vec(1_u8.., 0..1023), key in any::<std::string::String>()) {
            let line = line(&bytes);
            prop_assert_eq!(line.as_str().len(), bytes.len());
            prop_assert!(bytes.iter().zip(line.as_str().bytes()).all(|(&was, is)| was == is || (is == b'?' && !was.is_ascii())));
            if let Some(value) = line.value_of(&key) {
                prop_assert!(line.as_str().contains(value));
            }
        }
    }
}
