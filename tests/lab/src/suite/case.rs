//! One run on real Xen as the suite knows it: what is booted, how it must end, what must be true of it.
//!
//! For every run: no complaint of Xen. For every run that ends well: the module has spoken, the audit covers every page, and
//! all modules are loaded unless the command line or the ramdisk says otherwise. Runs of the probe guest and of
//! examples are excepted: they say none of that, and Xen says of some refusals of probes whose frame it was.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::build::{self, Kernel};
use crate::machine::options::{Mode, Options};
use crate::machine::size::PAGE;
use crate::run;
use crate::run::backtrace;
use crate::run::boot;
use crate::run::complaint;
use crate::run::facts::Facts;
use crate::run::outcome::{Outcome, Report};
use crate::run::screen::Screen;
use crate::run::shim;
use crate::setup::Parts;
use crate::setup::release::Release;
use crate::suite::ramdisk::Ramdisk;

/// Something that must be true of a run.
pub(crate) type Proof = fn(&Evidence) -> Result<()>;

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Arguments of `scripts/boot`.
    pub(crate) line: &'static str,
    /// As dom0: the kernel without the notes that dom0 gets by default.
    pub(crate) plain: bool,
    /// As domU: the kernel with those notes.
    pub(crate) notes: bool,
    /// Which kernel is booted. The probe guest has Xen refuse things on purpose, and an example says nothing for programs.
    pub(crate) kernel: Kernel,
    pub(crate) ramdisk: Ramdisk,
    /// A script for dom0, by its text.
    pub(crate) script: Option<&'static str>,
    /// The guest's command line, if it is more than one word and so not in `line`.
    pub(crate) cmdline: &'static str,
    /// Words of what Xen says against the guest, and says rightly.
    pub(crate) xen_says: &'static [&'static str],
    /// Without `report=json`: nothing is said for programs.
    pub(crate) words_only: bool,
    pub(crate) outcomes: &'static [Outcome],
    pub(crate) proofs: &'static [Proof],
}

/// What a run leaves to be examined.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) report: Report,
    pub(crate) kernel: PathBuf,
    pub(crate) guest: String,
    /// What it said for programs.
    pub(crate) facts: Facts,
    /// The functions on the way to its end, as `scripts/boot` shows them.
    pub(crate) named: Vec<String>,
    /// The words it was started with.
    pub(crate) cmdline: String,
    /// The features that `--cpu` asked for.
    pub(crate) cpu: String,
    pub(crate) xl: String,
    /// The log of the Xen that the guest runs on: the machine's, or the shim's.
    pub(crate) xen: String,
    pub(crate) mode: Mode,
    /// As domU: the pages asked for. A shim keeps some of them.
    pub(crate) asked: Option<u64>,
}

impl Evidence {
    /// Boots, and gathers what is left.
    ///
    /// # Errors
    /// It could not be run.
    pub(crate) fn of(options: &Options, parts: &Parts, out: &Path) -> Result<Self> {
        let report = run::run(options, parts, out, &Screen::dark())?;
        let mut evidence = Self::left(options, parts, out, report)?;
        evidence.named = backtrace::named(&evidence.guest, &evidence.xen, &evidence.kernel)?;
        Ok(evidence)
    }

    /// Gathers what a run left in its folder, but for what only its kernel knows.
    pub(super) fn left(options: &Options, parts: &Parts, out: &Path, report: Report) -> Result<Self> {
        let read = |name: &str| {
            std::fs::read(out.join(name)).map(|text| String::from_utf8_lossy(&text).into_owned())
        };
        let guest = read("guest.log")?;
        let log = read("xen.log")?;
        if options.xen.is_none() {
            is_release(&log, parts.release)?;
        }
        let xen = if options.shim { read("shim.log")? } else { log };
        if options.shim {
            is_release(&xen, parts.release).context("the shim")?;
        }
        let guest = if options.shim { shim::without_xen(&guest) } else { guest };
        Ok(Self {
            facts: Facts::found(&guest),
            named: Vec::new(),
            guest,
            cmdline: options.cmdline.clone(),
            cpu: options.cpu.clone(),
            xl: read("xl.log").unwrap_or_default(),
            xen,
            mode: options.mode,
            asked: (options.mode == Mode::DomU && !options.shim).then_some(options.memory / PAGE),
            kernel: options.kernel_file(),
            report,
        })
    }

