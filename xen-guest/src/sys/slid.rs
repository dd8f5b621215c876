//! How far the image runs from where it was linked, as the report of an end says it.
//!
//! *What must hold*: no ordinary line says it. Where an address is chosen at boot, whoever reads the console must not
//! learn it while the kernel runs.

use core::fmt;

use arrayvec::ArrayVec;

use crate::report::fact::Value;

/// More fields than a report has.
const MAX_FIELDS: usize = 12;

/// A field of a fact.
type Field<'f> = (&'f str, Value<'f>);

/// The distance. Shown as a line of its own, or as nothing if the image runs where it was linked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slid(pub(super) u64);

impl Slid {
    /// Puts the field before the others of a report.
    pub(super) fn among<'f>(self, fields: &[Field<'f>]) -> ArrayVec<Field<'f>, MAX_FIELDS> {
        let others = fields.iter().copied().take(MAX_FIELDS - 1);
        [("slide", Value::Hex(self.0))].into_iter().chain(others).collect()
    }
}

impl fmt::Display for Slid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            slide => writeln!(f, "  image slid by {slide:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::{MAX_FIELDS, Slid};
    use crate::report::fact::{Fact, Value};

    #[test]
    fn the_line_is_there_only_for_an_image_that_slid() {
        assert_eq!(Slid(0).to_string(), "");
        assert_eq!(Slid(0x123_4000).to_string(), "  image slid by 0x1234000\n");
    }

    #[test]
    fn the_field_is_always_there_and_the_first() {
        let said = |slide, fields: &[_]| Fact::new("fatal", &Slid(slide).among(fields)).to_string();
        assert_eq!(said(0, &[]), "@fact {\"fact\":\"fatal\",\"slide\":\"0x0\"}");
        let fields = [("vector", Value::Number(14)), ("rip", Value::Hex(9))];
        let whole = "@fact {\"fact\":\"fatal\",\"slide\":\"0x7000\",\"vector\":14,\"rip\":\"0x9\"}";
        assert_eq!(said(0x7000, &fields), whole);
        // None that would not fit is added: the report must not panic.
        let many = [("x", Value::Number(1)); MAX_FIELDS + 3];
        assert_eq!(said(0, &many).matches("\"x\"").count(), MAX_FIELDS - 1);
    }
}
