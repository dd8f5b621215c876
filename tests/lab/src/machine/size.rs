//! Sizes and numbers as people type them.
//!
//! `64M`, `128G`, `1T`, plain bytes; numbers in decimal or with `0x`. Everything else is refused: a size that is guessed
//! would boot another machine than the one asked for.

use anyhow::{Context, Result, bail};

/// Bytes of a page.
pub(crate) const PAGE: u64 = 4096;
/// Bytes of a mebibyte.
pub(crate) const MIB: u64 = 1 << 20;
/// Bytes of a gibibyte.
pub(crate) const GIB: u64 = 1 << 30;

/// Reads a number in decimal or hexadecimal (`0x…`).
///
/// # Errors
/// The text is no such number, or does not fit.
pub(crate) fn number(text: &str) -> Result<u64> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.with_context(|| format!("{text:?} is not a number"))
}

/// Reads a size: a number and one of `K`, `M`, `G`, `T`, or bytes without one.
///
/// # Errors
/// The text is no size, or more than 64 bits hold.
pub(crate) fn size(text: &str) -> Result<u64> {
    let shift = match text.chars().last() {
        Some('K' | 'k') => 10,
        Some('M' | 'm') => 20,
        Some('G' | 'g') => 30,
        Some('T' | 't') => 40,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { &text[..text.len() - 1] };
    let Ok(count) = number(digits) else { bail!("{text:?} is not a size; write 64M, 128G or 1T") };
    count.checked_mul(1 << shift).with_context(|| format!("{text} does not fit into 64 bits"))
}

/// Writes a size of whole mebibytes as people type it.
pub(crate) fn text(bytes: u64) -> String {
    [(40, 'T'), (30, 'G')]
        .into_iter()
        .find(|(shift, _)| bytes >= 1 << shift && bytes.is_multiple_of(1 << shift))
        .map_or_else(|| format!("{}M", bytes / MIB), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::{GIB, MIB, number, size, text};

    #[test]
    fn sizes_there_and_back() {
        for size_text in ["67M", "1G", "1536M", "128G", "1T"] {
            assert_eq!(text(size(size_text).unwrap()), size_text);
        }
    }

    #[test]
    fn sizes_in_every_unit() {
        assert_eq!(size("64M").unwrap(), 64 * MIB);
        assert_eq!(size("128G").unwrap(), 128 * GIB);
        assert_eq!(size("1T").unwrap(), 1024 * GIB);
        assert_eq!(size("4096").unwrap(), 4096);
        assert_eq!(size("0x10M").unwrap(), 16 * MIB);
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "M", "64MB", "-1", "1.5G", "99999999T", "ä"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_in_both_bases() {
        assert_eq!(number("0x10784").unwrap(), 67460);
        assert_eq!(number("67460").unwrap(), 67460);
        assert!(number("0x").is_err());
    }
}
