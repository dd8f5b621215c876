//! `layout.svg`: what is mapped where, before the boot and after it.
//!
//! *What this is*: the picture of Linux commit 357a3cfb, in three columns: memory by its numbers (phys), the kernel's own mapping (`__ka`),
//! and the rest of the address space with the direct map (`__va`). Above as the domain builder left it, below as the payload runs in it.

use crate::machine::size::{MIB, PAGE};
use crate::picture::canvas::{Anchor, Canvas, HEADING, TEXT, fitting};
use crate::picture::column::{BOX, Band, GUTTER, LINE, Look, Scale, class, draw};
use crate::picture::measure;
use crate::picture::story::{KA, LoadedModule, MODULES_VADDR, NamedRegion, PageRun, Story};

/// Around everything, and between columns.
const MARGIN: f64 = 16.0;
/// From one column to the next.
const PITCH: f64 = GUTTER + BOX + MARGIN;
/// What the largest part of the builder's mapping is high.
const LARGEST: f64 = 120.0;
/// The name of pages that the direct map does not reach yet.
const NOT_MAPPED: &str = "not mapped yet";
/// More modules than this are one box.
const MODULES: usize = 10;

/// The file. `end` is how the run ended, if not well.
pub(crate) fn svg(story: &Story, title: &str, end: Option<&str>) -> String {
    let mut canvas = Canvas::new(3.0 * PITCH + MARGIN);
    let scale = scale(story);
    let width = canvas.width() - 2.0 * MARGIN;
    let mut y = MARGIN + HEADING;
    let heads = ["BEFORE: as the domain builder left it", "AFTER: as the payload runs in it"];
    let columns =
        [[built_phys(story), built_ka(story), built_va(story)], [phys(story), ka(story), va(story)]];
    let (ka, va) = (KA.wrapping_add(story.slide()), story.direct_map());
    // As the builder has it no page is at `__va`; the words stay.
    let names = [KA, ka].map(|ka| {
        [
            "phys: number of the page (4 KiB each)".to_owned(),
            format!("__ka: {} + 4096 × page", address(ka)),
            format!("__va: {} + 4096 × page; other regions", address(va)),
        ]
    });
    let title = fitting(&format!("{title}: what is mapped where"), HEADING, width);
    canvas.text("head", HEADING, Anchor::Start, [MARGIN, y], &title);
    for (half, columns) in columns.iter().enumerate() {
        y += 2.0 * LINE;
        canvas.text("head", HEADING, Anchor::Start, [MARGIN, y], heads[half]);
        y += LINE + 4.0;
        for (at, name) in names[half].iter().enumerate() {
            canvas.text("dim", TEXT, Anchor::Start, [MARGIN + PITCH * at as f64, y], name);
        }
        y += 8.0;
        let ends = columns
            .iter()
            .enumerate()
            .map(|(at, bands)| draw(&mut canvas, scale, [MARGIN + PITCH * at as f64, y], bands));
        y = ends.fold(y, f64::max);
    }
    for line in notes(story, scale).into_iter().chain(end.map(str::to_owned)) {
        y += LINE;
        canvas.text("dim", TEXT, Anchor::Start, [MARGIN, y], &fitting(&line, TEXT, width));
    }
    canvas.finish(y + MARGIN)
}

/// The largest part of the builder's mapping that is in use sets the scale.
fn scale(story: &Story) -> Scale {
    let used = story.built.iter().filter(|run| run.name != "padding");
    let largest = used.map(|run| run.pages).max().unwrap_or(1);
    Scale(LARGEST / largest.max(1) as f64)
}

/// What a reader must know of the boxes that are there.
fn notes(story: &Story, Scale(scale): Scale) -> Vec<String> {
    if story.built.is_empty() {
        return Vec::new();
    }
    let pixels = scale * (MIB / PAGE) as f64;
    let mut notes = vec![
        format!(
            "To scale: 1 MiB is {pixels:.2} pixels high. What would be lower than {LINE} pixels is drawn as high as that; \
             a zigzag marks what is cut."
        ),
        "Red: MODULES_VADDR, where modules belong. Dashed: nothing is there, or not yet.".to_owned(),
    ];
    let mut words =
        vec!["Relocations: applied by the first code. Padding: mapped by the builder beyond what it had to."];
    if !story.owners.is_empty() {
        words.push("Frames: what the kernel hands out. First tables: made before that.");
    }
    notes.push(words.join(" "));
    notes.extend((story.slide() != 0).then(|| {
        format!(
            "Kernel image: moved up by {} at boot; its addresses are chosen anew each time.",
            hex(story.slide())
        )
    }));
    notes.extend((story.holes > 0).then(|| {
        let size = measure::of_pages(story.holes);
        format!("Among the frames are holes of the host's memory map ({size}): page numbers without memory.")
    }));
    notes
}