    /// What is true of every run of the demonstration that ends well, whatever modules it loads.
    ///
    /// # Errors
    /// What is not.
    pub(crate) fn of_success(&self) -> Result<()> {
        crate::suite::account::agrees(&self.facts)?;
        crate::suite::proof::nothing_refused(self)?;
        crate::suite::proof::whole_audit(self)?;
        crate::suite::proof::spaces_agree(self)?;
        crate::suite::proof::protection_changes(self)?;
        crate::suite::secret::is_kept(self)?;
        if self.mode == Mode::Dom0 {
            crate::suite::holes::are_identity(self)?;
        }
        crate::suite::kaslr_runs::is_placed(self)
    }

    /// How many pages the guest was given: as asked for, or if Xen made the guest (dom0, and on a shim) by the length of the
    /// list of frames it made.
    ///
    /// # Errors
    /// Xen says nothing of the list, or its line does not hold two addresses.
    pub(crate) fn given(&self) -> Result<u64> {
        if let Some(asked) = self.asked {
            return Ok(asked);
        }
        let line = self.xen.lines().find_map(|line| line.split_once("Phys-Mach map:"));
        let (_, range) = line.context("Xen does not say how many pages it gave")?;
        let ends = range.trim().split("->").map(|end| u64::from_str_radix(end, 16));
        let ends = ends.collect::<Result<Vec<u64>, _>>().with_context(|| format!("Phys-Mach map:{range}"))?;
        let [start, end] = ends[..] else { anyhow::bail!("no two addresses in Phys-Mach map:{range}") };
        Ok((end - start) / 8)
    }
}

/// The Xen that ran is the one that was chosen.
fn is_release(log: &str, release: Release) -> Result<()> {
    let line = log.lines().find_map(|line| line.strip_prefix("(XEN) Xen version "));
    let said = line.context("Xen does not say its version")?;
    let number = release.number();
    let rest = said.strip_prefix(number).filter(|rest| rest.starts_with('.'));
    ensure!(rest.is_some(), "another Xen than {number}: {said}");
    Ok(())
}

impl Case {
    /// A good run with the usual ramdisk and nothing special to prove.
    pub(crate) const fn good(name: &'static str, line: &'static str) -> Self {
        Self {
            name,
            line,
            plain: false,
            notes: false,
            kernel: Kernel::Demo,
            ramdisk: Ramdisk::Usual,
            script: None,
            cmdline: "",
            xen_says: &[],
            words_only: false,
            outcomes: &[Outcome::Success],
            proofs: &[],
        }
    }

    /// A run with bad input: a verdict of failure in one line, and a clean shutdown.
    pub(crate) const fn bad(name: &'static str, ramdisk: Ramdisk, proofs: &'static [Proof]) -> Self {
        Self { ramdisk, outcomes: &[Outcome::Failure], proofs, ..Self::good(name, "domu") }
    }

    /// The same as domU, loaded by GRUB.
    pub(crate) const fn through_grub(mut self) -> Self {
        self.line = "domu --through grub";
        self
    }

    /// A run with a command line of several words.
    pub(crate) const fn words(
        name: &'static str,
        line: &'static str,
        cmdline: &'static str,
        proofs: &'static [Proof],
    ) -> Self {
        Self { cmdline, proofs, ..Self::good(name, line) }
    }

    /// A run in which a module does what it may not: the guest dies, and says which module did what, where.
    pub(crate) const fn dies(
        name: &'static str,
        line: &'static str,
        cmdline: &'static str,
        proofs: &'static [Proof],
    ) -> Self {
        Self { cmdline, outcomes: &[Outcome::Crashed], proofs, ..Self::good(name, line) }
    }

