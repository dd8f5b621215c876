//! Lines for a person, on standard output and standard error.
//!
//! *What must hold*: a reader that has gone away (`scripts/test | head -1`) is no panic. What goes on is the caller's to end: it asks
//! [`is_heard`].

use std::fmt::Arguments;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

static GONE: AtomicBool = AtomicBool::new(false);

/// Prints a line on standard output, as `println!` does.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::say::out(format_args!($($text)*)) };
}

/// Prints a line on standard error, as `eprintln!` does.
#[macro_export]
macro_rules! note {
    ($($text:tt)*) => { $crate::say::error(format_args!($($text)*)) };
}

/// What `say!` calls.
pub fn out(line: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        GONE.store(true, Ordering::Relaxed);
    }
}

/// What `note!` calls.
pub fn error(line: Arguments<'_>) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// Whether somebody still reads standard output, by the last line that was printed.
pub fn is_heard() -> bool {
    !GONE.load(Ordering::Relaxed)
}
