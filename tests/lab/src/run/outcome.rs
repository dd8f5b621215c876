//! How a run ended and what that means for the exit status.

use std::path::PathBuf;

use crate::machine::need::Need;
use crate::machine::options::Mode;

/// The end of the guest, or of our waiting for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It shut itself down for a reason other than a crash; the word for it.
    Shutdown(&'static str),
    /// It crashed; why, as far as anybody said.
    Crash(String),
    /// It still runs after its verdict.
    Stays,
    /// The domain builder refused it; in the builder's words.
    Refused(String),
    /// The time is over; what was going on.
    TimedOut(String),
    /// Something of the lab failed, not of the guest.
    Broken(String),
}

impl End {
    /// The end behind a shutdown reason of Xen (sched.h, `SHUTDOWN_*`), or `destroyed`: somebody in dom0 ended it.
    pub(crate) fn from_reason(code: &str) -> Self {
        match code {
            "0" => Self::Shutdown("powered off"),
            "1" => Self::Shutdown("rebooted"),
            "2" => Self::Shutdown("suspended"),
            "3" => Self::Crash(String::new()),
            "destroyed" => Self::Shutdown("was destroyed"),
            "4" => Self::Crash("its watchdog fired".to_owned()),
            other => Self::Crash(format!("shutdown reason {other}")),
        }
    }

    /// The end of dom0 that a line of Xen's tells of. Where the guest is a domU, that is the end of the lab's Linux.
    pub(crate) fn of_dom0(line: &str, guest: Mode) -> Option<Self> {
        let (_, said) = line.split_once("Hardware Dom0 ")?;
        Some(if guest == Mode::DomU {
            Self::Broken(format!("the Linux dom0 {said}"))
        } else if said.starts_with("halted") {
            Self::from_reason("0")
        } else if said.contains("rebooting") && said.starts_with("shutdown") {
            Self::from_reason("1")
        } else {
            Self::Crash(String::new())
        })
    }
}

/// The exit statuses of `scripts/boot`, without 2: that is an error of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success = 0,
    Failure = 1,
    Crashed = 3,
    TimedOut = 4,
}

/// What a run leaves.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// The domain builder, or Xen as dom0's, refused to make the guest.
    pub(crate) refused: bool,
    /// The verdict, or the line that stands in its place.
    pub(crate) last: String,
    /// What Xen said against the guest.
    pub(crate) complaints: Vec<String>,
    /// Where the logs are.
    pub(crate) out: PathBuf,
}

/// Judges a run by its end, its verdict and the exit status of the script in dom0, if there was one.
///
/// # Errors
/// The lab failed: there is nothing to judge.
pub(crate) fn judge(
    end: &End,
    verdict: Option<&str>,
    script: Option<i32>,
) -> anyhow::Result<(Outcome, String)> {
    let said = verdict.map(str::to_owned);
    Ok(match end {
        End::Broken(why) => anyhow::bail!("{why}"),
        End::TimedOut(what) => (Outcome::TimedOut, format!("timed out: {what}")),
        End::Refused(why) => (Outcome::Failure, why.clone()),
        End::Crash(why) => match said {
            Some(said) if !succeeded(&said) => (Outcome::Failure, said),
            _ if why.is_empty() => (Outcome::Crashed, "the guest crashed".to_owned()),
            _ => (Outcome::Crashed, format!("the guest crashed: {why}")),
        },
        End::Shutdown(_) | End::Stays => match (said, script) {
            (Some(said), _) if !succeeded(&said) => (Outcome::Failure, said),
            (_, Some(status)) if status != 0 => {
                (Outcome::Failure, format!("the script in dom0 failed with status {status}"))
            }
            (Some(said), _) => (Outcome::Success, said),
            (None, _) => (Outcome::Failure, format!("no verdict: the guest {}", word(end))),
        },
    })
}

fn succeeded(verdict: &str) -> bool {
    verdict.trim_end() == "verdict: SUCCESS"
}

fn word(end: &End) -> &str {
    if let End::Shutdown(word) = end { word } else { "stays up" }
}

/// What to change when a Xen has too little memory to make its guest of, by what it said; empty if that is not so.
pub(crate) fn more_memory(said: &str, memory: &str, shim: bool) -> String {
    if !said.contains("Not enough RAM") && !said.contains("allocation is too small") {
        String::new()
    } else if shim {
        // It keeps some 20 MiB for itself.
        format!("; give more than --memory {memory}, or a smaller ramdisk with --ramdisk")
    } else {
        format!(
            "; give the machine more than --memory {memory}, or dom0 less with --ramdisk or --xen-line dom0_mem="
        )
    }
}

