//! The screen of dom0, at the offsets of the ABI sheet: as Xen writes it, as older releases did, and damaged.

use proptest::prelude::{any, prop_assert, proptest};
use start_info::{Field, FrameBuffer, Maddr, Mode, Screen, ScreenError, TextMode};

use crate::fixture::{Built, Fixture};

const AT: usize = 0x490;

fn dom0(kind: u8, size: u32) -> Built {
    let Some(mut built) = Fixture::dom0().build() else { unreachable!("dom0 has memory enough") };
    // What follows the description is not part of it.
    built.bytes(AT, &[0xee; 64]);
    built.bytes(AT, &[kind, 0xee, 0xee, 0xee]);
    built.int(0x04c, size);
    built
}

fn shorts(built: &mut Built, offset: usize, values: &[u16]) {
    for (index, value) in values.iter().enumerate() {
        built.bytes(AT + offset + 2 * index, &value.to_le_bytes());
    }
}

fn text(size: u32) -> Built {
    let mut built = dom0(3, size);
    shorts(&mut built, 4, &[16, 79, 24, 25, 80]);
    built
}

/// 1280x800 with 32 bits, above 4 GiB, with lines of more bytes than they show.
fn graphics(kind: u8, size: u32) -> Built {
    let mut built = dom0(kind, size);
    shorts(&mut built, 4, &[1280, 800, 5376, 32]);
    built.int(AT + 12, 0xc000_0000);
    built.int(AT + 16, 0x42);
    built.bytes(AT + 20, &[16, 8, 8, 8, 0, 8, 24, 8]);
    built.int(AT + 28, 0x1234_5678);
    shorts(&mut built, 32, &[0x9b, 0]);
    built.int(AT + 36, 0x38);
    built
}

fn said(built: &Built) -> Option<Result<Screen, ScreenError>> {
    let facts = built.parse();
    assert!(facts.is_ok(), "the boot depends on the screen: {facts:?}");
    facts.ok()?.screen()
}

fn refused(built: &Built) -> Option<ScreenError> {
    said(built)?.err()
}

#[test]
fn text_is_understood_from_its_14_bytes() {
    let expected = TextMode { font_height: 16, cursor: (79, 24), rows: 25, columns: 80 };
    for size in [14, 15, 28, 40, 64] {
        assert_eq!(said(&text(size)), Some(Ok(Screen::Text(expected))), "{size}");
    }
    assert_eq!(
        Screen::Text(expected).to_string(),
        "text, 80 columns, 25 rows, font height 16, cursor at 79,24"
    );
}

#[test]
fn a_frame_buffer_is_understood_in_each_version() {
    for (kind, mode) in [(0x23, Mode::Vesa), (0x70, Mode::Efi)] {
        for size in 28..=64 {
            let high = if size >= 40 { 0x38 << 32 } else { 0 };
            let field = |position| Field { position, size: 8 };
            let expected = FrameBuffer {
                mode,
                width: 1280,
                height: 800,
                bytes_per_line: 5376,
                bits_per_pixel: 32,
                base: Maddr::try_new(high | 0xc000_0000).unwrap(),
                bytes: 0x42_0000,
                colours: [field(16), field(8), field(0), field(24)],
                capabilities: (size >= 32).then_some(0x1234_5678),
                attributes: (size >= 34).then_some(0x9b),
            };
            assert_eq!(said(&graphics(kind, size)), Some(Ok(Screen::Graphics(expected))), "{size}");
        }
    }
    assert_eq!(
        said(&graphics(0x70, 40)).unwrap().unwrap().to_string(),
        "EFI frame buffer, 1280x800, 32 bits a pixel (red 8@16, green 8@8, blue 8@0), 5376 bytes a line, 0x420000 bytes at 0x38c0000000"
    );
}

#[test]
fn no_screen_is_no_error() {
    assert_eq!(said(&dom0(0, 40)), None);
    let mut built = text(40);
    built.long(0x048, 0);
    assert_eq!(said(&built), None);
    assert_eq!(said(&Fixture::dom_u().build().unwrap()), None);
}

#[test]
fn a_description_cut_short_is_not_guessed_at() {
    for found in 1..14 {
        assert_eq!(refused(&text(found)), Some(ScreenError::Size { kind: 3, found, least: 14 }));
    }
    for found in 1..28 {
        assert_eq!(refused(&graphics(0x23, found)), Some(ScreenError::Size { kind: 0x23, found, least: 28 }));
    }
}

