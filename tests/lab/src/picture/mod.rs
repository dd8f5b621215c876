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
    let mode = match options.mode {
        Mode::DomU if options.shim => "domU on a shim",
        Mode::DomU if options.grub => "domU through GRUB",
        Mode::DomU => "domU",
        Mode::Dom0 => "dom0",
    };
    format!("{mode}, {}, Xen {}", size::text(options.memory), options.release.number())
}

fn files(story: &Story, title: &str, last: &str, icount: bool) -> [String; 3] {
    // A guest that Xen ended said nothing of it.
    let otherwise = || (!last.starts_with("verdict: SUCCESS")).then(|| format!("The run ended so: {last}"));
    let end = story.death.clone().or_else(otherwise);
    let (layout, timeline) =
        (layout::svg(story, title, end.as_deref()), timeline::svg(story, title, end.as_deref(), icount));
    let page = page::html(story, title, last, [&layout, &timeline]);
    [layout, timeline, page]
}