    /// A run of the probe guest.
    pub(crate) const fn probes(name: &'static str, line: &'static str, proofs: &'static [Proof]) -> Self {
        Self { kernel: Kernel::Probe, proofs, ..Self::good(name, line) }
    }

    /// A run of an example.
    pub(crate) const fn example(
        name: &'static str,
        line: &'static str,
        example: &'static str,
        proofs: &'static [Proof],
    ) -> Self {
        Self { kernel: Kernel::Example(example), proofs, ..Self::good(name, line) }
    }

    /// Whether it boots the demonstration, however that was built.
    const fn is_demo(&self) -> bool {
        matches!(self.kernel, Kernel::Demo | Kernel::Profiled(_) | Kernel::AtEightMebibytes)
    }

    /// What `scripts/boot` would be asked for.
    ///
    /// # Errors
    /// The row's arguments mean nothing.
    pub(crate) fn options(&self) -> Result<Options> {
        let words = self.line.split_whitespace().map(Into::into);
        let mut options = Options::parse(words)?.context("a case cannot ask for help")?;
        if !self.cmdline.is_empty() {
            options.cmdline = self.cmdline.to_owned();
        }
        if self.is_demo() && !self.words_only {
            options.cmdline = format!("{} report=json", options.cmdline).trim_start().to_owned();
        }
        Ok(options)
    }

    /// Boots it with its logs in `out` and holds it against what it must be.
    ///
    /// # Errors
    /// It could not be run, or something is not as it must be.
    pub(crate) fn run(&self, parts: &Parts, out: &Path) -> Result<()> {
        let out = boot::fresh(out)?;
        let mut options = self.options()?;
        // Two machines share the processors here.
        options.timeout = Some(2 * options.patience());
        if self.ramdisk != Ramdisk::Usual {
            options.ramdisk = Some(out.join("ramdisk"));
            std::fs::write(out.join("ramdisk"), self.ramdisk.content()?)?;
        }
        if let Some(script) = self.script {
            options.in_dom0 = Some(out.join("in-dom0"));
            std::fs::write(out.join("in-dom0"), script)?;
        }
        let usual = || build::kernel(self.notes || options.mode == Mode::Dom0 && !self.plain);
        options.kernel = Some(self.kernel.path().unwrap_or_else(usual));
        let evidence = Evidence::of(&options, parts, &out)?;
        self.examine(&evidence, self.loads_all(&options))
    }

    /// Whether it loads all modules there are.
    pub(super) fn loads_all(&self, options: &Options) -> bool {
        let mut words = options.cmdline.split_whitespace();
        let all = words.all(|word| !word.starts_with("modules=") || word == "modules=all");
        self.is_demo() && self.ramdisk.has_all_modules() && all
    }

    /// Holds what a run left against what it must be.
    pub(super) fn examine(&self, evidence: &Evidence, all_modules: bool) -> Result<()> {
        let Report { outcome, last, complaints, .. } = &evidence.report;
        ensure!(self.outcomes.contains(outcome), "ended as {outcome:?}, not {:?}: {last}", self.outcomes);
        let mut refusals = match self.kernel {
            Kernel::Probe => complaint::of_probes(&self.options()?),
            _ => Vec::new(),
        };
        refusals.extend(self.xen_says);
        let expected = |complaint: &str| refusals.iter().any(|words| complaint.contains(words));
        if let Some(complaint) = complaints.iter().find(|complaint| !expected(complaint)) {
            anyhow::bail!("Xen complained: {complaint}");
        }
        evidence.facts.whole()?;
        if *outcome == Outcome::Success && self.is_demo() {
            crate::suite::proof::module_spoke(evidence)?;
            evidence.of_success()?;
            if all_modules {
                crate::suite::module_runs::all_loaded(evidence)?;
            }
        }
        self.proofs.iter().try_for_each(|proof| proof(evidence))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Case, Evidence, Mode, Options, Parts, Release, is_release};
    use crate::run::facts::Facts;
    use crate::run::outcome::{Outcome, Report};

    fn report() -> Report {
        Report {
            outcome: Outcome::Success,
            refused: false,
            last: String::new(),
            complaints: Vec::new(),
            out: PathBuf::new(),
        }
    }

