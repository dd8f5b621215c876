//! What a person sees of a run: progress on standard error, the guest's words on standard output.
//!
//! *What this is*: in a pipe or a file, plain lines. On a terminal there is besides one line that is written anew while the run lasts,
//! and the verdict has a colour, unless `NO_COLOR` is set to something.
//!
//! *What must hold*: the live line is taken away before anything else is written.

use std::cell::Cell;
use std::io::{IsTerminal, Write};

use crate::run::outcome::Outcome;

/// How much of a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Nothing: the suite prints one line for each run.
    Nothing,
    /// Progress and the guest.
    Guest,
    /// Xen and dom0 too.
    Everything,
}

/// Where a run is shown.
#[derive(Debug)]
pub(crate) struct Screen {
    shown: Shown,
    /// The guest's lines for programs are for the lab alone.
    hides_facts: bool,
    /// Columns of the terminal, if a line can be written anew on it.
    live: Option<usize>,
    /// Whether the verdict may have a colour.
    colours: bool,
    /// Whether a live line stands there.
    drawn: Cell<bool>,
}

impl Screen {
    /// Shows nothing.
    pub(crate) fn dark() -> Self {
        Self {
            shown: Shown::Nothing,
            hides_facts: false,
            live: None,
            colours: false,
            drawn: Cell::new(false),
        }
    }

    /// Shows a person what they asked for.
    pub(crate) fn of_person(verbose: bool, hides_facts: bool) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let live = std::io::stderr().is_terminal() && !is_dumb;
        let size = rustix::termios::tcgetwinsize(std::io::stderr());
        Self {
            shown: if verbose { Shown::Everything } else { Shown::Guest },
            hides_facts,
            live: live.then(|| columns(size.map_or(0, |size| size.ws_col))),
            colours: std::io::stdout().is_terminal() && !is_dumb && !is_set("NO_COLOR"),
            drawn: Cell::new(false),
        }
    }

    /// Says what happens now.
    pub(crate) fn progress(&self, text: &str) {
        if self.shown != Shown::Nothing {
            self.note(&format!("boot: {text}"));
        }
    }

    /// Shows a line of the guest's console.
    pub(crate) fn guest(&self, line: &str) {
        if !(self.hides_facts && is_for_programs(line)) {
            self.out(line);
        }
    }

    /// Shows the verdict, or the line in its place.
    pub(crate) fn verdict(&self, line: &str, outcome: Outcome) {
        if self.colours { self.out(&painted(line, outcome)) } else { self.out(line) }
    }

    /// Shows a line of Xen, dom0 or a tool.
    pub(crate) fn other(&self, line: &str) {
        if self.shown == Shown::Everything {
            self.note(line);
        }
    }

    /// Shows a line of what the lab found.
    pub(crate) fn note(&self, line: &str) {
        self.wipe();
        let mut out = std::io::stderr().lock();
        // A reader that has gone away must not end the run before its logs are complete.
        drop(writeln!(out, "{line}"));
    }

    /// Writes the live line anew.
    pub(crate) fn live(&self, text: &str) {
        let Some(columns) = self.live else { return };
        if self.shown != Shown::Nothing {
            let text: String = text.chars().take(columns - 1).collect();
            let mut out = std::io::stderr().lock();
            drop(write!(out, "\r{text}\x1b[K").and_then(|()| out.flush()));
            self.drawn.set(true);
        }
    }

    /// Whether [`Screen::live`] shows anything.
    pub(crate) fn is_live(&self) -> bool {
        self.live.is_some() && self.shown != Shown::Nothing
    }

    /// Takes the live line away.
    pub(crate) fn wipe(&self) {
        if self.drawn.take() {
            let mut out = std::io::stderr().lock();
            drop(write!(out, "\r\x1b[K").and_then(|()| out.flush()));
        }
    }

    fn out(&self, line: &str) {
        if self.shown != Shown::Nothing {
            self.wipe();
            let mut out = std::io::stdout().lock();
            drop(writeln!(out, "{line}").and_then(|()| out.flush()));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// How wide a terminal is; one that does not know its size says 0.
fn columns(said: u16) -> usize {
    if said == 0 { 80 } else { usize::from(said) }
}

/// Whether a line of the guest's console is a fact or a stage of its report.
pub(crate) fn is_for_programs(line: &str) -> bool {
    line.starts_with("@fact ") || line.starts_with("@report ")
}

/// The line in the colour of the outcome.
fn painted(line: &str, outcome: Outcome) -> String {
    let colour = match outcome {
        Outcome::Success => 32,
        Outcome::TimedOut => 33,
        Outcome::Failure | Outcome::Crashed => 31,
    };
    format!("\x1b[1;{colour}m{line}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::{columns, is_for_programs, painted};
    use crate::run::outcome::Outcome;

    #[test]
    fn the_colour_of_an_outcome() {
        assert_eq!(painted("verdict: SUCCESS", Outcome::Success), "\x1b[1;32mverdict: SUCCESS\x1b[0m");
        let colours = [Outcome::Failure, Outcome::Crashed, Outcome::TimedOut].map(|end| painted("", end));
        assert_eq!(colours, ["\x1b[1;31m\x1b[0m", "\x1b[1;31m\x1b[0m", "\x1b[1;33m\x1b[0m"]);
    }

    #[test]
    fn a_terminal_without_a_size() {
        assert_eq!([columns(0), columns(1), columns(132)], [80, 1, 132]);
    }

    #[test]
    fn lines_for_programs() {
        assert!(is_for_programs("@fact {}") && is_for_programs("@report {}"));
        assert!(!is_for_programs(" @fact {}") && !is_for_programs("fact") && !is_for_programs("@factory"));
    }
}
