//! `timeline.svg`: when each stage of the boot ran, and what it cost.

use crate::picture::canvas::{Anchor, Canvas, HEADING, TEXT, fitting};
use crate::picture::measure::grouped;
use crate::picture::story::{Step, Story};

const MARGIN: f64 = 16.0;
/// The height of a row.
const ROW: f64 = 22.0;
/// Where the names end, and the widths of what follows.
const NAMES: f64 = 150.0;
const TIME: f64 = 430.0;
const NUMBER: f64 = 120.0;
const BAR: f64 = 80.0;
/// More modules than this are not shown one by one.
const MODULES: usize = 16;

/// Which figure a column of bars shows.
type Figure = fn(&Step) -> u64;

/// The file. `end` is how the run ended, if not well; with `icount` a tick is an instruction.
pub(crate) fn svg(story: &Story, title: &str, end: Option<&str>, icount: bool) -> String {
    let mut canvas = Canvas::new(2.0 * MARGIN + NAMES + TIME + NUMBER + 2.0 * (BAR + NUMBER));
    let width = canvas.width() - 2.0 * MARGIN;
    let mut y = MARGIN + HEADING;
    let title = fitting(&format!("{title}: what each stage of the boot cost"), HEADING, width);
    canvas.text("head", HEADING, Anchor::Start, [MARGIN, y], &title);
    let unit = if icount { "instructions" } else { "ticks" };
    y = stages(&mut canvas, y + 2.0 * ROW, &story.stages, unit);
    if !story.modules.is_empty() {
        let steps: Vec<&Step> = story.modules.iter().map(|module| &module.step).collect();
        y = modules(&mut canvas, y + 2.0 * ROW, &steps, unit);
    }
    let tick = match icount {
        true => "A tick of the time-stamp counter is an instruction (--icount).",
        false => "Ticks of the time-stamp counter; --icount counts instructions in their place.",
    };
    let notes = [
        "What the guest prints between stages and modules is in none of them.",
        tick,
        "Hypercalls: calls of Xen in the stage. Frames: pages of 4 KiB that it took for tables, the P2M or a module.",
    ];
    for note in notes.into_iter().chain(end) {
        y += ROW;
        canvas.text("dim", TEXT, Anchor::Start, [MARGIN, y], &fitting(note, TEXT, width));
    }
    canvas.finish(y + MARGIN)
}

/// The stages, each at its time.
fn stages(canvas: &mut Canvas, y: f64, steps: &[Step], unit: &str) -> f64 {
    let start = steps.iter().map(began).min().unwrap_or_default();
    let end = steps.iter().map(|step| step.end).max().unwrap_or_default();
    let span = end.saturating_sub(start).max(1);
    let mut y = heads(canvas, y, "stage", unit);
    let all: Vec<&Step> = steps.iter().collect();
    for step in &all {
        let at = TIME * share(began(step) - start, span);
        let width = (TIME * share(step.took, span)).min(TIME - at).max(1.0);
        canvas.rectangle("time", [MARGIN + NAMES + at, y - 11.0, width, 12.0]);
        figures(canvas, y, step, &all);
        y += ROW;
    }
    total(canvas, y, &all)
}

/// The modules: how long each took to load.
fn modules(canvas: &mut Canvas, y: f64, steps: &[&Step], unit: &str) -> f64 {
    let shown = &steps[..steps.len().min(MODULES)];
    let most = shown.iter().map(|step| step.took).max().unwrap_or(1).max(1);
    let mut y = heads(canvas, y, "module", unit);
    for step in shown {
        let width = (TIME * share(step.took, most)).max(1.0);
        canvas.rectangle("time", [MARGIN + NAMES, y - 11.0, width, 12.0]);
        figures(canvas, y, step, shown);
        y += ROW;
    }
    if steps.len() > shown.len() {
        let more = format!("{} more modules are not shown", steps.len() - shown.len());
        canvas.text("dim", TEXT, Anchor::Start, [MARGIN, y], &more);
        y += ROW;
    }
    total(canvas, y, steps)
}

fn began(step: &Step) -> u64 {
    step.end.saturating_sub(step.took)
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// The heads of the columns.
fn heads(canvas: &mut Canvas, y: f64, what: &str, unit: &str) -> f64 {
    canvas.text("head", TEXT, Anchor::Start, [MARGIN, y], what);
    canvas.text("head", TEXT, Anchor::Start, [MARGIN + NAMES, y], "time");
    let number = MARGIN + NAMES + TIME + NUMBER;
    canvas.text("head", TEXT, Anchor::End, [number, y], unit);
    for (at, name) in ["hypercalls", "frames"].into_iter().enumerate() {
        canvas.text("head", TEXT, Anchor::End, [number + NUMBER + (BAR + NUMBER) * at as f64, y], name);
    }
    canvas.line("", [MARGIN, y + 6.0, canvas.width() - MARGIN, y + 6.0]);
    y + ROW
}

/// A row: the name, and the figures with a bar for the smaller ones.
fn figures(canvas: &mut Canvas, y: f64, step: &Step, all: &[&Step]) {
    canvas.text("", TEXT, Anchor::Start, [MARGIN, y], &fitting(&step.name, TEXT, NAMES - 8.0));
    let number = MARGIN + NAMES + TIME + NUMBER;
    canvas.text("", TEXT, Anchor::End, [number, y], &fitted(step.took));
    let columns: [(&str, Figure); 2] = [("calls", |step| step.hypercalls), ("taken", |step| step.frames)];
    for (at, (class, figure)) in columns.into_iter().enumerate() {
        let end = number + NUMBER + (BAR + NUMBER) * at as f64;
        let most = all.iter().map(|step| figure(step)).max().unwrap_or(1).max(1);
        canvas.text("", TEXT, Anchor::End, [end, y], &fitted(figure(step)));
        canvas.rectangle(class, [end + 6.0, y - 11.0, (BAR - 12.0) * share(figure(step), most), 12.0]);
    }
}

fn total(canvas: &mut Canvas, y: f64, steps: &[&Step]) -> f64 {
    let sum = |figure: Figure| steps.iter().map(|step| figure(step)).fold(0_u64, u64::saturating_add);
    canvas.line("", [MARGIN, y - 15.0, canvas.width() - MARGIN, y - 15.0]);
    canvas.text("head", TEXT, Anchor::Start, [MARGIN, y], "all");
    let number = MARGIN + NAMES + TIME + NUMBER;
    let sums = [sum(|step| step.took), sum(|step| step.hypercalls), sum(|step| step.frames)];
    for (end, sum) in [number, number + NUMBER, number + 2.0 * NUMBER + BAR].into_iter().zip(sums) {
        canvas.text("head", TEXT, Anchor::End, [end, y], &fitted(sum));
    }
    y + ROW
}

/// A number, as long as its column is wide.
fn fitted(number: u64) -> String {
    fitting(&grouped(number), TEXT, NUMBER - 10.0)
}
