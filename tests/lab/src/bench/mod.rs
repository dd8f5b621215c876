//! `scripts/bench`: measures the boot as dom0, writes the table of docs/performance.md, holds it against the budgets.
//!
//! Under `--icount` the time stamp counter counts the instructions of guest and Xen, so what else this machine does has no
//! part in the figures, and two machines may run at once.

pub(crate) mod budget;
pub(crate) mod measured;
pub(crate) mod peers;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::bench::budget::{CHOICES, WAYS, Way, chosen_exceeds, exceeded};
use crate::bench::measured::{Cost, KASLR, Measured, STAGES};
use crate::bench::peers::PEERS;
use crate::build;
use crate::is_help;
use crate::machine;
use crate::machine::options::{Mode, Options};
use crate::machine::size::{GIB, MIB, text};
use crate::run;
use crate::run::boot;
use crate::run::outcome::Outcome;
use crate::run::screen::Screen;
use crate::setup::release::Release;
use crate::setup::{self, Parts};
use crate::suite::ration::Ration;
use tools::usage::Usage;
use tools::{file, folder, paths};

const PAGE: &str = "docs/performance.md";
const SIZES: [u64; 4] = [256 * MIB, GIB, 8 * GIB, 32 * GIB];
/// Measured only with `scripts/bench all`; has a table of its own.
const LARGE: u64 = 128 * GIB;
const MACHINES: usize = 2;

/// A boot that was measured: which of [`WAYS`], bytes of the machine, what it cost.
type Run = (usize, u64, Measured);

