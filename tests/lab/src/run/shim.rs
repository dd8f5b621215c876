//! A console that the guest shares with the Xen below it: a shim, whose lines come out among the guest's.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Result;

use crate::run::panic::Panic;
use crate::run::serial::{Line, Splitter};
use tools::file;

/// Said by a Xen that lays out a guest's memory.
const BUILDS: &str = "Phys-Mach map:";

/// Takes the shim's lines out of the guest's console and writes them down.
#[derive(Debug)]
pub(crate) struct Shim {
    log: File,
    splitter: Splitter,
    /// It said that it builds a guest.
    builds: bool,
    panics: Panic,
    /// Why it panicked.
    panic: Option<String>,
}

impl Shim {
    /// Will write the shim's lines to `shim.log` in the folder of a run.
    ///
    /// # Errors
    /// The log cannot be written.
    pub(crate) fn new(out: &Path) -> Result<Self> {
        Ok(Self {
            log: file::create(&out.join("shim.log"))?,
            splitter: Splitter::default(),
            builds: false,
            panics: Panic::default(),
            panic: None,
        })
    }

    /// Takes a line of the console; gives the lines it completes, whoever said them.
    ///
    /// # Errors
    /// The log cannot be written.
    pub(crate) fn take(&mut self, line: &str) -> Result<Vec<Line>> {
        let lines = self.splitter.take(format!("{line}\n").as_bytes());
        for line in &lines {
            if let Line::Xen(text) = line {
                writeln!(self.log, "{text}")?;
                let reason = self.panics.take(text);
                self.panic = self.panic.take().or(reason.map(|reason| reason.said));
                self.builds |= text.contains(BUILDS);
            }
        }
        Ok(lines)
    }

    /// Tells whether there was a shim, and it came to build its guest.
    pub(crate) const fn builds(&self) -> bool {
        self.builds
    }

    /// Why the shim panicked, if it did.
    pub(crate) fn panic(&self) -> Option<&str> {
        self.panic.as_deref()
    }
}

/// What the guest said on such a console.
pub(crate) fn without_xen(console: &str) -> String {
    let mut splitter = Splitter::default();
    let mut lines = splitter.take(console.as_bytes());
    lines.extend(splitter.idle(true));
    let guest = lines.into_iter().filter_map(|line| match line {
        Line::Dom0(text) => Some(text + "\n"),
        Line::Xen(_) => None,
    });
    guest.collect()
}

#[cfg(test)]
mod tests {
    use super::{Shim, without_xen};

    #[test]
    fn why_a_shim_panicked() {
        let out = std::env::temp_dir().join(format!("lab-shim-{}", std::process::id()));
        std::fs::create_dir_all(&out).unwrap();
        let mut shim = Shim::new(&out).unwrap();
        let lines = [
            "(XEN) no room",
            "(XEN) Panic on CPU 0:",
            "(XEN) Not enough RAM",
            "(XEN) Panic on CPU 0:",
            "(XEN) another",
        ];
        for (number, line) in lines.into_iter().enumerate() {
            assert_eq!(shim.panic(), (number > 2).then_some("Not enough RAM"), "before {line}");
            shim.take(line).unwrap();
        }
        // The first is what went wrong.
        assert_eq!(shim.panic(), Some("Not enough RAM"));
        assert!(!shim.builds());
        assert!(!shim.take("Phys-Mach map, says the guest").unwrap().is_empty() && !shim.builds());
        let built = "(XEN)  Phys-Mach map: ffffffff816b0000->ffffffff816e4ec8";
        shim.take(&format!("hel{built}")).unwrap();
        assert!(shim.builds());
        shim.take("lo").unwrap();
        let log = std::fs::read_to_string(out.join("shim.log")).unwrap();
        assert_eq!(log, lines.join("\n") + "\n" + built + "\n");
        std::fs::remove_dir_all(out).unwrap();
    }

    #[test]
    fn what_the_guest_said_among_xens_lines() {
        let console = "(XEN) a\nver(XEN) b\ndict: SUCCESS\n(XEN) Hardware Dom1 halted";
        assert_eq!(without_xen(console), "verdict: SUCCESS\n");
    }
}
