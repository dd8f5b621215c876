//! `scripts/test soak [N] [SEED]`: boots that nobody thought of.
//!
//! *What this is*: each boot is drawn from its seed alone, over what can be chosen about one: memory around every border, both variants of the
//! kernel, dom0 and domU, the release of Xen, the command line's words, processors, `dom0_mem=`, ramdisks, `e820_host` and `maxmem`. So
//! `scripts/test soak 1 SEED` repeats exactly that boot.
//!
//! *What must hold*: what a boot must end as is derived from what was drawn before it is made ([`Expected`]), and what was drawn leaves a
//! trace that is looked for, but for `maxmem`, the number of a domU's processors and what is in front of a ramdisk. Where it depends on
//! a few pages whether there is enough memory, both ends are right, but each must be a whole one.
//!
//! *What is not prevented*: combinations that are not drawn: EFI, the options of QEMU, releases of Xen besides the three.

pub(crate) mod boot;
mod check;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::build;
use crate::machine::need::{Need, TooLittle};
use crate::machine::options::Mode;
use crate::machine::size::{MIB, PAGE};
use crate::run::boot::fresh;
use crate::setup::Parts;
use crate::suite::case::Evidence;
use crate::suite::soak::boot::Boot;
use crate::suite::soak::check::{no_memory, refused, told};

/// How many boots, and from which seed on, if nothing is said.
pub(crate) const COUNT: u64 = 60;
pub(crate) const SEED: u64 = 1;

/// Pages below the module window in the kernel mapping.
const WINDOW: u64 = 0x2_0000;

/// How a boot must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expected {
    /// Whether there is memory enough to begin; unknown where it depends on a few pages. If not, it is refused in one line that
    /// says what to change.
    begins: Option<bool>,
    /// What the verdict of failure is about, and its error; otherwise it is success, with all that belongs to it.
    fails: Option<[&'static str; 2]>,
}

impl Boot {
    /// Makes the boot with its logs in `out`.
    ///
    /// # Errors
    /// It could not be made, or did not end as it must.
    pub(crate) fn run(&self, parts: &Parts, out: &Path) -> Result<()> {
        let out = fresh(out)?;
        let mut options = self.options.clone();
        let kernel = build::kernel(!self.plain);
        let ramdisk = self.ramdisk.content()?;
        let mut need = Need::of(&std::fs::read(&kernel)?, ramdisk.len() as u64, options.memory);
        let mut pages = (ramdisk.len() as u64).div_ceil(PAGE) + self.padding;
        if let Some(below) = self.across {
            pages = WINDOW - need.kernel_end() - below;
        }
        need.set_ramdisk(pages);
        options.ramdisk_pages = Some(pages);
        options.kernel = Some(kernel);
        options.ramdisk = Some(out.join("ramdisk"));
        std::fs::write(out.join("ramdisk"), ramdisk)?;

        let expected = self.expected(&need);
        let evidence = match Evidence::of(&options, parts, &out) {
            Ok(evidence) => evidence,
            Err(error) => {
                let refused = expected.begins != Some(true) && error.is::<TooLittle>();
                ensure!(refused, "{expected:?}: {error:#}");
                return told(&error.to_string());
            }
        };
        std::fs::remove_file(out.join("ramdisk"))?;
        self.is_as(expected, &evidence)
    }

    /// It ended as it must.
    fn is_as(&self, expected: Expected, evidence: &Evidence) -> Result<()> {
        let last = &evidence.report.last;
        let refusal = refused(evidence);
        // A Xen that cannot make dom0 panics.
        if let Some(complaint) = evidence.report.complaints.first().filter(|_| refusal.is_err()) {
            bail!("Xen complained: {complaint}; {last}");
        }
        let ends = || match expected.fails {
            Some(reason) => self.fails(evidence, reason),
            None => self.is_good(evidence),
        };
        match expected.begins {
            Some(true) => ends(),
            Some(false) => refusal,
            None => refusal.or_else(|_| no_memory(evidence)).or_else(|_| ends()),
        }
        .with_context(|| format!("{expected:?}; {last}"))
    }

    /// What a recorded boot left, held against what is known without its kernel and ramdisk.
    #[cfg(test)]
    pub(crate) fn judged(&self, evidence: &Evidence) -> Result<()> {
        let expected = self.expected(&Need::of(b"", 0, self.options.memory));
        let begins =
            if evidence.report.refused { Some(false) } else { expected.begins.filter(|begins| *begins) };
        self.is_as(Expected { begins, ..expected }, evidence)
    }

    /// What follows from what was drawn.
    fn expected(&self, need: &Need) -> Expected {
        let mebibytes = self.options.memory / MIB;
        let begins = match self.options.mode {
            // Xen takes its own part. Where these borders are was seen: 80 MiB are refused, 96 boot.
            Mode::Dom0 if mebibytes <= 72 => Some(false),
            Mode::Dom0 if mebibytes < 112 => None,
            Mode::Dom0 => Some(true),
            Mode::DomU => match need.is_built() {
                // With the notes, list and ramdisk need no place in the first mapping.
                Some(false) if !self.plain && need.is_met() => None,
                built => built,
            },
        };
        let fails = match self.modules {
            _ if self.across.is_some() => Some(["module hello", "Overlap"]),
            Some("hello,absent") => Some(["modules", "NoSuchModule { module: PrintableName(\"absent\")"]),
            _ => None,
        };
        Expected { begins, fails }
    }
}
