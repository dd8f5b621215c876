//! Numbers as people read them in a picture.

use crate::machine::size::{GIB, MIB, PAGE};

/// So many pages: counted below a mebibyte, then in the largest unit of which there is one.
pub(crate) fn of_pages(pages: u64) -> String {
    let bytes = pages.saturating_mul(PAGE);
    let tib = 1024 * GIB;
    match bytes {
        _ if pages == 1 => "1 page".to_owned(),
        _ if bytes < MIB => format!("{pages} pages"),
        _ if bytes < GIB => in_unit(bytes, MIB, "MiB"),
        _ if bytes < tib => in_unit(bytes, GIB, "GiB"),
        _ => in_unit(bytes, tib, "TiB"),
    }
}

/// With one digit after the point, unless it is 0.
fn in_unit(bytes: u64, unit: u64, name: &str) -> String {
    let tenths = (u128::from(bytes) * 10 / u128::from(unit)) as u64;
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        digit => format!("{}.{digit} {name}", tenths / 10),
    }
}

/// A number with a comma before every three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{grouped, of_pages};

    #[test]
    fn pages_and_bytes() {
        let texts = [1, 2, 255, 256, 0xe43, 0x10784, 1 << 18, 3 << 17, 33_554_432, 1 << 31].map(of_pages);
        let expected = [
            "1 page",
            "2 pages",
            "255 pages",
            "1 MiB",
            "14.2 MiB",
            "263.5 MiB",
            "1 GiB",
            "1.5 GiB",
            "128 GiB",
            "8 TiB",
        ];
        assert_eq!(texts, expected);
        assert_eq!(of_pages(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn digits_in_threes() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
