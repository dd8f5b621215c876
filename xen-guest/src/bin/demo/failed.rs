//! Why the demonstration failed, for people and for programs.

use alloc::{format, string::String};
use core::fmt::{Debug, Display};

use xen_guest::{Guest, Value};

use crate::report::report;

/// A reason in words, what it is about, and the error by its names in the source.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) words: String,
    about: String,
    error: String,
}

impl Failed {
    /// An error, met while doing something or with something.
    pub(crate) fn by(about: &str, error: &(impl Debug + Display)) -> Self {
        Self { words: format!("{about}: {error}"), about: String::from(about), error: format!("{error:?}") }
    }

    /// What no error stands for.
    pub(crate) fn because(about: &str, words: &str) -> Self {
        Self { words: format!("{about}: {words}"), about: String::from(about), error: String::new() }
    }

    /// Shows it on the console as a fact of this name.
    pub(crate) fn fact(&self, guest: &Guest, name: &str) {
        let fields = [("about", Value::Text(&self.about)), ("error", Value::Text(&self.error))];
        report(guest, name, &fields);
    }
}
