//! Follows what a machine says, until the guest in it has ended.
//!
//! As dom0 the guest speaks on the serial port. As a domU it speaks through files that the Linux dom0 writes into the shared
//! folder: `events`, `guest.log`, `script.log`.
//!
//! Whether a domU has ended is for dom0 to say, however long that takes: time alone decides nothing but that it is time to ask.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::machine;
use crate::machine::need::Need;
use crate::machine::options::{Mode, Options};
use crate::machine::size;
use crate::run::follow::Follower;
use crate::run::last_line;
use crate::run::outcome::{End, more_memory, refusal};
use crate::run::panic::{Panic, Reason};
use crate::run::progress::Progress;
use crate::run::screen::{Screen, is_for_programs};
use crate::run::serial::{Line, Splitter};
use crate::run::shim::Shim;
use crate::run::{slide, system_map};
use tools::file;

/// The event that dom0 serves guests: it is about to make one.
const UP: &str = "up";
/// How often the shared files are looked at.
const STEP: Duration = Duration::from_millis(30);
/// How long a guest may take from its verdict to its end, if it has one.
const GRACE: Duration = Duration::from_secs(15);
/// The same if it was asked to stay, or if the script is done.
const SHORT: Duration = Duration::from_millis(1500);

/// What is known of a run so far.
pub(crate) struct Watch<'s> {
    mode: Mode,
    screen: &'s Screen,
    /// With a script in dom0, the run ends with that.
    scripted: bool,
    stays: bool,
    deadline: Instant,
    patience: u64,
    splitter: Splitter,
    xen_log: File,
    dom0_log: File,
    guest: Follower,
    /// What a guest on a shim shares its console with.
    shim: Option<Shim>,
    events: Follower,
    script_log: Follower,
    xl: Follower,
    pub(crate) need: Option<Need>,
    /// What was given, as people type it.
    memory: String,
    xl_path: PathBuf,
    progress: Progress,
    guest_said: Option<String>,
    panics: Panic,
    /// How many lines Xen has said, and how many of them before dom0 was up: of a domU they say nothing.
    xen_lines: usize,
    pub(crate) before_guest: usize,
    up: bool,
    pub(crate) verdict: Option<String>,
    pub(crate) script: Option<i32>,
    /// The reason the guest ended for, told before all is written down.
    ended: Option<String>,
    /// The file that asks dom0 whether the guest runs.
    ask: PathBuf,
    kernel: PathBuf,
    /// The kernel's symbols for dom0, and how far its image slid if the guest has said it.
    symbols: PathBuf,
    slide: Option<u64>,
    /// Set when there is nothing more to wait for.
    end: Option<End>,
    /// When to stop waiting for the guest's end.
    until: Option<Instant>,
}

impl<'s> Watch<'s> {
    /// Nothing has been said yet.
    ///
    /// # Errors
    /// The logs cannot be written.
    pub(crate) fn new(options: &Options, out: &Path, screen: &'s Screen) -> Result<Self> {
        let patience = options.patience();
        let dom0_log = if options.mode == Mode::Dom0 { "guest.log" } else { "dom0.log" };
        let xl_path = out.join("xl.log");
        Ok(Self {
            mode: options.mode,
            screen,
            scripted: options.in_dom0.is_some(),
            stays: options.cmdline.split_whitespace().any(|word| word == "then=idle"),
            deadline: Instant::now() + Duration::from_secs(patience),
            patience,
            splitter: Splitter::default(),
            xen_log: file::create(&out.join("xen.log"))?,
            dom0_log: file::create(&out.join(dom0_log))?,
            shim: options.shim.then(|| Shim::new(out)).transpose()?,
            guest: Follower::new(out.join("guest.log")),
            events: Follower::new(out.join("events")),
            script_log: Follower::new(out.join("script.log")),
            xl: Follower::new(xl_path.clone()),
            need: None,
            memory: size::text(options.memory),
            xl_path,
            progress: Progress::new("Xen boots"),
            guest_said: None,
            panics: Panic::default(),
            xen_lines: 0,
            before_guest: 0,
            up: false,
            verdict: None,
            script: None,
            ended: None,
            ask: machine::inputs(out).join("ask"),
            kernel: options.kernel_file(),
            symbols: machine::inputs(out).join(system_map::NAME),
            slide: None,
            end: None,
            until: None,
        })
    }