#[test]
fn other_types_are_named() {
    for found in (1..=u8::MAX).filter(|kind| ![3, 0x23, 0x70].contains(kind)) {
        assert_eq!(refused(&graphics(found, 40)), Some(ScreenError::Type { found }));
    }
}

#[test]
fn a_text_has_characters_and_its_cursor_in_it() {
    for (offset, found) in [(4, (80, 25, 0)), (10, (80, 0, 16)), (12, (0, 25, 16))] {
        let mut built = text(40);
        shorts(&mut built, offset, &[0]);
        assert_eq!(refused(&built), Some(ScreenError::Text { found }));
    }
    for found in [(80, 24), (79, 25)] {
        let mut built = text(40);
        shorts(&mut built, 6, &[found.0, found.1]);
        assert_eq!(refused(&built), Some(ScreenError::Cursor { found, limit: (80, 25) }));
    }
}

#[test]
fn a_picture_fits_its_lines_and_its_buffer() {
    for (offset, value, found) in
        [(4, 0, (0, 800, 32)), (6, 0, (1280, 0, 32)), (10, 0, (1280, 800, 0)), (10, 33, (1280, 800, 33))]
    {
        let mut built = graphics(0x70, 40);
        shorts(&mut built, offset, &[value]);
        assert_eq!(refused(&built), Some(ScreenError::Picture { found }));
    }
    let mut built = graphics(0x70, 40);
    shorts(&mut built, 8, &[5120]);
    assert!(said(&built).unwrap().is_ok());
    shorts(&mut built, 8, &[5119]);
    assert_eq!(refused(&built), Some(ScreenError::Line { found: 5119, least: 5120 }));

    let mut built = graphics(0x70, 40);
    built.int(AT + 16, 0x41);
    assert_eq!(refused(&built), Some(ScreenError::Buffer { found: 0x41_0000, least: 5376 * 800 }));
}

#[test]
fn a_frame_buffer_has_addresses() {
    let mut built = graphics(0x70, 40);
    built.int(AT + 36, 0xf_ffff);
    built.int(AT + 12, 0xffbe_0000);
    assert!(said(&built).unwrap().is_ok());
    built.int(AT + 12, 0xffbe_0001);
    let found = 0xf_ffff_ffbe_0001;
    assert_eq!(refused(&built), Some(ScreenError::Base { found, bytes: 0x42_0000 }));
    // Its end does not fit in a number, not even one of 64 bits.
    for (low, units, bytes) in [(u32::MAX, 0x42, 0x42_0000), (0, u32::MAX, 0xffff_ffff_0000)] {
        let mut built = graphics(0x70, 40);
        built.int(AT + 36, u32::MAX);
        built.int(AT + 12, low);
        built.int(AT + 16, units);
        let found = 0xffff_ffff_0000_0000 | u64::from(low);
        assert_eq!(refused(&built), Some(ScreenError::Base { found, bytes }));
    }
    let mut built = graphics(0x23, 36);
    built.int(AT + 12, 0);
    assert_eq!(refused(&built), Some(ScreenError::Base { found: 0, bytes: 0x42_0000 }));
}

#[test]
fn colours_are_inside_their_pixel() {
    for at in [20, 22, 24] {
        let mut built = graphics(0x70, 40);
        built.bytes(AT + at, &[25, 8]);
        let found = Field { position: 25, size: 8 };
        assert_eq!(refused(&built), Some(ScreenError::Colour { found, limit: 32 }));
    }
}

proptest! {
    /// Whatever is there, an accepted screen can be drawn on, and the boot does not depend on it.
    #[test]
    fn any_bytes_are_a_screen_or_none(bytes in any::<[u8; 40]>(), kind in 0_usize..4, size in 1_u32..48) {
        let mut built = dom0(0, size);
        built.bytes(AT, &bytes);
        built.bytes(AT, &[[3, 0x23, 0x70, bytes[0]][kind]]);
        match said(&built) {
            Some(Ok(Screen::Graphics(buffer))) => {
                let line = (u64::from(buffer.width) * u64::from(buffer.bits_per_pixel)).div_ceil(8);
                prop_assert!(u64::from(buffer.bytes_per_line) >= line);
                let last = u64::from(buffer.bytes_per_line) * u64::from(buffer.height) - 1;
                prop_assert!(last < buffer.bytes);
                prop_assert!(Maddr::try_new(buffer.base.get() + last).is_ok());
            }
            Some(Ok(Screen::Text(text))) => {
                prop_assert!(text.cursor.0 < text.columns && text.cursor.1 < text.rows);
            }
            Some(Err(error)) => prop_assert!(!error.to_string().is_empty()),
            None => {}
        }
    }
}
