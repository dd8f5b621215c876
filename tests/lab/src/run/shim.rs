//! A console that the guest shares with the Xen below it: a shim, whose lines come out among the guest's.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Result;

use crate::run::serial::{Line, Splitter};

/// Takes the shim's lines out of the guest's console and writes them down.
#[derive(Debug)]
pub(crate) struct Shim {
    log: File,
    splitter: Splitter,
    /// It said that it builds a guest.
    builds: bool,
    /// Its last line was the head of a panic.
    panics: bool,
    panic: Option<String>,
}

impl Shim {
    /// Will write the shim's lines to `shim.log` in the folder of a run.
    ///
    /// # Errors
    /// The log cannot be written.
    pub(crate) fn new(out: &Path) -> Result<Self> {
        Ok(Self {
            log: File::create(out.join("shim.log"))?,
            splitter: Splitter::default(),
            builds: false,
            panics: false,
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
                if self.panics && self.panic.is_none() {
                    self.panic = Some(text.trim_start_matches("(XEN) ").to_owned());
                }
                self.panics = text.contains("Panic on CPU");
                self.builds |= text.contains("Phys-Mach map:");
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
        for line in ["(XEN) Panic on CPU 0:", "(XEN) Not enough RAM", "(XEN) ****"] {
            shim.take(line).unwrap();
        }
        assert_eq!(shim.panic(), Some("Not enough RAM"));
        assert!(!shim.builds());
        shim.take("(XEN)  Phys-Mach map: ffffffff816b0000->ffffffff816e4ec8").unwrap();
        assert!(shim.builds());
        std::fs::remove_dir_all(out).unwrap();
    }

    #[test]
    fn what_the_guest_said_among_xens_lines() {
        let console = "(XEN) a\nver(XEN) b\ndict: SUCCESS\n(XEN) Hardware Dom1 halted";
        assert_eq!(without_xen(console), "verdict: SUCCESS\n");
    }
}
