//! One thing that a program can check: a console line `@fact {"fact":"audit","confirmed":16384}`.
//!
//! *What this is*: what a kernel says in sentences for people, as data. With `report=json` on the command line the layer prints one for
//! an end that nobody asked for, and has one for each region; a payload adds its own. `docs/boot.md` lists them.
//!
//! *What must hold*: a fact is one line and one JSON object, whatever text is in it.

use core::fmt::{self, Write as _};

use crate::report::json::JsonText;

/// A fact: its name, and its fields in their order.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'f> {
    name: &'f str,
    fields: &'f [(&'f str, Value<'f>)],
}

/// What a field of a fact holds.
#[derive(Clone, Copy)]
pub enum Value<'v> {
    /// A number, as JSON's own.
    Number(u64),
    /// An address or a page number: a text in hexadecimal, because readers of JSON lose bits of large numbers.
    Hex(u64),
    /// Addresses in their order: an array of such texts.
    HexList(&'v [u64]),
    /// Texts in their order: an array.
    TextList(&'v [&'v dyn fmt::Display]),
    /// True or false.
    Flag(bool),
    /// A text.
    Text(&'v dyn fmt::Display),
    /// An error or another value of this layer, by its names in the source: `Init { code: -7 }`.
    Source(&'v dyn fmt::Debug),
}

impl<'f> Fact<'f> {
    /// Makes a fact. Names are used as they are: plain words without quotes.
    #[must_use]
    pub const fn new(name: &'f str, fields: &'f [(&'f str, Value<'f>)]) -> Self {
        Self { name, fields }
    }
}

impl fmt::Display for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@fact {{\"fact\":\"{}\"", self.name)?;
        for (key, value) in self.fields {
            write!(f, ",\"{key}\":{value}")?;
        }
        f.write_char('}')
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Hex(number) => write!(f, "\"{number:#x}\""),
            Self::HexList(numbers) => {
                f.write_char('[')?;
                for (at, number) in numbers.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(f, "{comma}\"{number:#x}\"")?;
                }
                f.write_char(']')
            }
            Self::TextList(texts) => {
                f.write_char('[')?;
                for (at, text) in texts.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(f, "{comma}\"{}\"", JsonText(text))?;
                }
                f.write_char(']')
            }
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Text(text) => write!(f, "\"{}\"", JsonText(text)),
            Self::Source(value) => write!(f, "\"{}\"", JsonText(format_args!("{value:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::{Fact, Value};

    #[test]
    fn a_fact_is_one_line_of_json() {
        let fields = [
            ("number", Value::Number(u64::MAX)),
            ("at", Value::Hex(0xffff_ffff_a000_0000)),
            ("way", Value::HexList(&[0x10, 0xffff_ffff_8100_0000])),
            ("nowhere", Value::HexList(&[])),
            ("said", Value::TextList(&[&"a \"b\"", &7])),
            ("right", Value::Flag(true)),
            ("text", Value::Text(&"two\nlines, \"quoted\"")),
            ("error", Value::Source(&Some("a\\b"))),
        ];
        assert_eq!(
            Fact::new("all", &fields).to_string(),
            "@fact {\"fact\":\"all\",\"number\":18446744073709551615,\"at\":\"0xffffffffa0000000\",\
             \"way\":[\"0x10\",\"0xffffffff81000000\"],\"nowhere\":[],\"said\":[\"a \\\"b\\\"\",\"7\"],\"right\":true,\"text\":\"two\\u000alines, \\\"quoted\\\"\",\"error\":\"Some(\\\"a\\\\\\\\b\\\")\"}"
        );
        assert_eq!(Fact::new("none", &[]).to_string(), "@fact {\"fact\":\"none\"}");
    }
}
