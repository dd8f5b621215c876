//! A column of a picture of memory: bands from the top down, lowest address first.
//!
//! *What this is*: a band is a box, or a gap in which nothing is. Left of it stands where it begins. All boxes of a picture have one scale;
//! one that would be lower than a line of text is as high as that, and one that would be very high is cut.
//!
//! *What must hold*: a band is at least as high as a line, and no text is taller or wider than its place. So no two texts meet.

use crate::picture::canvas::{Anchor, Canvas, TEXT, fitting, length};

/// The height of a line of text, and of the lowest band.
pub(crate) const LINE: f64 = 18.0;
/// A box as high as this is cut.
const HIGHEST: f64 = 140.0;
/// Room for where a band begins: sixteen digits.
pub(crate) const GUTTER: f64 = 116.0;
/// The width of a box.
pub(crate) const BOX: f64 = 250.0;
/// Between a box and its text.
const INSET: f64 = 5.0;

/// A box, or a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Band {
    /// Where it begins, as text.
    pub(crate) from: String,
    /// Whether that is where modules belong.
    pub(crate) is_module_border: bool,
    pub(crate) name: String,
    /// How much it is.
    pub(crate) size: String,
    pub(crate) pages: u64,
    pub(crate) look: Look,
}

/// How a band looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// A box of a class of [`Canvas`].
    Box(&'static str),
    /// A box in which nothing is mapped, or nothing is yet.
    Empty,
    /// No box.
    Gap,
}

impl Band {
    /// A gap from here on, with some words in it.
    pub(crate) fn gap(from: String, name: &str) -> Self {
        let name = name.to_owned();
        Self { from, is_module_border: false, name, size: String::new(), pages: 0, look: Look::Gap }
    }
}

/// The class of what has this name.
pub(crate) fn class(name: &str) -> &'static str {
    match name {
        "kernel image" => "image",
        "ramdisk" => "ramdisk",
        "linear P2M" => "p2m",
        "page tables" | "first tables" => "tables",
        "start_info" | "rings" | "fixmap" => "rings",
        "boot stack" => "stack",
        "hypervisor hole" => "xen",
        _ if name.starts_with("P2M list") => "p2m",
        _ => "frames",
    }
}

/// Pixels for each page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale(pub(crate) f64);

impl Scale {
    /// How high a band is, and whether it is cut.
    pub(crate) fn height(self, band: &Band) -> (f64, bool) {
        let exact = band.pages as f64 * self.0;
        match band.look {
            Look::Gap => (LINE, false),
            _ if exact > HIGHEST => (HIGHEST * 0.75, true),
            _ => (exact.max(LINE), false),
        }
    }
}

/// Draws a column from `y` on; returns where it ends.
pub(crate) fn draw(canvas: &mut Canvas, scale: Scale, [x, mut y]: [f64; 2], bands: &[Band]) -> f64 {
    let left = x + GUTTER;
    for band in bands {
        let (height, is_cut) = scale.height(band);
        match band.look {
            Look::Box(class) => canvas.rectangle(class, [left, y, BOX, height]),
            Look::Empty => canvas.rectangle("empty", [left, y, BOX, height]),
            Look::Gap => {}
        }
        let base = y + LINE - 5.0;
        let class = if band.is_module_border { "red" } else { "dim" };
        let from = fitting(&band.from, TEXT, GUTTER - INSET);
        canvas.text(class, TEXT, Anchor::End, [left - INSET, base], &from);
        labels(canvas, band, [left, base], height);
        if is_cut {
            canvas.cut(left, y + height * 0.6, BOX);
        }
        if band.is_module_border {
            canvas.line("red", [left - INSET, y, left + BOX, y]);
        }
        y += height;
    }
    y
}

/// Name and size in a box: side by side, below each other where that does not fit, and in a low box the name alone.
fn labels(canvas: &mut Canvas, band: &Band, [left, base]: [f64; 2], height: f64) {
    let width = BOX - 2.0 * INSET;
    let beside = length(&band.name, TEXT) + length(&band.size, TEXT) + TEXT <= width;
    let look = if band.look == Look::Gap { "dim" } else { "" };
    let name = fitting(&band.name, TEXT, width);
    canvas.text(look, TEXT, Anchor::Start, [left + INSET, base], &name);
    if beside || height >= 2.0 * LINE {
        let y = if beside { base } else { base + LINE - 3.0 };
        let size = fitting(&band.size, TEXT, width);
        canvas.text("dim", TEXT, Anchor::End, [left + BOX - INSET, y], &size);
    }
}
