//! The screen that Xen hands to dom0.
//!
//! *What this is*: `struct dom0_vga_console_info` (xen.h), which follows start_info in its page, as a checked value.
//!
//! *What must hold*: a [`Screen`] is consistent: its picture fits its lines, its lines fit the frame buffer, and its
//! cursor is inside the text. A field that an older Xen did not write is absent, not zero.
//!
//! *What is not prevented*: a frame buffer that is not there. Nothing here is mapped.

use core::fmt;

use crate::{Maddr, PAGE_SIZE, VgaInfo};

/// `XEN_VGATYPE_TEXT_MODE_3`.
const TEXT_MODE_3: u8 = 0x03;
/// `XEN_VGATYPE_VESA_LFB`.
const VESA_LFB: u8 = 0x23;
/// `XEN_VGATYPE_EFI_LFB`.
const EFI_LFB: u8 = 0x70;

/// The size of a description in text mode, and of a frame buffer's as the first Xen that had one wrote it.
const TEXT_BYTES: u32 = 14;
const BUFFER_BYTES: u32 = 28;
/// What `lfb_size` counts.
const LFB_UNIT: u64 = 0x1_0000;
const PAGE_BYTES: usize = PAGE_SIZE as usize;

/// The screen as Xen leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// VGA text, mode 3.
    Text(TextMode),
    /// A linear frame buffer.
    Graphics(FrameBuffer),
}

/// A screen of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextMode {
    /// The height of a character in pixels.
    pub font_height: u16,
    /// The cursor's column and row.
    pub cursor: (u16, u16),
    /// Rows of characters.
    pub rows: u16,
    /// Characters in a row.
    pub columns: u16,
}

/// Who set the mode of a frame buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The video BIOS.
    Vesa,
    /// EFI's graphics output protocol.
    Efi,
}

/// A screen of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameBuffer {
    /// Who set the mode.
    pub mode: Mode,
    /// Pixels in a line.
    pub width: u16,
    /// Lines.
    pub height: u16,
    /// Bytes from one line to the next.
    pub bytes_per_line: u16,
    /// Bits of a pixel.
    pub bits_per_pixel: u16,
    /// The address of the first byte, from `lfb_base` and, where Xen wrote it, `ext_lfb_base`.
    pub base: Maddr,
    /// Bytes of the frame buffer.
    pub bytes: u64,
    /// Where red, green, blue and the reserved bits lie in a pixel.
    pub colours: [Field; 4],
    /// What the video BIOS can do (VBE function 0x4f00), where Xen wrote it.
    pub capabilities: Option<u32>,
    /// Attributes of the mode (VBE function 0x4f01), where Xen wrote them.
    pub attributes: Option<u16>,
}

/// Some bits of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The lowest bit.
    pub position: u8,
    /// How many bits.
    pub size: u8,
}

/// Why a description of the screen was not understood. The boot goes on without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScreenError {
    /// An unknown type of screen.
    #[error("type {found:#x} is not one of 0x3 (text), 0x23 (VESA) and 0x70 (EFI)")]
    Type {
        /// `video_type`.
        found: u8,
    },
    /// Xen wrote fewer bytes than this type has.
    #[error("{found} bytes describe it, but a description of type {kind:#x} has at least {least}")]
    Size {
        /// `video_type`.
        kind: u8,
        /// `info_size`.
        found: u32,
        /// The bytes needed.
        least: u32,
    },
    /// A text without characters.
    #[error("a text of {} columns and {} rows of height {} shows nothing", .found.0, .found.1, .found.2)]
    Text {
        /// Columns, rows, and the height of a character in pixels.
        found: (u16, u16, u16),
    },
    /// The cursor is outside the text.
    #[error("the cursor at {},{} is outside a text of {}x{}", .found.0, .found.1, .limit.0, .limit.1)]
    Cursor {
        /// Column and row.
        found: (u16, u16),
        /// Columns and rows.
        limit: (u16, u16),
    },
    /// A picture without pixels, or pixels of an impossible width.
    #[error("a picture of {}x{} with {} bits a pixel (1 to 32) shows nothing", .found.0, .found.1, .found.2)]
    Picture {
        /// Width, height, bits of a pixel.
        found: (u16, u16, u16),
    },
    /// A line of the picture is longer than a line of the frame buffer.
    #[error("{found} bytes a line are fewer than the {least} its pixels need")]
    Line {
        /// `bytes_per_line`.
        found: u16,
        /// The bytes needed.
        least: u32,
    },
    /// The picture is larger than the frame buffer.
    #[error("a frame buffer of {found:#x} bytes is smaller than its picture of {least:#x} bytes")]
    Buffer {
        /// The bytes of the frame buffer.
        found: u64,
        /// The bytes needed.
        least: u64,
    },
    /// The frame buffer is at address 0, or not below 2^52.
    #[error("a frame buffer of {bytes:#x} bytes at {found:#x} is not in 0x1..0x10000000000000")]
    Base {
        /// The first byte.
        found: u64,
        /// The bytes of the frame buffer.
        bytes: u64,
    },
    /// A colour is not inside its pixel.
    #[error("a colour of {} bits at bit {} is outside a pixel of {limit} bits", .found.size, .found.position)]
    Colour {
        /// The bits of the colour.
        found: Field,
        /// The bits of a pixel.
        limit: u16,
    },
}

