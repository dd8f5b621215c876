//! The groups of tests that start no machine.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use checks::{features, miri, packages};
use tools::paths;
use tools::process;
use tools::say::is_heard;

const LIMIT: Duration = Duration::from_secs(1800);

/// How many passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
}

/// A group by its name.
type Group = (&'static str, fn() -> Tally);

/// Runs the groups that are named, after `scripts/check` if everything is wanted.
pub(super) fn run(names: &[&str], everything: bool) -> Tally {
    let groups: [Group; 5] = [
        ("unit", || cargo_test("unit", vec![host_tests(&["--exclude", "xen-model", "--workspace"])])),
        ("features", all_features),
        ("packages", all_packages),
        ("model", || cargo_test("model", vec![host_tests(&["--package", "xen-model"])])),
        ("miri", in_miri),
    ];
    let mut tally = if everything { checked() } else { Tally::default() };
    for (_, run) in groups.iter().filter(|(name, _)| names.contains(name)) {
        tally.add(run());
    }
    tally
}

impl Tally {
    fn one(passed: bool) -> Self {
        Self { passed: usize::from(passed), failed: usize::from(!passed) }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

fn checked() -> Tally {
    let status = Command::new(paths::root().join("scripts/check")).status();
    let passed = status.is_ok_and(|status| status.success());
    tools::say!("check: {}", if passed { "ok" } else { "FAILED" });
    Tally::one(passed)
}

fn host_tests(arguments: &[&str]) -> Command {
    let mut cargo = tools::cargo();
    cargo.args(["test", "--quiet", "--no-fail-fast"]).args(arguments);
    cargo
}

/// Runs what passes or fails as a whole.
fn whole(group: &str, what: &str, run: impl FnOnce() -> Result<()>) -> Tally {
    let started = Instant::now();
    let result = run();
    match &result {
        Ok(()) => tools::say!("{group}: ok, {what} in {} s", started.elapsed().as_secs()),
        Err(error) => tools::say!("{group}: FAILED: {error:#}"),
    }
    Tally::one(result.is_ok())
}

fn all_features() -> Tally {
    whole("features", "all combinations", || {
        features::ensure()?;
        process::run("features", &mut features::command(), LIMIT).map(drop)
    })
}

fn all_packages() -> Tally {
    whole("packages", "each by itself, and with the oldest Rust", || {
        packages::verified()?;
        packages::for_oldest_rust().map(drop)
    })
}

fn in_miri() -> Tally {
    match miri::ensure() {
        Ok(channel) => cargo_test("miri", miri::RUNS.map(|run| miri::command(&channel, run)).into()),
        Err(error) => {
            tools::say!("miri: FAILED: {error:#}");
            Tally::one(false)
        }
    }
}

/// Runs cargo's tests and counts them by its own summary lines.
fn cargo_test(group: &str, commands: Vec<Command>) -> Tally {
    let started = Instant::now();
    let mut tally = Tally::default();
    for mut cargo in commands.into_iter().take_while(|_| is_heard()) {
        let output = match process::output(&format!("{group} tests"), &mut cargo, LIMIT) {
            Ok(output) => output,
            Err(error) => {
                tools::say!("{group}: FAILED: {error:#}");
                tally.failed += 1;
                continue;
            }
        };
        let mut counts = Tally::default();
        output.said.lines().filter_map(counted).for_each(|more| counts.add(more));
        if !output.status.success() {
            // What did not compile has no count, nor has what Miri or a signal ended.
            counts.failed = counts.failed.max(1);
            tools::say!("{}", failures(&output.said).join("\n"));
            tools::say!("{}", output.tail());
        }
        tally.add(counts);
    }
    let seconds = started.elapsed().as_secs();
    if tally.failed == 0 {
        tools::say!("{group}: ok, {} tests in {seconds} s", tally.passed);
    } else {
        tools::say!("{group}: FAILED after {seconds} s");
    }
    tally
}

/// The first lines of what each test that failed printed: the tests of other packages follow, so they are not at the end.
fn failures(said: &str) -> Vec<&str> {
    const LINES: usize = 15;
    let mut left = 0;
    let mut shown = |line: &str| {
        if line.starts_with("---- ") {
            left = LINES;
        } else if line == "failures:" || line.starts_with("test result: ") {
            left = 0;
        }
        let shown = left > 0;
        left = left.saturating_sub(1);
        shown
    };
    said.lines().filter(|line| shown(line)).collect()
}

/// The numbers in `test result: ok. 12 passed; 0 failed; …`.
fn counted(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let (passed, rest) = counts.split_once(" passed; ")?;
    let (failed, _) = rest.split_once(" failed")?;
    Some(Tally { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::{Tally, counted, failures};

    #[test]
    fn what_failed_is_shown_from_its_start() {
        let long = "at x\n".repeat(40);
        let said = format!(
            "running 2 tests\n..F\nfailures:\n\n---- a::b stdout ----\npanicked\n{long}\n---- c stdout ----\nleft: 1\n\n\
             failures:\n    a::b\n    c\n\ntest result: FAILED. 0 passed; 2 failed;\nrunning 1 test\n"
        );
        let shown = failures(&said);
        assert_eq!(shown[..2], ["---- a::b stdout ----", "panicked"]);
        assert_eq!(shown[2..15], ["at x"; 13]);
        assert_eq!(shown[15..], ["---- c stdout ----", "left: 1", ""]);
    }

    #[test]
    fn cargos_summary() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured";
        assert_eq!(counted(line), Some(Tally { passed: 12, failed: 3 }));
        assert_eq!(counted("running 12 tests"), None);
    }
}
