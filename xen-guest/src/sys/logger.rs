//! The `log` crate's words on the console, and panics.

use core::fmt::{self, Write as _};

use log::{Level, Log, Metadata, Record};

use super::{
    console,
    registers::Backtrace,
    sched::{Reason, shutdown},
};

struct Console;

/// Writes pieces of a formatted line as they come.
struct Writer;

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console::write(text);
        Ok(())
    }
}

impl Log for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut line = arrayvec::ArrayString::<1024>::new();
        let fits = match record.level() {
            Level::Info | Level::Error => writeln!(line, "{}", record.args()),
            level => writeln!(line, "{level}: {}", record.args()),
        };
        // A line that is too long goes out in the pieces it is made of; an ordinary one in one go.
        match fits {
            Ok(()) => console::write(&line),
            Err(_) => {
                let _never_fails = writeln!(Writer, "{}", record.args());
            }
        }
    }

    fn flush(&self) {
        console::drain();
    }
}

/// Makes the console the log's target. Called once.
pub(super) fn init() {
    if log::set_logger(&Console).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    log::error!("fatal: {info}\n{}", Backtrace::here());
    shutdown(Reason::Crash)
}