/// Makes the table afresh.
///
/// # Errors
/// An argument is unknown, a boot fails, or the page has lost its marks.
pub(crate) fn bench(arguments: &[OsString]) -> Result<ExitCode> {
    let all = match arguments {
        [] => false,
        [word] if word == "all" => true,
        _ if is_help(arguments) => {
            tools::say!("{}", include_str!("../../../../scripts/help/bench.txt").trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        _ => {
            let words: Vec<String> = arguments.iter().map(|word| word.display().to_string()).collect();
            let wrong = format!("it takes the word all, or nothing, not {}", words.join(" "));
            return Err(Usage {
                script: "bench",
                wrong,
                instead: "scripts/bench, or scripts/bench all".to_owned(),
            }
            .into());
        }
    };
    let parts = setup::ensure(Release::default())?;
    tools::note!("bench: building the kernel");
    build::kernels()?;
    build::modules()?;
    let sizes: Vec<u64> = SIZES.into_iter().chain(all.then_some(LARGE)).collect();
    let wanted: Vec<(usize, u64)> =
        sizes.iter().flat_map(|size| (0..WAYS.len()).map(move |way| (way, *size))).collect();
    let runs = measure_all(&wanted, &parts)?;
    let path = paths::root().join(PAGE);
    let mut page = std::fs::read_to_string(&path).context(PAGE)?;
    page = replaced(&page, "bench", &tables(&runs, &SIZES))?;
    page = replaced(&page, "bench-peers", &comparison(&of_way(&runs, 0), &SIZES))?;
    if all {
        page = replaced(&page, "bench-large", &tables(&runs, &[LARGE]))?;
    }
    std::fs::write(&path, page).context(PAGE)?;
    let mut over: Vec<String> =
        WAYS.iter().enumerate().flat_map(|(index, way)| exceeded(way, &of_way(&runs, index))).collect();
    let [chosen, fixed] = [CHOICES.0, CHOICES.1].map(|way| of_way(&runs, way));
    over.extend(chosen_exceeds(&chosen, &fixed));
    for line in &over {
        tools::say!("over budget: {line}");
    }
    tools::say!("{} boots measured, {} figures over budget; table in {PAGE}", runs.len(), over.len());
    Ok(if over.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Boots all that is wanted, a few at a time; sorted by way and size.
fn measure_all(wanted: &[(usize, u64)], parts: &Parts) -> Result<Vec<Run>> {
    let ration = Ration::of_this_machine()?;
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let work = || {
        while let Some(&(index, memory)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
            let way = &WAYS[index];
            let result = measure(way, memory, parts, &ration).map(|measured| (index, memory, measured));
            let result = result.with_context(|| format!("dom0 of {}, {}", text(memory), way.name));
            done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    std::thread::scope(|scope| (0..MACHINES).for_each(|_| drop(scope.spawn(work))));
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut runs = done.into_iter().collect::<Result<Vec<Run>>>()?;
    runs.sort_by_key(|(way, memory, _)| (*way, *memory));
    Ok(runs)
}

fn measure(way: &Way, memory: u64, parts: &Parts, ration: &Ration) -> Result<Measured> {
    let mut options = Options::new(Mode::Dom0);
    options.memory = memory;
    options.icount = true;
    // Modules are loaded after the boot layer's last stage. Of two words with one key the last counts.
    options.cmdline = format!("report=json modules=none kaslr=off {}", way.words);
    options.timeout = Some(2 * options.patience());
    let _portion = ration.take(machine::touched(&options))?;
    let started = Instant::now();
    let out = paths::lab().join("bench").join(format!("{}-{}", text(memory), way.words.replace(' ', "-")));
    folder::remove(&out)?;
    let out = boot::fresh(&out)?;
    let report = run::run(&options, parts, &out, &Screen::dark())?;
    ensure!(report.outcome == Outcome::Success, "{} (logs: {})", report.last, out.display());
    let measured = Measured::of(&file::text(&out.join("guest.log"))?)?;
    let instructions = measured.sum().instructions;
    tools::say!(
        "dom0 of {:5} {:18} {:>16} instructions, {:>6} a page, {:3} s",
        text(memory),
        way.name,
        grouped(instructions),
        ratio(instructions, measured.pages),
        started.elapsed().as_secs()
    );
    Ok(measured)
}

fn of_way(runs: &[Run], way: usize) -> Vec<(u64, Measured)> {
    runs.iter().filter(|run| run.0 == way).map(|(_, memory, measured)| (*memory, measured.clone())).collect()
}

/// A table for each way, a row for each stage, three columns for each size.
fn tables(runs: &[Run], sizes: &[u64]) -> String {
    let mut lines = Vec::new();
    for (index, way) in WAYS.iter().enumerate() {
        let mut runs = of_way(runs, index);
        runs.retain(|(memory, _)| sizes.contains(memory));
        let cells = |cell: &dyn Fn(&(u64, Measured)) -> String| runs.iter().map(cell).collect::<String>();
        lines.push(format!("**{}** (`{}`)\n", way.name, way.words));
        lines.push(format!("| machine |{}", cells(&|(memory, _)| format!(" **{}** | | |", text(*memory)))));
        lines.push(format!("|---|{}", "--:|--:|--:|".repeat(runs.len())));
        let pages = |(_, measured): &(u64, Measured)| {
            format!(" {} pages | {} mapped | |", grouped(measured.pages), grouped(measured.mapped))
        };
        lines.push(format!("| |{}", cells(&pages)));
        lines.push(format!("| stage |{}", cells(&|_| " instructions | a page | calls, frames |".to_owned())));
        let row = |cost: Cost, pages: u64| {
            format!(
                " {} | {} | {}, {} |",
                grouped(cost.instructions),
                ratio(cost.instructions, pages),
                cost.hypercalls,
                grouped(cost.frames)
            )
        };
        if runs.iter().all(|(_, measured)| measured.kaslr.is_some()) {
            let cost =
                |(_, measured): &(u64, Measured)| row(measured.kaslr.unwrap_or_default(), measured.pages);
            lines.push(format!("| {KASLR} |{}", cells(&cost)));
        }
        for (number, stage) in STAGES.iter().enumerate() {
            let cost = |(_, measured): &(u64, Measured)| row(measured.costs[number], measured.pages);
            lines.push(format!("| {stage} |{}", cells(&cost)));
        }
        lines.push(format!("| all |{}\n", cells(&|(_, measured)| row(measured.sum(), measured.pages))));
    }
    lines.join("\n")
}

/// A row for each thing that others do too, in instructions a page; `runs` are those of the way the others take.
fn comparison(runs: &[(u64, Measured)], sizes: &[u64]) -> String {
    let sizes: Vec<u64> = sizes.iter().copied().filter(|size| peers::SIZES.contains(size)).collect();
    let cells = |cell: &dyn Fn(u64) -> String| {
        sizes.iter().map(|size| format!(" {} |", cell(*size)).replace("  |", " |")).collect::<String>()
    };
    let mut lines = vec![format!("| instructions a page | who |{}", cells(&|size| text(size)))];
    lines.push(format!("|---|---|{}", "--:|".repeat(sizes.len())));
    for peer in &PEERS {
        let theirs =
            |size| peer.hundredths(size).map_or_else(String::new, |hundredths| ratio(hundredths, 100));
        lines.push(format!("| {} | {} |{}", peer.what, peer.who, cells(&theirs)));
        let ours = |size| {
            let run = runs.iter().find(|(memory, _)| *memory == size);
            run.map_or_else(String::new, |(_, measured)| ratio(peer.ours(measured), measured.pages))
        };
        lines.push(format!("| | this layer: {} |{}", peer.ours.join(", "), cells(&ours)));
    }
    lines.join("\n")
}

/// The page with what stands between the marks of `name` replaced.
fn replaced(page: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let lost = || format!("{PAGE} has lost its marks {begin} and {end}");
    let (before, rest) = page.split_once(&begin).with_context(lost)?;
    let (_, after) = rest.split_once(&end).with_context(lost)?;
    Ok(format!("{before}{begin}\n{}\n{end}{after}", text.trim_end()))
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A quotient to two digits behind the point, rounded.
fn ratio(number: u64, by: u64) -> String {
    let hundredths = (number * 100 + by / 2) / by;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::{LARGE, SIZES, bench, comparison, grouped, ratio, replaced, tables};
    use crate::bench::measured::Measured;
    use crate::bench::measured::tests::console;
    use crate::machine::size::{GIB, MIB};

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!([0, 999, 1000, 853_389_952].map(grouped), ["0", "999", "1,000", "853,389,952"]);
        assert_eq!([ratio(853_389_952, 2_042_801), ratio(1, 3), ratio(2, 3)], ["417.75", "0.33", "0.67"]);
    }

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let page = "a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nb\n";
        assert_eq!(
            replaced(page, "bench", "new\n").unwrap(),
            "a\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\nb\n"
        );
        assert!(replaced(page, "bench-large", "new").is_err());
    }

    #[test]
    fn a_row_for_each_stage() {
        let runs = [256 * MIB, GIB].map(|memory| (0, memory, Measured::of(&console(1024, 2048)).unwrap()));
        let text = tables(&runs, &SIZES);
        assert!(text.contains("| direct map | 2,048 | 2.00 | 1, 2 | 2,048 | 2.00 | 1, 2 |\n"), "{text}");
        assert!(text.contains("| all | 20,480 | 20.00 | 10, 20 |"), "{text}");
        assert!(!tables(&runs, &[LARGE]).contains("2,048"));
    }

    #[test]
    fn others_beside_ours() {
        let run = (GIB, Measured::of(&console(1000, 500)).unwrap());
        let text = comparison(&[run], &SIZES);
        assert!(text.starts_with("| instructions a page | who | 1G | 8G | 32G |\n"), "{text}");
        assert!(
            text.contains(" | 518.79 | 492.57 | 523.80 |\n| | this layer: direct map | 0.50 | | |\n"),
            "{text}"
        );
    }

    #[test]
    fn other_arguments_are_refused() {
        assert!(bench(&["everything".into()]).is_err());
    }
}
