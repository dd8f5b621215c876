//! `scripts/mutations`: breaks the boot code on purpose, one way at a time, and expects a test to notice.
//!
//! *What this is*: `tests/mutations/list.txt` holds the breaks. Each is made in a copy of the tree below `target/mutations`,
//! the host tests run there until the first fails, and the break is taken back.
//!
//! *What must hold*: the tests pass in the copy as it is, or nothing would be shown. A file of the copy is stored to only if
//! it changes, and then gets a new time, also when a break is taken back: cargo compares times, not contents.
//!
//! *What is not prevented*: a break that is caught by luck. Some tests choose their guests at random.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal};

use crate::changed::Changed;
use tools::paths;
use tools::process;

const LIST: &str = "tests/mutations/list.txt";
/// The packages of the boot code, each of which uses those before it.
const PACKAGES: [&str; 4] = ["start_info", "p2m", "mmu", "xen-guest"];
/// The tests that boot on the model, and those among them that are over soon: they catch most.
const BOOT: &str = "boot";
const QUICK_BOOTS: [&str; 7] =
    ["domains::", "builder_end::", "flushes::", "lines::", "published::", "refused::", "rings::"];
/// How the names of tests that measure time begin, behind their modules. On a busy machine they fail, whatever is broken.
const TIMED: &str = "::the_time_for_";
/// The search for what nobody thought of: it takes longest.
const SEARCH: &str = "search";
/// The tests of what a payload does with a booted guest: over at once.
const GUEST: &str = "guest";
const MODEL_TESTS: &str = "tests/model/tests";
/// The first build of the copy, and all tests.
const LIMIT_UNMUTATED: Duration = Duration::from_secs(1800);
/// The least time that a round with a break in has. Where the round without one took a third of it or more, it has three times that:
/// on a slow machine the limit would end a round that finds nothing, and call the break caught.
const LIMIT: Duration = Duration::from_secs(600);

/// The most that breaks of changed files may take together, as a part of `scripts/check`.
const QUICK: Duration = Duration::from_secs(180);

/// Where cargo and the tests of a round write.
const LOG: &str = "log";

/// One break.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mutation {
    title: String,
    file: String,
    from: String,
    to: String,
    /// Why no test notices it; such a break is listed, and fails nothing.
    uncaught: Option<String>,
}

/// What became of the tests.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    CaughtBy(String),
    TimedOut(Duration),
    Survived,
    DoesNotCompile(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaughtBy(test) => write!(f, "caught by {test}"),
            Self::TimedOut(limit) => write!(f, "caught by the time limit of {} s", limit.as_secs()),
            Self::Survived => f.write_str("SURVIVED"),
            Self::DoesNotCompile(error) => write!(f, "does not compile: {error}"),
        }
    }
}

/// Makes the breaks whose titles contain one of the arguments, all if there is none.
///
/// # Errors
/// The list does not fit the sources, or the tests fail without a break.
pub(crate) fn mutations(arguments: &[OsString]) -> Result<ExitCode> {
    let list = parse(&std::fs::read_to_string(paths::root().join(LIST)).context(LIST)?)?;
    let wanted: Vec<&str> = arguments.iter().filter_map(|part| part.to_str()).collect();
    if wanted == ["--changed"] {
        return changed(&list);
    }
    let chosen: Vec<&Mutation> = (list.iter())
        .filter(|mutation| wanted.is_empty() || wanted.iter().any(|part| mutation.title.contains(part)))
        .collect();
    if chosen.is_empty() {
        let titles: Vec<&str> = list.iter().map(|mutation| mutation.title.as_str()).collect();
        bail!(
            "usage: scripts/mutations [--changed | PART-OF-A-TITLE…]\nno such break; there are:\n{}",
            titles.join("\n")
        );
    }
    let copy = Copied::of_the_work_tree()?;
    // All are looked at before the first is tried, which takes a while.
    chosen.iter().try_for_each(|mutation| copy.mutated(mutation).map(drop))?;

    let started = Instant::now();
    bound_processor_time()?;
    match copy.tested(None, LIMIT_UNMUTATED, None)? {
        Verdict::Survived => {}
        failed => bail!("without a break the tests already fail, {failed}; see {}", copy.log().display()),
    }
    let limit = LIMIT.max(3 * started.elapsed());
    println!("{:62} {:4} s  all tests pass", "(no break)", started.elapsed().as_secs());
    let mut tally = Tally::default();
    for mutation in &chosen {
        let started = Instant::now();
        tally.add(mutation, &copy.tested_with(mutation, limit, None)?, started.elapsed());
    }
    println!("all in {} s", started.elapsed().as_secs());
    Ok(tally.end())
}

