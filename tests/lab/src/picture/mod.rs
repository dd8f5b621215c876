//! Pictures of a run: `layout.svg`, `timeline.svg` and `report.html`, drawn from what the guest said for programs.

mod canvas;
mod column;
mod layout;
mod measure;
mod page;
pub(crate) mod story;
#[cfg(test)]
mod tests;
mod timeline;

use std::path::Path;

use anyhow::Result;

use crate::machine::options::{Mode, Options};
use crate::machine::size;
use crate::picture::story::Story;
use tools::file;

/// The files.
pub(crate) const NAMES: [&str; 3] = ["layout.svg", "timeline.svg", "report.html"];

/// Draws them into the folder of a run. `last` is how it ended.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn draw(out: &Path, story: &Story, options: &Options, last: &str) -> Result<()> {
    let files = files(story, &title(options), last, options.icount);
    NAMES.into_iter().zip(files).try_for_each(|(name, content)| file::write(&out.join(name), content))
}

/// What was booted, in a few words.
fn title(options: &Options) -> String {
    let mode = match (options.mode, options.shim) {
        (Mode::DomU, false) => "domU",
        (Mode::DomU, true) => "domU on a shim",
        (Mode::Dom0, _) => "dom0",
    };
    format!("{mode}, {}, Xen {}", size::text(options.memory), options.release.number())
}

fn files(story: &Story, title: &str, last: &str, icount: bool) -> [String; 3] {
    let (layout, timeline) = (layout::svg(story, title), timeline::svg(story, title, icount));
    let page = page::html(story, title, last, [&layout, &timeline]);
    [layout, timeline, page]
}
