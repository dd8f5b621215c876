//! Something to draw on, which becomes an SVG file.
//!
//! *What this is*: boxes, lines and texts, in pixels from the upper left corner. Texts are set in a font of one width, and each says how
//! long it is (`textLength`), so they take the same room whatever font a reader has.
//!
//! *What must hold*: names that a guest chose go into texts only, never into attributes: the crate escapes quotes in neither.

use svg::Document;
use svg::node::element::{Line, Path, Rectangle, Style, Text};

/// The size of all texts but headings.
pub(crate) const TEXT: f64 = 11.0;
/// The size of headings.
pub(crate) const HEADING: f64 = 14.0;
/// The width of a sign, of its size.
const SIGN: f64 = 0.602;

/// What the classes look like.
const LOOK: &str = "
text { font-family: 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace; fill: #1b1f24; }
text.dim { fill: #57606a; } text.red { fill: #b3261e; font-weight: bold; } text.head { font-weight: bold; }
rect { stroke: #57606a; stroke-width: 1; } rect.page { fill: #ffffff; stroke: none; }
rect.image { fill: #9ec5f4; } rect.ramdisk { fill: #a8d8a0; } rect.p2m { fill: #f5b971; } rect.tables { fill: #cdb4e8; }
rect.rings { fill: #8fd3cf; } rect.stack { fill: #f2a7a7; } rect.frames { fill: #eef1f4; } rect.module { fill: #f3d77a; }
rect.xen { fill: #c9ced4; } rect.empty { fill: #ffffff; stroke-dasharray: 3 3; }
rect.time { fill: #4f83cc; stroke: none; } rect.calls { fill: #d9822b; stroke: none; } rect.taken { fill: #5a9e58; stroke: none; }
line { stroke: #d0d7de; } line.red { stroke: #b3261e; stroke-width: 2.5; } path.cut { fill: #ffffff; stroke: #57606a; }
";

/// Which end of a text stands where it was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    End,
}

/// A picture that is being drawn.
#[derive(Debug)]
pub(crate) struct Canvas {
    nodes: Vec<Box<dyn svg::Node>>,
    width: f64,
}

impl Canvas {
    /// An empty picture; its height is known at the end.
    pub(crate) fn new(width: f64) -> Self {
        Self { nodes: vec![Style::new(LOOK).into()], width }
    }

    pub(crate) fn width(&self) -> f64 {
        self.width
    }

    /// A box of a class.
    pub(crate) fn rectangle(&mut self, class: &str, [x, y, width, height]: [f64; 4]) {
        let rectangle = Rectangle::new().set("class", class).set("x", px(x)).set("y", px(y));
        self.add(rectangle.set("width", px(width.max(0.0))).set("height", px(height.max(0.0))));
    }

    /// A line of a class.
    pub(crate) fn line(&mut self, class: &str, [x1, y1, x2, y2]: [f64; 4]) {
        let line = Line::new().set("class", class).set("x1", px(x1)).set("y1", px(y1));
        self.add(line.set("x2", px(x2)).set("y2", px(y2)));
    }

    /// A zigzag from `x` on: what is drawn here is higher.
    pub(crate) fn cut(&mut self, x: f64, y: f64, width: f64) {
        const TEETH: u32 = 12;
        let step = width / f64::from(TEETH);
        let edge = |at: f64, tooth: u32| {
            (px(x + step * f64::from(tooth)), px(at + if tooth.is_multiple_of(2) { 0.0 } else { 4.0 }))
        };
        let upper = (0..=TEETH).map(|tooth| edge(y, tooth));
        let lower = (0..=TEETH).rev().map(|tooth| edge(y + 5.0, tooth));
        let points: Vec<String> = upper.chain(lower).map(|(x, y)| format!("{x},{y}")).collect();
        self.add(Path::new().set("class", "cut").set("d", format!("M{} Z", points.join(" L"))));
    }

    /// A line of text of a class, on the base line `y`.
    pub(crate) fn text(&mut self, class: &str, size: f64, anchor: Anchor, [x, y]: [f64; 2], text: &str) {
        if text.is_empty() {
            return;
        }
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::End => "end",
        };
        let element = Text::new(text).set("class", class).set("x", px(x)).set("y", px(y));
        let element = element.set("text-anchor", anchor).set("font-size", px(size));
        self.add(element.set("textLength", px(length(text, size))));
    }

    /// The file, so many pixels high.
    pub(crate) fn finish(self, height: f64) -> String {
        let mut page = Document::new()
            .set("viewBox", format!("0 0 {} {}", px(self.width), px(height)))
            .set("width", px(self.width))
            .set("height", px(height))
            .add(Rectangle::new().set("class", "page").set("width", "100%").set("height", "100%"));
        for node in self.nodes {
            page = page.add(node);
        }
        page.to_string() + "\n"
    }

    fn add(&mut self, node: impl Into<Box<dyn svg::Node>>) {
        self.nodes.push(node.into());
    }
}

/// How long a text of a size is.
pub(crate) fn length(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * SIGN * size
}

/// The front of a text, as much as fits into a width; cut off, it ends in `…`.
pub(crate) fn fitting(text: &str, size: f64, width: f64) -> String {
    if length(text, size) <= width {
        return text.to_owned();
    }
    let mut all = String::new();
    for sign in text.chars() {
        if length(&all, size) + 2.0 * SIGN * size > width {
            break;
        }
        all.push(sign);
    }
    all + "…"
}

/// Pixels with one digit after the point.
fn px(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::{Anchor, Canvas, TEXT, fitting, length};

    #[test]
    fn what_a_guest_says_cannot_leave_its_text() {
        let mut canvas = Canvas::new(100.0);
        canvas.text("dim", TEXT, Anchor::Start, [0.0, 20.0], "</text><script>\"&'");
        let file = canvas.finish(50.0);
        assert!(!file.contains("<script") && file.contains("&lt;/text&gt;&lt;script&gt;\"&amp;'"), "{file}");
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_off() {
        assert_eq!(fitting("abc", TEXT, 100.0), "abc");
        let cut = fitting(&"ä".repeat(40), TEXT, 100.0);
        assert!(cut.ends_with("ä…") && length(&cut, TEXT) <= 100.0, "{cut}");
    }
}