/// Makes the breaks of files that are not as on the main branch, as many as there is time for. That the tests pass without a break is
/// for `scripts/test` to say.
fn changed(list: &[Mutation]) -> Result<ExitCode> {
    let Changed { base, files } = Changed::files()?;
    let chosen = spread(list, &files);
    if chosen.is_empty() {
        println!("no file for which there is a break differs from {base}: nothing to be broken");
        return Ok(ExitCode::SUCCESS);
    }
    let deadline = Instant::now() + QUICK;
    let copy = Copied::of_the_work_tree()?;
    chosen.iter().try_for_each(|mutation| copy.mutated(mutation).map(drop))?;
    bound_processor_time()?;
    let (mut tally, mut tried) = (Tally::default(), 0);
    for mutation in &chosen {
        let started = Instant::now();
        let verdict = copy.tested_with(mutation, LIMIT, Some(deadline))?;
        if Instant::now() >= deadline {
            break;
        }
        tried += 1;
        tally.add(mutation, &verdict, started.elapsed());
    }
    if tried < chosen.len() {
        println!(
            "{tried} of {} breaks of files that differ from {base} tried in {} s; all: scripts/mutations",
            chosen.len(),
            QUICK.as_secs()
        );
    }
    Ok(tally.end())
}

/// The breaks of these files, the first of each file, then the second of each, and so on: time may run out.
fn spread<'l>(list: &'l [Mutation], files: &BTreeSet<String>) -> Vec<&'l Mutation> {
    let mut ranks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut chosen: Vec<(usize, &Mutation)> = Vec::new();
    for mutation in list.iter().filter(|mutation| files.contains(&mutation.file)) {
        let rank = ranks.entry(&mutation.file).or_default();
        chosen.push((*rank, mutation));
        *rank += 1;
    }
    chosen.sort_by_key(|(rank, _)| *rank);
    chosen.into_iter().map(|(_, mutation)| mutation).collect()
}

/// Nobody ends an endless loop if the lab itself is killed; its processor time is bounded then.
fn bound_processor_time() -> Result<()> {
    let bound = Some(2 * LIMIT_UNMUTATED.as_secs());
    Ok(rustix::process::setrlimit(Resource::Cpu, Rlimit { current: bound, maximum: bound })?)
}

/// What became of the breaks.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    uncaught: usize,
}

impl Tally {
    /// Counts a break, and says what became of it.
    fn add(&mut self, mutation: &Mutation, verdict: &Verdict, took: Duration) {
        let note = match (verdict, &mutation.uncaught) {
            (Verdict::CaughtBy(_) | Verdict::TimedOut(_), None) => {
                self.passed += 1;
                String::new()
            }
            (Verdict::CaughtBy(_) | Verdict::TimedOut(_), Some(_)) => {
                self.failed += 1;
                " (listed as not caught yet: move it up)".into()
            }
            (Verdict::Survived, Some(reason)) => {
                self.uncaught += 1;
                format!(" (not caught yet: {reason})")
            }
            _ => {
                self.failed += 1;
                String::new()
            }
        };
        println!("{:62} {:4} s  {verdict}{note}", mutation.title, took.as_secs());
    }

