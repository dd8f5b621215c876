//! What a person sees of a run: progress on standard error, the guest's words on standard output.
//!
//! *What this is*: in a pipe or a file, plain lines. On a terminal there is besides one line that is written anew while the run lasts,
//! and the verdict has a colour, unless `NO_COLOR` is set to something.
//!
//! *What must hold*: the live line is taken away before anything else is written.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fmt;
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

/// What somebody's terminal is like, and what they asked for by their environment.
#[derive(Debug, Clone, Copy)]
struct Surroundings {
    /// Standard output is a terminal, and no pipe or file.
    out_is_terminal: bool,
    /// So is standard error.
    err_is_terminal: bool,
    /// A terminal without control sequences (`TERM=dumb`).
    is_dumb: bool,
    /// `NO_COLOR` is set to something.
    no_colour: bool,
    /// How wide it says it is.
    columns: u16,
}

impl Surroundings {
    /// Those of this process, with its environment.
    fn find(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            out_is_terminal: std::io::stdout().is_terminal(),
            err_is_terminal: std::io::stderr().is_terminal(),
            is_dumb: variable("TERM").is_some_and(|term| term == "dumb"),
            no_colour: variable("NO_COLOR").is_some_and(|value| !value.is_empty()),
            columns: rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| size.ws_col),
        }
    }
}

/// Where bytes go.
struct Stream(RefCell<Box<dyn Write>>);

impl Stream {
    fn to(end: impl Write + 'static) -> Self {
        Self(RefCell::new(Box::new(end)))
    }

    /// Writes at once. A reader that has gone away must not end the run before its logs are complete.
    /// In one piece: a terminal shows no half of a line, and in a pipe two programs' lines do not mix.
    fn write(&self, text: fmt::Arguments<'_>) {
        let mut end = self.0.borrow_mut();
        drop(end.write_all(text.to_string().as_bytes()).and_then(|()| end.flush()));
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

/// Where a run is shown.
#[derive(Debug)]
pub(crate) struct Screen {
    out: Stream,
    err: Stream,
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
            out: Stream::to(std::io::sink()),
            err: Stream::to(std::io::sink()),
            shown: Shown::Nothing,
            hides_facts: false,
            live: None,
            colours: false,
            drawn: Cell::new(false),
        }
    }

    /// Shows a person what they asked for.
    pub(crate) fn of_person(verbose: bool, hides_facts: bool) -> Self {
        let [out, err] = [Stream::to(std::io::stdout()), Stream::to(std::io::stderr())];
        let surroundings = Surroundings::find(|name| std::env::var_os(name));
        Self::on([out, err], surroundings, verbose, hides_facts)
    }

    fn on([out, err]: [Stream; 2], at: Surroundings, verbose: bool, hides_facts: bool) -> Self {
        Self {
            out,
            err,
            shown: if verbose { Shown::Everything } else { Shown::Guest },
            hides_facts,
            live: (at.err_is_terminal && !at.is_dumb).then(|| columns(at.columns)),
            colours: at.out_is_terminal && !at.is_dumb && !at.no_colour,
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
        self.err.write(format_args!("{line}\n"));
    }

    /// Writes the live line anew.
    pub(crate) fn live(&self, text: &str) {
        let Some(columns) = self.live else { return };
        if self.shown != Shown::Nothing {
            let text: String = text.chars().take(columns - 1).collect();
            self.err.write(format_args!("\r{text}\x1b[K"));
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
            self.err.write(format_args!("\r\x1b[K"));
        }
    }

    fn out(&self, line: &str) {
        if self.shown != Shown::Nothing {
            self.wipe();
            self.out.write(format_args!("{line}\n"));
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
    use std::cell::RefCell;
    use std::io::Write;
    use std::rc::Rc;

    use super::{Screen, Stream, Surroundings, columns, is_for_programs, painted};
    use crate::run::outcome::Outcome;

    const TERMINAL: Surroundings = Surroundings {
        out_is_terminal: true,
        err_is_terminal: true,
        is_dumb: false,
        no_colour: false,
        columns: 12,
    };

    /// Both streams into one, as a terminal shows them.
    #[derive(Clone, Default)]
    struct Kept(Rc<RefCell<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written of a short run.
    fn shown(at: Surroundings) -> String {
        let kept = Kept::default();
        {
            let screen = Screen::on([Stream::to(kept.clone()), Stream::to(kept.clone())], at, false, true);
            screen.progress("booting");
            screen.live("1 s, start_info");
            screen.guest("hello");
            screen.guest("@fact {}");
            screen.live("2 s");
            screen.other("(XEN) not shown");
            screen.note("found");
            screen.live("3 s");
            screen.verdict("verdict: SUCCESS", Outcome::Success);
            screen.live("4 s");
        }
        String::from_utf8(kept.0.take()).unwrap()
    }

    #[test]
    fn on_a_terminal_the_live_line_makes_way_for_each_other() {
        let wipe = "\r\x1b[K";
        let words = format!(
            "boot: booting\n\r1 s, start_\x1b[K{wipe}hello\n\r2 s\x1b[K{wipe}found\n\r3 s\x1b[K{wipe}\
             \x1b[1;32mverdict: SUCCESS\x1b[0m\n\r4 s\x1b[K{wipe}"
        );
        assert_eq!(shown(TERMINAL), words);
    }

    #[test]
    fn a_pipe_a_dumb_terminal_and_who_wants_no_colour_get_plain_lines() {
        let plain = "boot: booting\nhello\nfound\nverdict: SUCCESS\n";
        let piped = Surroundings { out_is_terminal: false, err_is_terminal: false, ..TERMINAL };
        for at in [piped, Surroundings { is_dumb: true, ..TERMINAL }] {
            assert_eq!(shown(at), plain, "{at:?}");
        }
        for at in [
            Surroundings { no_colour: true, ..TERMINAL },
            Surroundings { out_is_terminal: false, ..TERMINAL },
        ] {
            let said = shown(at);
            assert!(said.contains("\x1b[Kverdict: SUCCESS\n"), "{said:?}");
        }
        let only_colour = shown(Surroundings { err_is_terminal: false, ..TERMINAL });
        assert_eq!(only_colour, plain.replace("verdict: SUCCESS", "\x1b[1;32mverdict: SUCCESS\x1b[0m"));
    }

    #[test]
    fn the_environment_is_asked() {
        let found = |name: &'static str, value: &'static str| {
            let at = Surroundings::find(move |asked| (asked == name).then(|| value.into()));
            (at.is_dumb, at.no_colour)
        };
        assert_eq!([found("NO_COLOR", "1"), found("TERM", "dumb")], [(false, true), (true, false)]);
        // Set to nothing, it asks for nothing.
        assert_eq!([found("NO_COLOR", ""), found("TERM", "xterm")], [(false, false); 2]);
    }

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
