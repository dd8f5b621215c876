//! Text inside the quotes of JSON.

use core::fmt::{self, Write as _};

/// What is shown, with every sign escaped that would end the text it stands in (RFC 8259, section 7).
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonText<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for JsonText<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

/// Escapes what is written through it.
struct Escaping<'f, 'g>(&'f mut fmt::Formatter<'g>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|sign| match sign {
            '"' | '\\' => write!(self.0, "\\{sign}"),
            '\0'..='\x1f' => write!(self.0, "\\u{:04x}", u32::from(sign)),
            _ => self.0.write_char(sign),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::JsonText;

    #[test]
    fn no_sign_ends_the_text_it_stands_in() {
        let text = JsonText("a\"b\\c\nd\u{1f}e\u{7f}ü").to_string();
        assert_eq!(text, "a\\\"b\\\\c\\u000ad\\u001fe\u{7f}ü");
    }
}