/// Memory before the boot, to its end.
fn built_phys(story: &Story) -> Vec<Band> {
    if story.built.is_empty() {
        return not_so_far();
    }
    let mut bands = Vec::new();
    let mut next = 0;
    for run in &story.built {
        if run.pfn > next {
            bands.push(rest(next, run.pfn));
        }
        bands.push(page_band(run, hex(run.pfn)));
        next = next.max(run.pfn + run.pages);
    }
    if story.pages > next {
        bands.push(rest(next, story.pages));
        next = story.pages;
    }
    ended(bands, hex(next))
}

/// Memory that the builder did not use.
fn rest(from: u64, end: u64) -> Band {
    let run = PageRun { name: "memory".to_owned(), pfn: from, pages: end - from, at: None, free: None };
    page_band(&run, hex(from))
}

fn page_band(run: &PageRun, from: String) -> Band {
    let size = match run.free {
        Some(free) if free == run.pages => format!("{}, free", measure::of_pages(free)),
        Some(free) => format!("{} of {} free", measure::of_pages(free), measure::of_pages(run.pages)),
        None => measure::of_pages(run.pages),
    };
    let look = if run.name == NOT_MAPPED { Look::Empty } else { Look::Box(class(&run.name)) };
    Band { from, is_module_border: false, name: run.name.clone(), size, pages: run.pages, look }
}

/// The builder's mapping, divided where modules belong if it reaches so far.
fn built_ka(story: &Story) -> Vec<Band> {
    let border = (MODULES_VADDR - KA) / PAGE;
    let mut bands = Vec::new();
    for run in story.built.iter().filter(|run| run.is_in_ka()) {
        let below = border.saturating_sub(run.pfn).min(run.pages);
        let parts = [(run.pfn, below, ""), (run.pfn + below, run.pages - below, ", continued")];
        for (pfn, pages, word) in parts.into_iter().filter(|(_, pages, _)| *pages > 0) {
            let word = if below == 0 { "" } else { word };
            let part = PageRun { name: format!("{}{word}", run.name), pfn, pages, ..run.clone() };
            let mut band = page_band(&part, address(KA + pfn * PAGE));
            band.is_module_border = pfn == border;
            bands.push(band);
        }
    }
    let end = KA + story.mapped_end() * PAGE;
    if bands.is_empty() {
        return bands;
    }
    bands.push(Band::gap(address(end), ""));
    if end <= MODULES_VADDR {
        bands.push(module_border(MODULES_VADDR, "room for modules"));
    }
    bands
}

/// Empty from where modules belong.
fn module_border(from: u64, name: &str) -> Band {
    let (from, name) = (address(from), name.to_owned());
    Band { from, is_module_border: true, name, size: String::new(), pages: 0, look: Look::Empty }
}

/// What the builder mapped elsewhere: with the note INIT_P2M its list.
fn built_va(story: &Story) -> Vec<Band> {
    let elsewhere = |run: &&PageRun| run.at.is_some() && !run.is_in_ka();
    let mut bands = Vec::new();
    for run in story.built.iter().filter(elsewhere) {
        let at = run.at.unwrap_or_default();
        let mut band = page_band(run, address(at));
        band.name = format!("{}: INIT_P2M", run.name);
        bands.push(band);
        bands.push(Band::gap(address(at.saturating_add(run.pages * PAGE)), ""));
    }
    if bands.is_empty() && !story.built.is_empty() {
        bands.push(Band::gap(String::new(), "nothing is mapped here yet"));
    }
    bands
}

/// Memory after the boot.
fn phys(story: &Story) -> Vec<Band> {
    let bands: Vec<Band> = story.owners.iter().map(|run| page_band(run, hex(run.pfn))).collect();
    match story.owners.last() {
        Some(last) => ended(bands, hex(last.pfn + last.pages)),
        None => not_so_far(),
    }
}

fn not_so_far() -> Vec<Band> {
    vec![Band::gap(String::new(), "the guest did not get this far")]
}