    fn end(&self) -> ExitCode {
        let Self { passed, failed, uncaught } = self;
        if *uncaught > 0 {
            println!("{uncaught} listed as not caught yet");
        }
        println!("{passed} passed, {failed} failed");
        if *failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Reads the list.
///
/// # Errors
/// A line that does not belong there, or an entry that lacks something.
fn parse(text: &str) -> Result<Vec<Mutation>> {
    enum Part {
        Head,
        From,
        To,
    }
    let mut list: Vec<Mutation> = Vec::new();
    let mut part = Part::Head;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(title) = line.strip_prefix("== ") {
            part = Part::Head;
            list.push(Mutation { title: title.into(), ..Mutation::default() });
        } else if line.starts_with("====") {
            // The head of a section; comments follow.
            part = Part::Head;
        } else if line == "-- from" {
            part = Part::From;
        } else if line == "-- to" {
            part = Part::To;
        } else {
            let last = list.last_mut();
            match (&part, last) {
                (Part::From, Some(mutation)) => add_line(&mut mutation.from, line),
                (Part::To, Some(mutation)) => add_line(&mut mutation.to, line),
                (Part::Head, _) if line.is_empty() || line.starts_with('#') => {}
                (Part::Head, Some(mutation)) if line.starts_with("file: ") => {
                    mutation.file = line["file: ".len()..].into();
                }
                (Part::Head, Some(mutation)) if line.starts_with("not caught: ") => {
                    mutation.uncaught = Some(line["not caught: ".len()..].into());
                }
                _ => bail!("{LIST}:{number}: what is {line:?}?"),
            }
        }
    }
    for mutation in &mut list {
        // Empty lines stand between the entries.
        mutation.to.truncate(mutation.to.trim_end_matches('\n').len());
        mutation.from.truncate(mutation.from.trim_end_matches('\n').len());
        if mutation.file.is_empty() || mutation.from.is_empty() || mutation.from == mutation.to {
            bail!("{LIST}: {}: wants a file, a text, and another text for it", mutation.title);
        }
    }
    Ok(list)
}

fn add_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// The copy of the work tree.
#[derive(Debug)]
struct Copied {
    folder: PathBuf,
}

impl Copied {
    /// Brings the copy up to date: what git tracks, and new files it does not ignore.
    ///
    /// # Errors
    /// git or the file system refuses.
    fn of_the_work_tree() -> Result<Self> {
        let folder = paths::target().join("mutations");
        let tree = folder.join("tree");
        std::fs::create_dir_all(&tree)?;
        let names = process::run(
            "git ls-files",
            Command::new("git")
                .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
                .current_dir(paths::root()),
            Duration::from_secs(60),
        )?;
        let mut kept = BTreeSet::new();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            let from = paths::root().join(name);
            if from.is_file() {
                kept.insert(tree.join(name));
                copy(&from, &tree.join(name))?;
            }
        }
        prune(&tree, &kept)?;
        Ok(Self { folder })
    }