    fn evidence(xen: &str, asked: Option<u64>) -> Evidence {
        Evidence {
            report: report(),
            kernel: PathBuf::new(),
            guest: String::new(),
            facts: Facts::default(),
            named: Vec::new(),
            cmdline: String::new(),
            cpu: String::new(),
            xl: String::new(),
            xen: xen.to_owned(),
            mode: if asked.is_some() { Mode::DomU } else { Mode::Dom0 },
            asked,
        }
    }

    #[test]
    fn which_xen_it_was() {
        let log = "(XEN) parameter x\n(XEN) Xen version 4.14.6 (Debian 4.14.6-1)\n";
        assert!(is_release(log, Release::V4_14).is_ok());
        assert!(is_release(log, Release::V4_17).is_err());
        assert!(is_release("(XEN) Xen version 4.140.6\n", Release::V4_14).is_err());
        assert!(is_release("", Release::V4_14).is_err());
    }

    #[test]
    fn a_run_on_another_xen_shows_nothing() {
        let out = std::env::temp_dir().join(format!("lab-case-{}", std::process::id()));
        std::fs::create_dir_all(&out).unwrap();
        let nowhere = PathBuf::new;
        let parts = Parts {
            release: Release::V4_17,
            xen: nowhere(),
            xen_efi: nowhere(),
            shim: nowhere(),
            linux: nowhere(),
            root: nowhere(),
            grub: nowhere(),
        };
        let version = |number: &str| format!("(XEN) Xen version {number} (Debian)\n");
        let left = |options: &Options, xen: &str, shim: &str| {
            for (name, content) in
                [("guest.log", ""), ("xen.log", &version(xen)), ("shim.log", &version(shim))]
            {
                std::fs::write(out.join(name), content).unwrap();
            }
            Evidence::left(options, &parts, &out, report()).map(drop).map_err(|error| format!("{error:#}"))
        };
        let mut options = Options::new(Mode::DomU);
        assert_eq!(left(&options, "4.17.5", "4.20.5"), Ok(()));
        let another = "another Xen than 4.17: 4.20.5 (Debian)".to_owned();
        assert_eq!(left(&options, "4.20.5", "4.17.5"), Err(another.clone()));
        options.shim = true;
        assert_eq!(left(&options, "4.17.5", "4.17.5"), Ok(()));
        assert_eq!(left(&options, "4.17.5", "4.20.5"), Err(format!("the shim: {another}")));
        // An image that somebody gave may be any.
        options.xen = Some(out.join("xen"));
        assert_eq!(left(&options, "4.20.5", "4.17.5"), Ok(()));
        std::fs::remove_dir_all(out).unwrap();
    }

    #[test]
    fn what_xen_says_of_probes_counts_where_it_does_not_belong() {
        let said = "(XEN) d1 L1TF-vulnerable L1e 0000000012345678 - Shadowing";
        let mut evidence = evidence("", Some(1));
        evidence.report.complaints = vec!["(XEN) d1v0 Error mfn 1: rd=d1".to_owned(), said.to_owned()];
        let examined = |case: Case| case.examine(&evidence, false).map_err(|error| error.to_string());
        let intel = "domu --cpu vendor=GenuineIntel";
        assert_eq!(examined(Case::probes("p", intel, &[])), Ok(()));
        assert_eq!(examined(Case::probes("p", "domu", &[])), Err(format!("Xen complained: {said}")));
        let refused = Err("Xen complained: (XEN) d1v0 Error mfn 1: rd=d1".to_owned());
        assert_eq!(examined(Case::good("p", intel)), refused);
    }

    #[test]
    fn how_many_pages_a_guest_was_given() {
        let xen = "(XEN)  Phys-Mach map: ffffc80000000000->ffffc800000741d0\n";
        assert_eq!(evidence(xen, None).given().unwrap(), 59450);
        assert_eq!(evidence(xen, Some(16384)).given().unwrap(), 16384);
        assert!(evidence("", None).given().is_err());
        assert!(evidence("Phys-Mach map: 0", None).given().is_err());
    }
}