impl Screen {
    /// Reads the description at `place`; `None` where Xen describes no screen, with type 0.
    pub(crate) fn parse(page: &[u8; PAGE_BYTES], place: VgaInfo) -> Option<Result<Self, ScreenError>> {
        let description = Description { page, place };
        let kind = description.byte(0)?;
        match kind {
            0 => None,
            TEXT_MODE_3 => Some(description.text(kind)),
            VESA_LFB => Some(description.buffer(kind, Mode::Vesa)),
            EFI_LFB => Some(description.buffer(kind, Mode::Efi)),
            found => Some(Err(ScreenError::Type { found })),
        }
    }
}

/// Only the bytes that Xen wrote, and no byte after them.
struct Description<'p> {
    page: &'p [u8; PAGE_BYTES],
    place: VgaInfo,
}

impl Description<'_> {
    fn bytes<const LEN: usize>(&self, at: u32) -> Option<[u8; LEN]> {
        let end = at.checked_add(u32::try_from(LEN).ok()?)?;
        if end > self.place.size {
            return None;
        }
        let start = usize::try_from(self.place.offset.checked_add(at)?).ok()?;
        self.page.get(start..)?.first_chunk().copied()
    }

    fn byte(&self, at: u32) -> Option<u8> {
        self.bytes(at).map(u8::from_le_bytes)
    }

    fn short(&self, at: u32) -> Option<u16> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    fn int(&self, at: u32) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn field(&self, at: u32) -> Option<Field> {
        self.bytes(at).map(|[position, size]| Field { position, size })
    }

    fn text(&self, kind: u8) -> Result<Screen, ScreenError> {
        let fields = || {
            let cursor = (self.short(6)?, self.short(8)?);
            let (rows, columns) = (self.short(10)?, self.short(12)?);
            Some(TextMode { font_height: self.short(4)?, cursor, rows, columns })
        };
        let text = fields().ok_or(ScreenError::Size { kind, found: self.place.size, least: TEXT_BYTES })?;
        let TextMode { font_height, cursor, rows, columns } = text;
        if columns == 0 || rows == 0 || font_height == 0 {
            return Err(ScreenError::Text { found: (columns, rows, font_height) });
        }
        if cursor.0 >= columns || cursor.1 >= rows {
            return Err(ScreenError::Cursor { found: cursor, limit: (columns, rows) });
        }
        Ok(Screen::Text(text))
    }

    fn buffer(&self, kind: u8, mode: Mode) -> Result<Screen, ScreenError> {
        let short = ScreenError::Size { kind, found: self.place.size, least: BUFFER_BYTES };
        let sides = || Some([self.short(4)?, self.short(6)?, self.short(8)?, self.short(10)?]);
        let place = || Some((self.int(12)?, self.int(16)?));
        let colours = || Some([self.field(20)?, self.field(22)?, self.field(24)?, self.field(26)?]);
        let [width, height, bytes_per_line, bits_per_pixel] = sides().ok_or(short)?;
        let (low, units) = place().ok_or(short)?;
        let colours = colours().ok_or(short)?;
        // Before Xen 4.13 every frame buffer was below 4 GiB, and the upper half of its address was not written.
        let base = u64::from(self.int(36).unwrap_or(0)) << 32 | u64::from(low);
        let bytes = u64::from(units) * LFB_UNIT;

        if width == 0 || height == 0 || !(1..=32).contains(&bits_per_pixel) {
            return Err(ScreenError::Picture { found: (width, height, bits_per_pixel) });
        }
        let line = (u32::from(width) * u32::from(bits_per_pixel)).div_ceil(8);
        if u32::from(bytes_per_line) < line {
            return Err(ScreenError::Line { found: bytes_per_line, least: line });
        }
        let least = u64::from(bytes_per_line) * u64::from(height);
        if bytes < least {
            return Err(ScreenError::Buffer { found: bytes, least });
        }
        // The base can be any 64-bit number; `bytes` is not 0, because the picture is not empty.
        let last = base.checked_add(bytes - 1).and_then(|last| Maddr::try_new(last).ok());
        let (Ok(start), Some(_), true) = (Maddr::try_new(base), last, base != 0) else {
            return Err(ScreenError::Base { found: base, bytes });
        };
        let [red, green, blue, _reserved] = colours;
        for found in [red, green, blue] {
            if u16::from(found.position) + u16::from(found.size) > bits_per_pixel {
                return Err(ScreenError::Colour { found, limit: bits_per_pixel });
            }
        }
        Ok(Screen::Graphics(FrameBuffer {
            mode,
            width,
            height,
            bytes_per_line,
            bits_per_pixel,
            base: start,
            bytes,
            colours,
            capabilities: self.int(28),
            attributes: self.short(32),
        }))
    }
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(TextMode { font_height, cursor, rows, columns }) => write!(
                f,
                "text, {columns} columns, {rows} rows, font height {font_height}, cursor at {},{}",
                cursor.0, cursor.1
            ),
            Self::Graphics(buffer) => {
                let FrameBuffer { mode, width, height, bits_per_pixel, base, bytes, .. } = buffer;
                let mode = match mode {
                    Mode::Vesa => "VESA",
                    Mode::Efi => "EFI",
                };
                let [red, green, blue, _reserved] = buffer.colours;
                write!(
                    f,
                    "{mode} frame buffer, {width}x{height}, {bits_per_pixel} bits a pixel (red {red}, green {green}, blue {blue}), {} bytes a line, {bytes:#x} bytes at {base}",
                    buffer.bytes_per_line
                )
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.size, self.position)
    }
}