/// Why `xl create` did not want to, in its own words.
pub(crate) fn refusal(log: &str, need: Option<Need>) -> String {
    let line = log.lines().find(|line| line.contains("error:")).or_else(|| log.lines().last());
    let line = line.unwrap_or("without a word").trim();
    let remedy = match need {
        Some(need) if need.is_built() != Some(true) => format!("; {}", need.remedy()),
        _ => String::new(),
    };
    format!("xl create refused: {line}{remedy}")
}

#[cfg(test)]
mod tests {
    use super::{End, Outcome, judge, more_memory, refusal};
    use crate::machine::need::Need;
    use crate::machine::options::Mode;
    use crate::machine::size::MIB;

    const GOOD: Option<&str> = Some("verdict: SUCCESS");
    const BAD: Option<&str> = Some("verdict: FAILURE no module");

    fn outcome(end: End, verdict: Option<&str>, script: Option<i32>) -> Outcome {
        judge(&end, verdict, script).unwrap().0
    }

    #[test]
    fn only_a_verdict_of_success_is_one() {
        assert_eq!(outcome(End::from_reason("0"), GOOD, None), Outcome::Success);
        assert_eq!(outcome(End::from_reason("0"), BAD, None), Outcome::Failure);
        assert_eq!(outcome(End::from_reason("0"), None, None), Outcome::Failure);
        assert_eq!(outcome(End::Stays, GOOD, None), Outcome::Success);
        assert_eq!(outcome(End::Stays, Some("verdict: SUCCESSFUL"), None), Outcome::Failure);
    }

    #[test]
    fn a_crash_is_one_whatever_was_said_before() {
        assert_eq!(outcome(End::from_reason("3"), None, None), Outcome::Crashed);
        assert_eq!(outcome(End::from_reason("3"), GOOD, None), Outcome::Crashed);
        assert_eq!(outcome(End::from_reason("3"), BAD, None), Outcome::Failure);
        assert_eq!(outcome(End::from_reason("17"), GOOD, None), Outcome::Crashed);
    }

    #[test]
    fn the_script_has_a_say() {
        assert_eq!(outcome(End::Stays, GOOD, Some(0)), Outcome::Success);
        assert_eq!(outcome(End::Stays, GOOD, Some(1)), Outcome::Failure);
        assert_eq!(outcome(End::Stays, None, Some(0)), Outcome::Failure);
    }

    #[test]
    fn refusals_and_time() {
        let refused = judge(&End::Refused("xl create refused: no memory".to_owned()), None, None).unwrap();
        assert_eq!(refused, (Outcome::Failure, "xl create refused: no memory".to_owned()));
        assert_eq!(outcome(End::TimedOut(String::new()), GOOD, None), Outcome::TimedOut);
        assert!(judge(&End::Broken(String::new()), GOOD, None).is_err());
    }

    #[test]
    fn the_end_of_dom0_in_xens_words() {
        let of = |said: &str| End::of_dom0(&format!("(XEN) {said}"), Mode::Dom0);
        assert_eq!(of("Hardware Dom0 halted: halting machine"), Some(End::Shutdown("powered off")));
        assert_eq!(of("Hardware Dom0 shutdown: rebooting machine"), Some(End::Shutdown("rebooted")));
        assert_eq!(
            of("Hardware Dom0 crashed: rebooting machine in 5 seconds."),
            Some(End::Crash(String::new()))
        );
        assert_eq!(of("Dom0 has maximum 1 VCPUs"), None);
        let linux = End::of_dom0("(XEN) Hardware Dom0 halted: x", Mode::DomU);
        assert_eq!(linux, Some(End::Broken("the Linux dom0 halted: x".to_owned())));
    }

    #[test]
    fn more_memory_for_those_who_lack_it() {
        for said in ["Not enough RAM for domain 0 allocation", "Domain 0 allocation is too small for kernel"]
        {
            assert!(
                more_memory(said, "80M", false).contains("machine more than --memory 80M, or dom0"),
                "{said}"
            );
            assert!(more_memory(said, "20M", true).contains("give more than --memory 20M, or"), "{said}");
        }
        assert_eq!(more_memory("Could not construct d0", "80M", false), "");
    }

    #[test]
    fn xls_own_words() {
        let log = "xc: detail: x\nxc: error: panic: xg_dom_boot.c:114: cannot allocate\nlibxl: error: y\n";
        let line = "xl create refused: xc: error: panic: xg_dom_boot.c:114: cannot allocate";
        assert_eq!(refusal(log, None), line);
        assert_eq!(refusal(log, Some(Need::of(b"", 0, 64 * MIB))), line);
        assert_eq!(refusal("", None), "xl create refused: without a word");
        let small = refusal(log, Some(Need::of(b"", 4 * MIB, 4 * MIB)));
        assert!(
            small.starts_with(line)
                && small.contains("; the kernel ends at page 0x0 and the ramdisk has 0x400 pages")
        );
    }
}