/// The upper 2 GiB after the boot: image, modules, fixmap, and a list that was left.
fn ka(story: &Story) -> Vec<Band> {
    let mut bands = Vec::new();
    let mut next = KA;
    let kept = story.built.iter().filter(|run| story.copied == Some(false) && run.name == "P2M list");
    let kept = kept.filter_map(|run| {
        let start = run.at.filter(|at| *at >= KA)?;
        Some(NamedRegion { name: "P2M list, left there".to_owned(), start, pages: run.pages })
    });
    let mut regions: Vec<NamedRegion> =
        story.regions.iter().filter(|region| region.start >= KA).cloned().collect();
    regions.extend(kept);
    regions.sort_by_key(|region| region.start);
    for region in &regions {
        if region.start > next {
            bands.push(Band::gap(address(next), "nothing is mapped"));
        }
        if region.name == "module window" {
            bands.extend(window(story, region));
        } else {
            bands.push(region_band(story, region));
        }
        next = next.max(end_of(region));
    }
    if bands.is_empty() { bands } else { ended(bands, address(next)) }
}

/// The module window: the modules, and what is left of it.
fn window(story: &Story, region: &NamedRegion) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    let (shown, others) = story.modules.split_at(story.modules.len().min(MODULES));
    bands.extend(
        shown.iter().map(|module| loaded(&format!("module {}", module.step.name), module, module.last)),
    );
    let last = story.modules.last();
    if let (Some(first), Some(last)) = (others.first(), last) {
        bands.push(loaded(&format!("{} more modules", others.len()), first, last.last));
    }
    let used = last.map_or(region.start, |last| last.last + 1);
    let pages = end_of(region).saturating_sub(used) / PAGE;
    let mut free = module_border(used, "module window, free");
    (free.pages, free.size) = (pages, measure::of_pages(pages));
    free.is_module_border = false;
    bands.push(free);
    if let Some(first) = bands.first_mut() {
        first.is_module_border = true;
    }
    bands
}

fn loaded(name: &str, module: &LoadedModule, last: u64) -> Band {
    let pages = (last.saturating_sub(module.start) + 1) / PAGE;
    let (from, name, size) = (address(module.start), name.to_owned(), measure::of_pages(pages));
    Band { from, is_module_border: false, name, size, pages, look: Look::Box("module") }
}

/// The address space below the kernel's own mapping after the boot.
fn va(story: &Story) -> Vec<Band> {
    let mut bands = Vec::new();
    let mut next = None;
    for region in story.regions.iter().filter(|region| region.start < KA) {
        if let Some(next) = next.filter(|next| *next < region.start) {
            bands.push(Band::gap(address(next), ""));
        }
        bands.extend(mapped_so_far(story, region));
        next = Some(end_of(region));
    }
    match next {
        Some(next) => ended(bands, address(next)),
        None => bands,
    }
}

/// A region; of the direct map with `map=lazy` the two parts of it.
fn mapped_so_far(story: &Story, region: &NamedRegion) -> Vec<Band> {
    let waiting = story.owners.iter().find(|run| run.name == NOT_MAPPED && region.name == "direct map");
    let Some(mapped) = waiting.map(|run| run.pfn).filter(|mapped| *mapped < region.pages) else {
        return vec![region_band(story, region)];
    };
    let rest = PageRun {
        name: format!("{}, {NOT_MAPPED}", region.name),
        pfn: mapped,
        pages: region.pages - mapped,
        at: None,
        free: None,
    };
    let mut band = page_band(&rest, address(region.start.saturating_add(mapped.saturating_mul(PAGE))));
    band.look = Look::Empty;
    vec![region_band(story, &NamedRegion { pages: mapped, ..region.clone() }), band]
}

/// Some regions are only room: nobody may have mapped a device, and the P2M is either where the builder put it or in a place of its own.
fn region_band(story: &Story, region: &NamedRegion) -> Band {
    let is_left = story.copied == Some(false);
    let was_there = story.built.iter().any(|run| run.at == Some(region.start));
    let look = match region.name.as_str() {
        "device memory" | "payload" => Look::Empty,
        "builder's P2M" if is_left && was_there => Look::Box("p2m"),
        "builder's P2M" => Look::Empty,
        "linear P2M" if is_left => Look::Empty,
        name => Look::Box(class(name)),
    };
    let (from, name, size) = (address(region.start), region.name.clone(), measure::of_pages(region.pages));
    Band { from, is_module_border: false, name, size, pages: region.pages, look }
}

fn end_of(region: &NamedRegion) -> u64 {
    region.start.saturating_add(region.pages.saturating_mul(PAGE))
}

/// The bands, and where the last of them ends.
fn ended(mut bands: Vec<Band>, end: String) -> Vec<Band> {
    bands.push(Band::gap(end, ""));
    bands
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

fn address(number: u64) -> String {
    format!("{number:016x}")
}