    /// Follows until the guest has ended, or nobody waits any longer.
    ///
    /// # Errors
    /// A file of the run cannot be read or written.
    pub(crate) fn until_end(&mut self, serial: &Receiver<Vec<u8>>) -> Result<End> {
        let mut silent = 0;
        loop {
            match serial.recv_timeout(STEP) {
                Ok(bytes) => {
                    silent = 0;
                    let lines = self.splitter.take(&bytes);
                    self.lines(lines)?;
                }
                Err(RecvTimeoutError::Timeout) => {
                    silent += 1;
                    if silent == 10 {
                        let lines = self.splitter.idle(false);
                        self.lines(lines)?;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let lines = self.splitter.idle(true);
                    self.lines(lines)?;
                    let ended = || {
                        End::Broken(format!(
                            "the machine ended by itself while {} (see qemu.log, xen.log)",
                            self.progress.doing
                        ))
                    };
                    return Ok(self.end.take().unwrap_or_else(ended));
                }
            }
            self.files()?;
            self.show();
            if let Some(end) = self.end.take() {
                return Ok(end);
            }
            let now = Instant::now();
            if self.until.is_some_and(|until| now > until) {
                self.until = None;
                if self.mode == Mode::Dom0 {
                    return Ok(End::Stays);
                }
                if self.ended.is_none() {
                    file::create(&self.ask).context("cannot ask dom0 about the guest")?;
                    "dom0 is asked whether the guest runs".clone_into(&mut self.progress.doing);
                }
            }
            if now > self.deadline {
                if let Some(reason) = &self.ended {
                    return Ok(End::from_reason(reason));
                }
                let said = self.guest_said.as_deref().unwrap_or("nothing");
                return Ok(End::TimedOut(format!(
                    "{} s, while {}; the guest's last line: {said}",
                    self.patience, self.progress.doing
                )));
            }
        }
    }

    /// Takes what is still under way after the machine's end.
    ///
    /// # Errors
    /// As [`Watch::until_end`].
    pub(crate) fn finish(&mut self, serial: &Receiver<Vec<u8>>) -> Result<()> {
        while let Ok(bytes) = serial.recv_timeout(Duration::from_secs(1)) {
            let lines = self.splitter.take(&bytes);
            self.lines(lines)?;
        }
        let lines = self.splitter.idle(true);
        self.lines(lines)?;
        self.files()?;
        if let Some(line) = self.guest.rest().filter(|_| self.mode == Mode::DomU) {
            self.console(&line)?;
        }
        Ok(())
    }

    fn lines(&mut self, lines: Vec<Line>) -> Result<()> {
        for line in lines {
            match line {
                Line::Xen(text) => {
                    self.xen_lines += 1;
                    writeln!(self.xen_log, "{text}")?;
                    self.screen.other(&text);
                    self.xen(&text);
                }
                // Before Xen the firmware speaks.
                Line::Dom0(text) if self.xen_lines == 0 => self.screen.other(&text),
                Line::Dom0(text) => {
                    writeln!(self.dom0_log, "{text}")?;
                    if self.mode == Mode::Dom0 {
                        self.guest(&text);
                    } else {
                        self.screen.other(&text);
                        if !self.up {
                            "dom0's Linux boots".clone_into(&mut self.progress.doing);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Xen's words that tell about the end of dom0, or of Xen.
    fn xen(&mut self, line: &str) {
        if let Some(Reason { said, before }) = self.panics.take(line) {
            self.end = Some(if self.mode == Mode::Dom0 && self.guest_said.is_none() {
                End::Refused(format!(
                    "Xen refused: {said} ({before}){}",
                    more_memory(&said, &self.memory, false)
                ))
            } else {
                End::Crash(format!("Xen itself: {said} ({before})"))
            });
        }
        if let Some(end) = End::of_dom0(line, self.mode) {
            self.end = Some(end);
        }
    }

    fn files(&mut self) -> Result<()> {
        if self.mode == Mode::Dom0 {
            return Ok(());
        }
        for line in self.xl.lines()? {
            self.screen.other(&line);
        }
        // What it said came before the event that tells of its end, and after the one that tells of its start.
        let events = self.events.lines()?;
        self.up |= events.iter().any(|line| line == UP);
        if !self.up {
            self.before_guest = self.xen_lines;
        }
        let lines = self.guest.lines()?;
        let begins = |line: &&String| line.as_str() == UP || line.starts_with("created");
        let (first, later): (Vec<&String>, Vec<&String>) = events.iter().partition(begins);
        first.into_iter().try_for_each(|line| self.event(line))?;
        for line in lines {
            self.console(&line)?;
        }
        for line in self.script_log.lines()? {
            self.screen.progress(&format!("script: {line}"));
        }
        later.into_iter().try_for_each(|line| self.event(line))
    }

    fn event(&mut self, line: &str) -> Result<()> {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        match name {
            UP => self.goes_on("dom0 is up; xl create…"),
            // `xl create` may return late: then its guest's lines have said so.
            "created" if self.guest_said.is_some() => {}
            "created" => self.goes_on(&format!("the guest runs as domain {value}")),
            "refused" => {
                self.end = Some(End::Refused(refusal(&file::text(&self.xl_path)?, self.need)));
            }
            "script" => {
                self.script = Some(value.parse()?);
                self.until = Some(Instant::now() + SHORT);
            }
            "ended" => {
                self.ended = Some(value.to_owned());
                self.progress.say_later("the guest has ended");
            }
            "runs" => self.end = Some(End::Stays),
            "shutdown" => self.end = Some(End::from_reason(value)),
            _ => self.end = Some(End::Broken(format!("dom0: {line}"))),
        }
        Ok(())
    }

    fn goes_on(&mut self, what: &str) {
        what.clone_into(&mut self.progress.doing);
        self.screen.progress(what);
    }

    /// Says what is due, and keeps a live line up to date.
    fn show(&mut self) {
        if let Some(what) = self.progress.due() {
            self.screen.progress(&what);
        }
        if self.screen.is_live()
            && let Some(line) = self.progress.changed()
        {
            self.screen.live(line);
        }
    }

    /// A line of a domU's console: the guest's, or of the shim below it.
    fn console(&mut self, line: &str) -> Result<()> {
        let lines = match &mut self.shim {
            Some(shim) => shim.take(line)?,
            None => vec![Line::Dom0(line.to_owned())],
        };
        for line in lines {
            match line {
                Line::Xen(text) => self.screen.other(&text),
                Line::Dom0(text) => self.guest(&text),
            }
        }
        Ok(())
    }

    /// Gives dom0 the kernel's symbols as soon as the guest says where its image is: `xenctx` reads them if it crashes.
    fn locate(&mut self, line: &str) {
        let Some(slide) = slide::of(line).filter(|slide| self.slide != Some(*slide)) else { return };
        self.slide = Some(slide);
        let part = self.symbols.with_extension("part");
        let written = system_map::write(&part, &self.kernel, slide);
        if let Err(error) = written.and_then(|()| file::rename(&part, &self.symbols)) {
            self.screen.progress(&format!("no symbols for xenctx: {error:#}"));
        }
    }

    fn guest(&mut self, line: &str) {
        self.progress.take(line);
        if self.mode == Mode::DomU {
            self.locate(line);
        }
        if line.starts_with("verdict: ") {
            // Shown at the very end, where it belongs.
            self.verdict = Some(line.to_owned());
            if !self.scripted {
                self.until = Some(Instant::now() + if self.stays { SHORT } else { GRACE });
            }
        } else {
            self.screen.guest(line);
        }
        if !line.trim().is_empty() && !is_for_programs(line) {
            if self.guest_said.is_none() {
                "the guest runs".clone_into(&mut self.progress.doing);
            }
            last_line::keep(&mut self.guest_said, line);
        }
    }

    /// Tells whether a shim was asked for and a guest spoke without one below it.
    pub(crate) fn lacks_shim(&self) -> bool {
        self.verdict.is_some() && self.shim.as_ref().is_some_and(|shim| !shim.builds())
    }

    /// Puts the best reason known into a crash that has none.
    pub(crate) fn explain(&self, end: End, complaint: Option<&String>) -> End {
        match end {
            End::Crash(why) if why.is_empty() => {
                if let Some(said) = self.shim.as_ref().and_then(Shim::panic) {
                    return End::Crash(format!("its shim: {said}{}", more_memory(said, &self.memory, true)));
                }
                let said = complaint.or(self.guest_said.as_ref());
                End::Crash(said.cloned().unwrap_or_else(|| "it never said a word".to_owned()))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
