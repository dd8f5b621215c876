//! The result of the tests with a break, and the results of all breaks.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use crate::mutations::list::Mutation;

/// The result of the tests.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
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

/// The results of the breaks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
    uncaught: usize,
}

impl Tally {
    /// Counts a break, and prints its result.
    pub(super) fn add(&mut self, mutation: &Mutation, verdict: &Verdict, took: Duration) {
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
        tools::say!("{:62} {:4} s  {verdict}{note}", mutation.title, took.as_secs());
    }

    pub(super) fn end(&self) -> ExitCode {
        let Self { passed, failed, uncaught } = self;
        if *uncaught > 0 {
            tools::say!("{uncaught} listed as not caught yet");
        }
        tools::say!("{passed} passed, {failed} failed");
        if *failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The first test that failed, after the name of the binary it is in: `boot: domains::dom0_with_the_notes`.
pub(super) fn first_failed(said: &str) -> Option<String> {
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

/// The name in `test domains::dom0_with_the_notes ... FAILED`; nothing for any other line, or an unfinished one.
fn failed_test(line: &str) -> Option<&str> {
    let name = line.strip_prefix("test ")?.strip_suffix('\n')?.strip_suffix(" ... FAILED")?;
    Some(name.trim_end_matches(" - should panic"))
}

#[cfg(test)]
mod tests {
    use super::{Tally, Verdict, failed_test, first_failed};
    use crate::mutations::LIMIT;
    use crate::mutations::list::Mutation;

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
}