    fn log(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// The file that a break changes, as it is and as it becomes.
    ///
    /// # Errors
    /// The text to replace does not stand there exactly once.
    fn mutated(&self, mutation: &Mutation) -> Result<(PathBuf, String, String)> {
        let Mutation { title, file, from, to, .. } = mutation;
        let path = self.folder.join("tree").join(file);
        let before = std::fs::read_to_string(&path).with_context(|| format!("{title}: {file}"))?;
        let after = replaced(&before, from, to).with_context(|| format!("{title}: {file}"))?;
        Ok((path, before, after))
    }

    /// Makes a break, runs the tests, and takes it back. At the deadline it has timed out.
    fn tested_with(
        &self,
        mutation: &Mutation,
        limit: Duration,
        deadline: Option<Instant>,
    ) -> Result<Verdict> {
        let (path, before, after) = self.mutated(mutation)?;
        std::fs::write(&path, after)?;
        let verdict = self.tested(Some(&mutation.file), limit, deadline);
        std::fs::write(&path, before)?;
        verdict
    }

    /// Runs the tests that can notice a break in `file`, or all of them, until one fails. `limit` is for each round.
    ///
    /// # Errors
    /// cargo cannot be started or followed.
    fn tested(&self, file: Option<&str>, limit: Duration, deadline: Option<Instant>) -> Result<Verdict> {
        for round in rounds(file, &self.model_tests()?) {
            let mut cargo = Command::new("cargo");
            cargo.arg("test").arg("--target-dir").arg(self.folder.join("target")).args(&round);
            // What is shrunk is only told of the more shortly.
            cargo.env_remove("CARGO_TARGET_DIR").env("PROPTEST_MAX_SHRINK_ITERS", "0");
            cargo.current_dir(self.folder.join("tree"));
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let verdict = self.run(&mut cargo, left.map_or(limit, |left| left.min(limit)))?;
            if verdict != Verdict::Survived {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Survived)
    }

    /// The names of the model's integration tests.
    fn model_tests(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.folder.join("tree").join(MODEL_TESTS))? {
            let entry = entry?;
            // Folders stay when all that was in them is gone.
            if entry.path().join("main.rs").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn run(&self, cargo: &mut Command, limit: Duration) -> Result<Verdict> {
        // A new file: what is left of a killed round may still write to the old one.
        if self.log().exists() {
            std::fs::remove_file(self.log())?;
        }
        let log = File::options().append(true).create_new(true).open(self.log())?;
        cargo.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut group = Group::start(cargo)?;
        let started = Instant::now();
        loop {
            let status = group.0.try_wait()?;
            let said = String::from_utf8_lossy(&std::fs::read(self.log())?).into_owned();
            if let Some(test) = first_failed(&said) {
                return Ok(Verdict::CaughtBy(test));
            }
            match status {
                Some(status) if status.success() => return Ok(Verdict::Survived),
                Some(_) if said.contains("could not compile") => {
                    let error = said.lines().find(|line| line.starts_with("error"));
                    return Ok(Verdict::DoesNotCompile(error.unwrap_or_default().into()));
                }
                Some(status) => {
                    let end = said.lines().rfind(|line| line.contains("process didn't exit successfully"));
                    let Some(end) = end else {
                        bail!("cargo failed ({status}, signal {:?}); see {LOG}", status.signal());
                    };
                    return Ok(Verdict::CaughtBy(format!("a crash: {}", end.trim())));
                }
                None if started.elapsed() > limit => return Ok(Verdict::TimedOut(limit)),
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// Arguments of `cargo test`, one set for each round: first the tests of the broken package itself and those of the payload, then boots
/// of small guests, then all the rest that uses it, the long boots and the search last. The packages that it uses are as they were.
fn rounds(file: Option<&str>, model_tests: &[String]) -> Vec<Vec<String>> {
    let package = file.and_then(|file| file.split('/').next());
    let broken = PACKAGES.iter().position(|name| package == Some(name));
    let all = |names: &[&str]| {
        let names = names.iter().flat_map(|name| ["--package", name]).chain(["--", "--skip", TIMED]);
        // There are no examples in the documentation to run.
        ["--lib", "--bins", "--tests"].into_iter().chain(names).map(String::from).collect::<Vec<_>>()
    };
    let model = |rest: Vec<&str>| {
        ["--package", "xen-model"].into_iter().chain(rest).map(String::from).collect::<Vec<_>>()
    };
    // The rounds of a break have had those of the payload.
    let had = [BOOT, if broken.is_some() { GUEST } else { BOOT }];
    let others = model_tests.iter().filter(|name| !had.contains(&name.as_str()) && *name != SEARCH);
    let others = model(["--lib"].into_iter().chain(others.flat_map(|name| ["--test", name])).collect());
    let boots = model(vec!["--test", BOOT]);
    let search = model(vec!["--test", SEARCH]);
    let Some(broken) = broken else { return vec![all(&PACKAGES), others, boots, search] };
    let quick_boots = model(["--test", BOOT, "--"].into_iter().chain(QUICK_BOOTS).collect());
    let guest = model(vec!["--test", GUEST]);
    let mut rounds = vec![all(&PACKAGES[broken..=broken]), guest, quick_boots];
    match &PACKAGES[broken + 1..] {
        // The stages themselves have no tests but the boots.
        [] => rounds.rotate_left(1),
        users => rounds.push(all(users)),
    }
    rounds.extend([others, boots, search]);
    rounds
}

/// Cargo and all that it starts, killed together when it is let go of.
#[derive(Debug)]
struct Group(Child);

impl Group {
    fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.process_group(0).spawn().context("cannot start cargo")?))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // This fails only if all of it has ended: then there is nothing left to do.
        let _ended = rustix::process::kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        drop(self.0.wait());
    }
}

/// The first test that failed, after the name of the binary it is in: `boot: domains::dom0_with_the_notes`.
fn first_failed(said: &str) -> Option<String> {
    let mut binary = "";
    for line in said.split_inclusive('\n') {
        if let Some((_, path)) = line.split_once("Running ").and_then(|(_, running)| running.split_once(" ("))
        {
            let name = path.rsplit('/').next().unwrap_or_default();
            binary = name.split('-').next().unwrap_or_default();
        } else if let Some(test) = failed_test(line) {
            return Some(format!("{binary}: {test}"));
        }
    }
    None
}

/// The name in `test domains::dom0_with_the_notes ... FAILED`; nothing for any other line, or one that is not yet whole.
fn failed_test(line: &str) -> Option<&str> {
    let name = line.strip_prefix("test ")?.strip_suffix('\n')?.strip_suffix(" ... FAILED")?;
    Some(name.trim_end_matches(" - should panic"))
}

/// Replaces a text that stands there exactly once.
fn replaced(text: &str, from: &str, to: &str) -> Result<String> {
    match text.matches(from).count() {
        1 => Ok(text.replacen(from, to, 1)),
        count => bail!("stands there {count} times, not once:\n{from}"),
    }
}

/// Copies a file if the copy is not the same already.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let content = std::fs::read(from).with_context(|| from.display().to_string())?;
    if std::fs::read(to).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // This makes the file and its permissions; its time is that of the copy.
    std::fs::copy(from, to).with_context(|| to.display().to_string())?;
    Ok(())
}

/// Removes what is no longer in the work tree; folders stay.
fn prune(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            // A build of the modules may have made folders here that git ignores.
            if entry.file_name() != "target" {
                prune(&path, kept)?;
            }
        } else if !kept.contains(&path) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{
        LIMIT, LIST, Mutation, QUICK_BOOTS, Tally, Verdict, failed_test, first_failed, parse, replaced,
        rounds, spread,
    };
    use tools::paths;

    #[test]
    fn entries_of_the_list() {
        let text = "# about\n\n== one\nfile: a.rs\n-- from\n  x\n  y\n-- to\n\n== two\nfile: b.rs\n-- from\nx\n-- to\nz\n\n\
                    ==== section\n# about it\n\n== three\nfile: c.rs\nnot caught: nobody looks\n-- from\n1\n-- to\n2\n";
        let list = parse(text).unwrap();
        let entry = |title: &str, file: &str, from: &str, to: &str| {
            let [title, file, from, to] = [title, file, from, to].map(String::from);
            Mutation { title, file, from, to, uncaught: None }
        };
        let three = Mutation { uncaught: Some("nobody looks".into()), ..entry("three", "c.rs", "1", "2") };
        assert_eq!(list, [entry("one", "a.rs", "  x\n  y", ""), entry("two", "b.rs", "x", "z"), three]);
        for bad in ["x", "== a\n-- from\nx\n-- to\ny", "== a\nfile: f\n-- from\nx\n-- to\nx", "== a\nfile: f"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    /// The list goes stale as the sources change; running it takes too long to notice by that.
    #[test]
    fn every_text_stands_in_its_file_exactly_once() {
        let list = parse(&std::fs::read_to_string(paths::root().join(LIST)).unwrap()).unwrap();
        assert!(list.len() >= 16);
        for Mutation { title, file, from, to, .. } in &list {
            let source = std::fs::read_to_string(paths::root().join(Path::new(file))).unwrap();
            if let Err(error) = replaced(&source, from, to) {
                panic!("{title}: {file}: {error}");
            }
            assert_eq!(list.iter().filter(|other| other.title == *title).count(), 1, "{title}");
        }
    }

    #[test]
    fn breaks_of_changed_files_are_tried_file_by_file() {
        let entry = |title: &str, file: &str| {
            let [title, file] = [title, file].map(String::from);
            Mutation { title, file, ..Mutation::default() }
        };
        let list = [("1", "a"), ("2", "a"), ("3", "b"), ("4", "c"), ("5", "a"), ("6", "b")];
        let list = list.map(|(title, file)| entry(title, file));
        let chosen = |files: &[&str]| {
            let files = files.iter().map(|name| (*name).to_owned()).collect();
            spread(&list, &files).iter().map(|mutation| mutation.title.as_str()).collect::<Vec<_>>().concat()
        };
        assert_eq!(chosen(&["a", "b", "x"]), "13265");
        assert_eq!(chosen(&["c"]), "4");
        assert_eq!(chosen(&[]), "");
    }

    #[test]
    fn what_becomes_of_a_break_counts() {
        let found = Mutation { title: "a".into(), ..Mutation::default() };
        let listed = Mutation { uncaught: Some("why".into()), ..Mutation::default() };
        let (caught, late) = (Verdict::CaughtBy("t".into()), Verdict::TimedOut(LIMIT));
        let broken = Verdict::DoesNotCompile("e".into());
        let mut tally = Tally::default();
        for (mutation, verdict, counts) in [
            (&found, &caught, (1, 0, 0)),
            (&found, &late, (2, 0, 0)),
            (&found, &Verdict::Survived, (2, 1, 0)),
            (&found, &broken, (2, 2, 0)),
            (&listed, &Verdict::Survived, (2, 2, 1)),
            (&listed, &caught, (2, 3, 1)),
            (&listed, &broken, (2, 4, 1)),
        ] {
            tally.add(mutation, verdict, LIMIT);
            let (passed, failed, uncaught) = counts;
            assert_eq!(tally, Tally { passed, failed, uncaught });
        }
    }

    #[test]
    fn every_test_that_can_notice_runs() {
        let tests = ["boot", "guest", "rules", "search"].map(String::from);
        let told = |file| rounds(file, &tests).iter().map(|round| round.join(" ")).collect::<Vec<_>>();
        let boots = "--package xen-model --test boot";
        let quick = format!("{boots} -- {}", QUICK_BOOTS.join(" "));
        let quick = quick.as_str();
        let rest = "--package xen-model --lib --test rules";
        let search = "--package xen-model --test search";
        let guest = "--package xen-model --test guest";
        let skip = "-- --skip ::the_time_for_";
        let all = format!(
            "--lib --bins --tests --package start_info --package p2m --package mmu --package xen-guest {skip}"
        );
        let all = all.as_str();
        assert_eq!(told(None), [all, "--package xen-model --lib --test guest --test rules", boots, search]);
        let own = format!("--lib --bins --tests --package mmu {skip}");
        let users = format!("--lib --bins --tests --package xen-guest {skip}");
        let (own, users) = (own.as_str(), users.as_str());
        assert_eq!(told(Some("mmu/src/paging/leaf.rs")), [own, guest, quick, users, rest, boots, search]);
        assert_eq!(told(Some("xen-guest/src/boot/mod.rs")), [guest, quick, users, rest, boots, search]);
    }

    #[test]
    fn lines_of_libtest() {
        assert_eq!(failed_test("test after::x ... FAILED\n"), Some("after::x"));
        assert_eq!(failed_test("test x - should panic ... FAILED\n"), Some("x"));
        assert_eq!(failed_test("test x ... ok\n"), None);
        assert_eq!(failed_test("test x ... FAILED"), None);
        assert_eq!(failed_test("test result: FAILED. 1 passed; 1 failed\n"), None);
        let said = "     Running tests/boot/main.rs (../target/debug/deps/boot-2c4f)\n\ntest a ... ok\ntest b ... FAILED\n";
        assert_eq!(first_failed(said).as_deref(), Some("boot: b"));
        assert_eq!(first_failed("test a ... ok\n"), None);
    }

    #[test]
    fn a_text_that_is_not_there_once() {
        assert_eq!(replaced("abc", "b", "x").unwrap(), "axc");
        assert!(replaced("abcb", "b", "x").is_err());
        assert!(replaced("ac", "b", "x").is_err());
    }
}
