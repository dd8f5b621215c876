//! `report.html`: both pictures, the map of frames, the address space and the modules, in one file without others.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::machine::size::PAGE;
use crate::picture::measure::{grouped, of_pages};
use crate::picture::story::{PageRun, Story};

const LOOK: &str = "
body { font-family: system-ui, sans-serif; margin: 2em auto; max-width: 1160px; padding: 0 1em; color: #1b1f24; background: #fff; }
svg { max-width: 100%; height: auto; } table { border-collapse: collapse; margin: 1em 0; display: block; overflow-x: auto; }
td, th { padding: 0.15em 0.8em; border-bottom: 1px solid #d0d7de; text-align: left; }
td.n, th.n { text-align: right; } td.n, td.a { font-family: monospace; white-space: nowrap; } p.end { font-weight: bold; }
@media (max-width: 960px) { table { font-size: 85%; } td, th { padding: 0.15em 0.4em; } }
";

/// The file.
pub(crate) fn html(story: &Story, title: &str, end: &str, [layout, timeline]: [&str; 2]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) }
                style { (PreEscaped(LOOK)) }
            }
            body {
                h1 { (title) }
                p.end { (end) }
                h2 { "What is mapped where" }
                (PreEscaped(layout))
                h2 { "What each stage cost" }
                (PreEscaped(timeline))
                h2 { "Map of frames: who has which pages" }
                (frames(story))
                @if !story.regions.is_empty() {
                    h2 { "The address space after the boot" }
                    (regions(story))
                }
                @if !story.modules.is_empty() {
                    h2 { "Modules" }
                    (modules(story))
                }
            }
        }
    };
    page.into_string()
}

/// Every page number, at entry and after the boot.
fn frames(story: &Story) -> Markup {
    let rows = both(story);
    html! {
        table {
            tr { th { "from" } th { "to" } th.n { "pages" } th.n { "size" } th { "at entry" } th { "after the boot" } }
            @for [from, to] in rows {
                tr {
                    td.a { (format!("{from:#x}")) } td.a { (format!("{:#x}", to - 1)) }
                    td.n { (grouped(to - from)) } td.n { (of_pages(to - from)) }
                    td { (at_entry(story, from)) } td { (afterwards(story, from)) }
                }
            }
        }
        @if let Some([pages, mapped, free]) = story.memory {
            p {
                "At the end of the run: " (grouped(pages)) " pages of memory, " (grouped(mapped)) " of them mapped, "
                (grouped(free)) " free."
            }
        }
        p {
            "Frames that are not free are page tables, leaves of the P2M, or the payload's."
            @if story.holes > 0 {
                " " (grouped(story.holes)) " page numbers among them have no memory: the host has none there."
            }
        }
    }
}

/// The page numbers, divided wherever one of the two maps has a border.
fn both(story: &Story) -> Vec<[u64; 2]> {
    let ends = |run: &PageRun| [run.pfn, run.pfn + run.pages];
    let mut borders: Vec<u64> = story.built.iter().chain(&story.owners).flat_map(ends).collect();
    borders.extend([0, story.pages]);
    borders.sort_unstable();
    borders.dedup();
    borders.windows(2).filter_map(|pair| <[u64; 2]>::try_from(pair).ok()).collect()
}

fn run_with(runs: &[PageRun], pfn: u64) -> Option<&PageRun> {
    runs.iter().find(|run| run.pfn <= pfn && pfn < run.pfn + run.pages)
}

fn at_entry(story: &Story, pfn: u64) -> String {
    match run_with(&story.built, pfn) {
        Some(run) => run.name.clone(),
        None if pfn < story.pages => "memory".to_owned(),
        None => "no page".to_owned(),
    }
}

fn afterwards(story: &Story, pfn: u64) -> String {
    match run_with(&story.owners, pfn) {
        Some(run) => match run.free {
            Some(free) => format!(
                "{}: {} of the {} in {:#x}..{:#x} are free",
                run.name,
                grouped(free),
                grouped(run.pages),
                run.pfn,
                run.pfn + run.pages
            ),
            None => run.name.clone(),
        },
        None => "unknown".to_owned(),
    }
}

fn regions(story: &Story) -> Markup {
    html! {
        table {
            tr { th { "region" } th { "from" } th { "to" } th.n { "pages" } th.n { "size" } }
            @for region in &story.regions {
                tr {
                    td { (region.name) } td.a { (format!("{:016x}", region.start)) }
                    td.a { (format!("{:016x}", region.start.saturating_add(region.pages.saturating_mul(PAGE).saturating_sub(1)))) }
                    td.n { (grouped(region.pages)) } td.n { (of_pages(region.pages)) }
                }
            }
        }
    }
}

fn modules(story: &Story) -> Markup {
    html! {
        table {
            tr {
                th { "module" } th { "from" } th { "to" } th.n { "size" } th.n { "pages" } th.n { "relocations" }
                th.n { "symbols" } th.n { "hypercalls" } th.n { "ticks" }
            }
            @for module in &story.modules {
                tr {
                    td { (module.step.name) } td.a { (format!("{:016x}", module.start)) }
                    td.a { (format!("{:016x}", module.last)) } td.n { (grouped(module.size)) }
                    td.n { (grouped((module.last - module.start + 1) / PAGE)) } td.n { (grouped(module.relocations)) }
                    td.n { (grouped(module.symbols)) } td.n { (grouped(module.step.hypercalls)) }
                    td.n { (grouped(module.step.took)) }
                }
            }
        }
    }
}
