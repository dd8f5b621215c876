//! How far a run has come, for the live line of a terminal and for the message about a time-out.

use std::time::{Duration, Instant};

use crate::machine::size::{GIB, PAGE};
use crate::run::facts::Facts;

/// How long the guest must have been silent before it is said that it has ended: its last lines may come after that event.
const SILENCE: Duration = Duration::from_secs(1);

/// What goes on.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    pub(crate) doing: String,
    /// The stage of the boot that ended last.
    stage: Option<String>,
    /// Pages of memory that are mapped, of all.
    mapped: Option<[u64; 2]>,
    /// Something to be said once the guest is silent, and since when it is.
    pending: Option<(String, Instant)>,
    shown: String,
}

impl Progress {
    pub(crate) fn new(doing: &str) -> Self {
        let doing = doing.to_owned();
        Self {
            started: Instant::now(),
            doing,
            stage: None,
            mapped: None,
            pending: None,
            shown: String::new(),
        }
    }

    /// Takes a line of the guest's.
    pub(crate) fn take(&mut self, line: &str) {
        if let Some((_, since)) = &mut self.pending {
            *since = Instant::now();
        }
        let facts = Facts::found(line);
        if let Some((stage, _)) = facts.stages().next() {
            self.stage = Some(stage.to_owned());
        }
        let mapped =
            facts.all("mapped").find_map(|fact| Some([fact.number("pages").ok()?, fact.number("of").ok()?]));
        self.mapped = mapped.or(self.mapped);
    }

    /// Has something said when the guest has been silent for a while.
    pub(crate) fn say_later(&mut self, what: &str) {
        what.clone_into(&mut self.doing);
        self.pending = Some((what.to_owned(), Instant::now()));
    }

    /// What is to be said now.
    pub(crate) fn due(&mut self) -> Option<String> {
        self.pending.take_if(|(_, since)| since.elapsed() > SILENCE).map(|(what, _)| what)
    }

    /// The live line, if it differs from the last one.
    pub(crate) fn changed(&mut self) -> Option<&str> {
        let line = line(self.started.elapsed().as_secs(), &self.doing, self.stage.as_deref(), self.mapped);
        (line != self.shown).then(|| {
            self.shown = line;
            self.shown.as_str()
        })
    }
}

fn line(seconds: u64, doing: &str, stage: Option<&str>, mapped: Option<[u64; 2]>) -> String {
    let mut line = format!("boot: {seconds} s, {doing}");
    if let Some(stage) = stage {
        line += &format!(", {stage} done");
    }
    if let Some([mapped, all]) = mapped {
        let gib = |pages: u64| pages.saturating_mul(PAGE) / GIB;
        line += &format!(", {} of {} GiB mapped", gib(mapped), gib(all));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Progress, line};

    #[test]
    fn the_live_line() {
        assert_eq!(line(7, "Xen boots", None, None), "boot: 7 s, Xen boots");
        let whole = line(34, "the guest runs", Some("layout"), Some([40 << 18, 128 << 18]));
        assert_eq!(whole, "boot: 34 s, the guest runs, layout done, 40 of 128 GiB mapped");
        // A guest may say anything.
        assert!(line(34, "the guest runs", None, Some([u64::MAX; 2])).contains(" GiB mapped"));
    }

    #[test]
    fn the_guests_facts_are_followed() {
        let mut progress = Progress::new("the guest runs");
        assert_eq!(progress.changed(), Some("boot: 0 s, the guest runs"));
        progress.take("@report {\"stage\":\"layout\",\"tsc\":7}");
        progress.take("hello");
        progress.take("@fact {\"fact\":\"mapped\",\"pages\":524288,\"of\":1048576}");
        assert_eq!(progress.changed(), Some("boot: 0 s, the guest runs, layout done, 2 of 4 GiB mapped"));
        assert_eq!(progress.changed(), None);
    }

    #[test]
    fn an_end_is_said_after_the_last_lines() {
        let mut progress = Progress::new("the guest runs");
        progress.say_later("the guest has ended");
        assert_eq!((progress.due(), progress.doing.as_str()), (None, "the guest has ended"));
        std::thread::sleep(super::SILENCE * 7 / 10);
        progress.take("a last line");
        std::thread::sleep(super::SILENCE * 7 / 10);
        assert_eq!(progress.due(), None);
        std::thread::sleep(super::SILENCE * 7 / 10);
        assert_eq!(progress.due().as_deref(), Some("the guest has ended"));
        assert_eq!(progress.due(), None);
    }
}
