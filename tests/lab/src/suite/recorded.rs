//! Runs that were recorded, judged again with one thing changed: each condition of a check is seen failing.
//!
//! *What this is*: `tests/lab/recorded/RUN.txt` holds what the checks read of a real run, `changes.txt` what to change in it and the words
//! with which it must be refused then. `tests/lab/recorded/README.md` says how they were made.
//!
//! *What is not tried*: dumps and what the walker says of them; the comparison with the model.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::machine::options::Options;
use crate::run::complaint;
use crate::run::outcome::{Outcome, Report};
use crate::setup::Parts;
use crate::suite::case::{Case, Evidence};
use crate::suite::host::this_year;
use crate::suite::soak::boot::Boot;
use crate::suite::{large, xen, xens};

/// A run: the names of its files and their content.
#[derive(Debug, Clone)]
struct Recorded(Vec<(String, String)>);

/// What a guest says whose image stays as its command line asks.
const STAYED: &str = "@fact {\"fact\":\"kaslr\",\"slide\":\"0x0\",\"bases\":0,\"source\":\"off\"}\n";

/// The line with what it lacks if it was recorded before a page of what stays in use could have another number than the builder's.
fn with_listed(line: &str) -> String {
    const LASTING: [&str; 3] = ["kernel image", "start_info", "rings"];
    let is_lasting = LASTING.iter().any(|name| line.contains(&format!("\"owner\",\"name\":\"{name}\"")));
    let pfn = line.split_once("\"pfn\":").and_then(|(_, rest)| rest.split_once(','));
    match pfn.filter(|_| is_lasting && !line.contains("\"listed\"")) {
        Some((pfn, _)) => line.replace("}", &format!(",\"listed\":{pfn}}}")),
        None => line.to_owned(),
    }
}

/// A paragraph of `changes.txt`.
#[derive(Debug, Clone, Copy)]
struct Change<'t> {
    run: &'t str,
    /// Words of the complaint.
    says: &'t str,
    /// `FILE | WHAT | BY WHAT`, a line each.
    edits: &'t str,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded")
}

impl Recorded {
    fn of(run: &str) -> Result<Self> {
        let text = std::fs::read_to_string(folder().join(format!("{run}.txt"))).context(run.to_owned())?;
        let mut files: Vec<(String, String)> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match (line.strip_prefix("== "), files.last_mut()) {
                (Some(name), _) => files.push((name.to_owned(), String::new())),
                (None, Some((_, content))) => *content += &format!("{line}\n"),
                (None, None) => bail!("{run}: a line before the first file: {line}"),
            }
        }
        let mut recorded = Self(files);
        // The clock of the machine was this machine's, then and now.
        let year = format!("\"year\":{}", this_year()?);
        let guest = recorded.file("guest.log").context("no guest.log")?;
        *guest = guest.replace("\"year\":2026", &year);
        // Most runs were recorded before an image could move.
        if guest.contains("@fact ") && !guest.contains("\"fact\":\"kaslr\"") {
            for end in ["fatal", "cut short"] {
                let begins = format!("\"fact\":\"{end}\",");
                *guest = guest.replace(&begins, &format!("{begins}\"slide\":\"0x0\","));
            }
            guest.push_str(STAYED);
        }
        *guest = guest.split_inclusive('\n').map(with_listed).collect();
        Ok(recorded)
    }

    fn file(&mut self, name: &str) -> Option<&mut String> {
        self.0.iter_mut().find(|(found, _)| found == name).map(|(_, content)| content)
    }

    /// The same after one line of a change.
    fn edited(mut self, line: &str) -> Result<Self> {
        let parts: Vec<&str> = line.trim().split(" | ").collect();
        let [file, from, to] = parts[..] else { bail!("not three parts: {line}") };
        let [from, to] =
            [from, to].map(|part| if part == "-" { String::new() } else { part.replace('␤', "\n") });
        let content = self.file(file).with_context(|| format!("no such file: {line}"))?;
        ensure!(content.contains(&from), "is not there: {line}");
        *content = content.replacen(&from, &to, 1);
        Ok(self)
    }

    /// What the run left, as the suite gathers it.
    fn evidence(&mut self, options: &mut Options) -> Result<Evidence> {
        let outcome = self.file("outcome").cloned().context("no outcome")?;
        let names = self.file("names").cloned().unwrap_or_default();
        let out = std::env::temp_dir().join(format!("lab-recorded-{}", std::process::id()));
        // An error may have left it.
        let _gone = std::fs::remove_dir_all(&out);
        std::fs::create_dir_all(&out)?;
        for (name, content) in &self.0 {
            std::fs::write(out.join(name), content)?;
        }
        // Nobody reads it: the names of its functions were recorded.
        options.kernel = Some(PathBuf::new());
        let nowhere = PathBuf::new;
        let release = options.release;
        if self.file("guest.log").is_some_and(|guest| guest.ends_with(STAYED)) {
            options.cmdline += " kaslr=off";
        }
        let [xen, xen_efi, shim, linux, root, grub] = std::array::from_fn(|_| nowhere());
        let parts = Parts { release, xen, xen_efi, shim, linux, root, grub };
        let complaints = complaint::of_run(&out, options, 0)?;
        let (word, last) = outcome.trim_end().split_once('\n').unwrap_or((outcome.trim_end(), ""));
        let (outcome, refused) = match word {
            "Success" => (Outcome::Success, false),
            "Failure" => (Outcome::Failure, false),
            "Refused" => (Outcome::Failure, true),
            "Crashed" => (Outcome::Crashed, false),
            _ => bail!("no outcome: {word}"),
        };
        let report = Report { outcome, refused, last: last.to_owned(), complaints, out };
        let mut evidence = Evidence::left(options, &parts, &report.out.clone(), report)?;
        evidence.named = names.lines().map(str::to_owned).collect();
        Ok(evidence)
    }

    /// Judges it as the suite did: a row by its name, a boot of the soak by its seed.
    fn judged(mut self, run: &str) -> Result<()> {
        if let Some(seed) = run.strip_prefix("soak-") {
            let boot = Boot::drawn(seed.parse()?);
            let evidence = self.evidence(&mut boot.options().clone())?;
            return ended(&evidence, |evidence| boot.judged(evidence));
        }
        let all: Vec<Case> = xen().chain(xens()).chain(large()).collect();
        let case = all.iter().find(|case| case.name == run).with_context(|| format!("no run {run}"))?;
        let mut options = case.options()?;
        let evidence = self.evidence(&mut options)?;
        ended(&evidence, |evidence| case.examine(evidence, case.loads_all(&options)))
    }
}

