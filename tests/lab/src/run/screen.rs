//! What a person sees of a run: progress on standard error, the guest's words on standard output.

use std::io::Write;

/// How much of a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    /// Nothing: the suite prints one line for each run.
    Dark,
    /// Progress and the guest.
    Guest,
    /// Xen and dom0 too.
    Everything,
}

impl Screen {
    /// Says what happens now.
    pub(crate) fn progress(self, text: &str) {
        if self != Self::Dark {
            eprintln!("boot: {text}");
        }
    }

    /// Shows a line of the guest's console, or the verdict.
    pub(crate) fn guest(self, line: &str) {
        if self != Self::Dark {
            let mut out = std::io::stdout().lock();
            // A reader that has gone away must not end the run before its logs are complete.
            drop(writeln!(out, "{line}").and_then(|()| out.flush()));
        }
    }

    /// Shows a line of Xen, dom0 or a tool.
    pub(crate) fn other(self, line: &str) {
        if self == Self::Everything {
            eprintln!("{line}");
        }
    }
}
