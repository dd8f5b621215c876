//! The `log` crate's words on the console, and the last words of a panic or trap.
//!
//! *What must hold*: the end of the domain is reported without the `log` crate: a payload may have set it to say nothing.
//!
//! *What is not prevented*: a message that never ends, in a record or in a panic.

use core::{
    fmt::{self, Write as _},
    panic::PanicInfo,
    sync::atomic::{AtomicBool, Ordering},
};

use arrayvec::ArrayVec;
#[cfg(feature = "logger")]
use log::{Level, Log, Metadata, Record};

use crate::{
    boot::failure::Failure,
    report::fact::{Fact, Value},
    sys::{
        backtrace::Backtrace,
        console, hypercall,
        last_words::{LastWords, Words},
        recent::KEPT,
        sched::{Reason, end, shutdown},
        slid::Slid,
        symbols,
    },
};

static LAST_WORDS: LastWords = LastWords::new();

/// Whether an end is reported for programs too, as `report=json` asks.
static FACTS: AtomicBool = AtomicBool::new(false);

/// The console, for a kernel that writes to it without the `log` crate: `write!(ConsoleWriter, "…\n")`. Each piece of what is
/// formatted goes out as it comes. What comes while a piece is being written is dropped.
#[derive(Clone, Copy, Debug)]
pub struct ConsoleWriter;

impl fmt::Write for ConsoleWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console::write(text);
        Ok(())
    }
}

/// The target of the `log` crate.
#[cfg(feature = "logger")]
struct Logger;

#[cfg(feature = "logger")]
impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            Level::Info | Level::Error => say(format_args!("{}\n", record.args())),
            level => say(format_args!("{level}: {}\n", record.args())),
        }
    }

    fn flush(&self) {
        console::drain();
    }
}

/// Makes the console the log's target. Called once.
#[cfg(feature = "logger")]
pub(super) fn init() {
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

/// Has the reasons for an end reported for programs too.
pub(super) fn report_facts() {
    FACTS.store(true, Ordering::Relaxed);
}

/// Tells whether the domain's end is being reported.
pub(super) fn is_ending() -> bool {
    LAST_WORDS.have_begun()
}

/// Reports why the boot ended, and ends the domain.
pub(super) fn boot_failed(failure: &Failure) -> ! {
    let stage = failure.stage();
    let fields = [("stage", Value::Text(&stage)), ("error", Value::Source(failure.cause()))];
    fatal(format_args!("{failure}"), format_args!(""), &fields, fields.len())
}

/// Reports why the domain ends, and ends it. Reports it in full, with `more`, unless reporting an end is what failed: then
/// with the first `sure` fields, which run no code of others.
pub(super) fn fatal(
    place: fmt::Arguments<'_>,
    more: fmt::Arguments<'_>,
    fields: &[(&str, Value<'_>)],
    sure: usize,
) -> ! {
    let slid = Slid(symbols::slide());
    match LAST_WORDS.next() {
        Words::All => {
            // The place goes out before what might fail.
            say(format_args!("fatal: {place}"));
            say(format_args!("{more}\n{slid}"));
            last_hypercalls();
            fact(&Fact::new("fatal", &slid.among(fields)));
            shutdown(Reason::Crash)
        }
        Words::Place => {
            say(format_args!("\n{slid}  {place}, while the end was told: no more is said\n"));
            fact(&Fact::new("cut short", &slid.among(fields.get(..sure).unwrap_or_default())));
            shutdown(Reason::Crash)
        }
        Words::None => end(Reason::Crash),
    }
}

/// Shows the last hypercalls, the latest first.
fn last_hypercalls() {
    let calls = hypercall::latest();
    say(format_args!("  last hypercalls, the latest first:\n"));
    for call in &calls {
        say(format_args!("    {call}\n"));
    }
    let calls: ArrayVec<&dyn fmt::Display, KEPT> = calls.iter().map(|call| call as _).collect();
    fact(&Fact::new("last hypercalls", &[("calls", Value::TextList(&calls))]));
}

fn fact(fact: &Fact<'_>) {
    if FACTS.load(Ordering::Relaxed) {
        say(format_args!("{fact}\n"));
    }
}

/// Writes text. What is too long for one go goes out in the pieces it is made of.
#[inline(never)]
fn say(text: fmt::Arguments<'_>) {
    let mut line = arrayvec::ArrayString::<1024>::new();
    match line.write_fmt(text) {
        Ok(()) => console::write(&line),
        Err(_) => {
            let _never_fails = ConsoleWriter.write_fmt(text);
        }
    }
}

#[cfg(feature = "panic-handler")]
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    panic_report(info)
}

/// Reports a panic with a backtrace, as the layer's own panic handler does, and ends the domain.
pub fn panic_report(info: &PanicInfo<'_>) -> ! {
    let backtrace = Backtrace::here();
    let way = backtrace.addresses();
    let way = ("backtrace", Value::HexList(&way));
    let message = info.message();
    let more = format_args!(": {message}\n{backtrace}");
    let message = ("message", Value::Text(&message));
    match info.location() {
        Some(place) => fatal(
            format_args!("panicked at {place}"),
            more,
            &[("panicked", Value::Text(place)), way, message],
            2,
        ),
        None => fatal(format_args!("panicked"), more, &[("panicked", Value::Text(&"")), way, message], 2),
    }
}