/// Judges, and takes the folder away.
fn ended(evidence: &Evidence, judge: impl FnOnce(&Evidence) -> Result<()>) -> Result<()> {
    let result = judge(evidence);
    std::fs::remove_dir_all(&evidence.report.out)?;
    result
}

/// `RUN: COMPLAINT`, and below it the edits; `␤` stands for the end of a line, `-` for nothing.
fn changes(text: &str) -> Result<Vec<Change<'_>>> {
    let paragraphs =
        text.split("\n\n").map(str::trim).filter(|part| !part.is_empty() && !part.starts_with('#'));
    let change = |part| {
        let (head, edits) =
            str::split_once(part, '\n').with_context(|| format!("nothing changed: {part}"))?;
        let (run, says) = head.split_once(": ").with_context(|| format!("no complaint: {head}"))?;
        Ok(Change { run, says, edits })
    };
    paragraphs.map(change).collect()
}

/// Why this change is not noticed as it should be.
fn missed(change: Change<'_>) -> Option<String> {
    let Change { run, says, edits } = change;
    let edited = Recorded::of(run).and_then(|recorded| edits.lines().try_fold(recorded, Recorded::edited));
    let recorded = match edited {
        Ok(recorded) => recorded,
        Err(error) => return Some(format!("{run}: {error:#}")),
    };
    match recorded.judged(run) {
        Ok(()) => Some(format!("not noticed: {run}: {edits}")),
        Err(error) if format!("{error:#}").contains(says) => None,
        Err(error) => Some(format!("noticed otherwise than by {says}: {run}: {edits}: {error:#}")),
    }
}

#[test]
fn each_condition_is_seen_failing() {
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        runs.extend(name.strip_suffix(".txt").filter(|name| *name != "changes").map(str::to_owned));
    }
    // What is asked after all else is a dump, which is not kept.
    let dumped = |error: &anyhow::Error| format!("{error:#}").contains("cannot read the core: No such file");
    let judged = |run: &String| Recorded::of(run).and_then(|recorded| recorded.judged(run)).err();
    let judged = |run: &String| judged(run).filter(|error| !dumped(error));
    let mut wrong: Vec<String> =
        runs.iter().filter_map(|run| judged(run).map(|error| format!("{run}: {error:#}"))).collect();
    let text = std::fs::read_to_string(folder().join("changes.txt")).unwrap();
    wrong.extend(changes(&text).unwrap().into_iter().filter_map(missed));
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
