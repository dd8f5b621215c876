//! `scripts/test soak [N] [SEED]`: boots that nobody thought of.
//!
//! *What this is*: each boot is drawn from its seed alone, over what can be chosen about one: memory around every border, both variants of the
//! kernel, dom0 and domU, the command line's words, processors, `dom0_mem=`, ramdisks, `e820_host` and `maxmem`. So
//! `scripts/test soak 1 SEED` repeats exactly that boot.
//!
//! *What must hold*: what a boot must end as is derived from what was drawn before it is made ([`Expected`]), and everything that was drawn
//! leaves a trace that is looked for. Where it depends on a few pages whether there is enough memory, both ends are right,
//! but each must be a whole one.
//!
//! *What is not prevented*: combinations that are not drawn: EFI, the options of QEMU, other hypervisors.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::build;
use crate::machine::need::Need;
use crate::machine::options::{Mode, Options};
use crate::machine::size::{GIB, MIB, PAGE, text};
use crate::run::boot;
use crate::run::outcome::Outcome;
use crate::setup::Parts;
use crate::setup::release::Release;
use crate::suite::case::{Evidence, Ramdisk};
use crate::suite::module_runs;
use crate::suite::proof;
use kit::random::Random as Draw;

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
    /// Why the verdict is failure; otherwise it is success, with all that belongs to it.
    fails: Option<&'static str>,
}

/// `then=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Poweroff,
    Reboot,
    Idle,
    Crash,
}

/// One boot.
#[derive(Debug, Clone)]
pub(crate) struct Boot {
    pub(crate) seed: u64,
    options: Options,
    /// The kernel without the notes INIT_P2M and MOD_START_PFN.
    plain: bool,
    ramdisk: Ramdisk,
    /// Pages of zeros behind it.
    padding: u64,
    /// So many pages of the P2M list, and a ramdisk that puts it across the start of the module window.
    across: Option<u64>,
    then: Then,
    /// The word `modules=`, if there is one.
    modules: Option<&'static str>,
    lazy: bool,
    moves_list: bool,
    json: bool,
    e820_host: bool,
    /// As dom0: exactly so many pages of the machine.
    dom0_pages: Option<u64>,
}

/// Words for `modules=`, and what is loaded then; `*` is all that the ramdisk has.
const MODULES: [(Option<&str>, &[&str]); 7] = [
    (None, &["*"]),
    (Some("all"), &["*"]),
    (Some("none"), &[]),
    (Some("hello"), &["hello"]),
    (Some("client"), &["base", "client"]),
    (Some("plainc,counter,base"), &["base", "counter", "plainc"]),
    (Some("hello,absent"), &["hello"]),
];

/// Processors besides QEMU's own: with less, with other addresses, and one that is an Intel to Xen.
const PROCESSORS: [&str; 5] = [
    "-xsave",
    "-pdpe1gb",
    "phys-bits=39",
    "phys-bits=52",
    "vendor=GenuineIntel,family=6,model=94,stepping=3",
];

impl Boot {
    /// The boot of a seed.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut draw = Draw::from(seed);
        let mode = if draw.one_in(4) { Mode::DomU } else { Mode::Dom0 };
        let across = draw.one_in(20);
        let mebibytes = match mode {
            _ if across => draw.between(1025, 1300),
            // The smallest; any; around a border of tables; where the hole for devices is; above it.
            Mode::Dom0 => match draw.between(0, 11) {
                0 => draw.between(40, 130),
                1..=3 => draw.between(131, 2899),
                4..=5 => draw.beside(&[256, 512, 1024, 2048]),
                6..=8 => draw.between(2900, 4500),
                9..=10 => draw.beside(&[3072, 3584, 4096]),
                _ => draw.between(4501, 6200),
            },
            Mode::DomU => match draw.between(0, 9) {
                0..=2 => draw.between(18, 34),
                3..=5 => draw.between(35, 700),
                6..=7 => draw.beside(&[64, 128, 256, 512, 1024]),
                8 => draw.between(701, 1500),
                _ => draw.beside(&[2048, 3072, 4096]),
            },
        };
        let mut options = Options::new(mode);
        options.memory = mebibytes * MIB;
        options.vcpus = draw.of(&[1, 1, 2, 3]) as u32;
        options.timeout = Some(240);

        let dom0_pages = (mode == Mode::Dom0 && mebibytes >= 384 && !across && draw.one_in(4))
            .then(|| draw.between(96 * MIB / PAGE, options.memory / 2 / PAGE));
        if let Some(pages) = dom0_pages {
            let max = if draw.one_in(2) {
                format!(",max:{}K", 4 * (pages + draw.between(0, 99_999)))
            } else {
                String::new()
            };
            options.xen_line = format!("dom0_mem={}K{max}", 4 * pages);
        }
        let e820_host = mode == Mode::DomU && draw.one_in(3);
        if e820_host {
            options.config.push("e820_host=1".to_owned());
        }
        if mode == Mode::DomU && draw.one_in(4) {
            options.config.push(format!("maxmem={}", mebibytes + draw.between(1, 512)));
        }

        // What is packed takes heap; a small machine's bounds were seen with the usual one.
        let roomy = mebibytes >= 256 && dom0_pages.is_none_or(|pages| pages * PAGE >= 256 * MIB);
        let ramdisk = match draw.between(0, 7) {
            0 => Ramdisk::Hello,
            1 => Ramdisk::Microcode,
            2 if roomy => Ramdisk::MicrocodeGzip,
            _ => Ramdisk::Usual,
        };
        let small = mode == Mode::Dom0 && mebibytes < 160;
        let ramdisk = if small || across { Ramdisk::Usual } else { ramdisk };
        let pages = dom0_pages.unwrap_or(options.memory / PAGE);
        let padding = if !small && draw.one_in(3) { draw.between(1, pages.min(0x4_0000) / 16) } else { 0 };

        let moves_list = !across && !draw.one_in(5);
        let lazy = draw.one_in(2);
        let json = draw.one_in(4);
        let then = draw.of(&[Then::Poweroff, Then::Poweroff, Then::Reboot, Then::Idle, Then::Crash]);
        let mut modules = MODULES[draw.of(&[0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6])].0;
        if across
            || (ramdisk == Ramdisk::Hello
                && modules.is_some_and(|word| word.contains("client") || word.contains("plainc")))
        {
            modules = Some("hello");
        }
        let mut words = Vec::new();
        words.extend(lazy.then_some("map=lazy").or_else(|| draw.one_in(4).then_some("map=eager")));
        words.extend(
            (!moves_list).then_some("revector=off").or_else(|| draw.one_in(4).then_some("revector=on")),
        );
        words.extend(json.then_some("report=json"));
        words.extend(match then {
            Then::Poweroff => draw.one_in(2).then_some("then=poweroff"),
            Then::Reboot => Some("then=reboot"),
            Then::Idle => Some("then=idle"),
            Then::Crash => Some("then=crash"),
        });
        let word = modules.map(|modules| format!("modules={modules}"));
        words.extend(word.as_deref());
        options.cmdline = words.join(" ");
        let plain = across || draw.one_in(2);
        // A list of at least 256 pages, of which these lie below the window.
        let across = across.then(|| draw.between(3, 250));
        // Last, so that what else a seed stands for stays as it was.
        options.release = draw.of(&[Release::V4_17, Release::V4_17, Release::V4_14, Release::V4_20]);
        if draw.one_in(3) {
            options.cpu = draw.of(&PROCESSORS).to_owned();
        }
        Self {
            seed,
            options,
            plain,
            ramdisk,
            padding: if across.is_some() { 0 } else { padding },
            across,
            then,
            modules,
            lazy,
            moves_list,
            json,
            e820_host,
            dom0_pages,
        }
    }

    /// What is booted, to estimate what it takes.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// What was drawn, in the words of `scripts/boot` and a few of ours.
    pub(crate) fn line(&self) -> String {
        let Options { mode, memory, vcpus, cmdline, xen_line, config, release, cpu, .. } = &self.options;
        let mut line =
            format!("{} --memory {}", if *mode == Mode::Dom0 { "dom0" } else { "domu" }, text(*memory));
        if *release != Release::default() {
            line += &format!(" --xen-release {}", release.number());
        }
        if !cpu.is_empty() {
            line += &format!(" --cpu {cpu}");
        }
        if *vcpus > 1 {
            line += &format!(" --vcpus {vcpus}");
        }
        if !xen_line.is_empty() {
            line += &format!(" --xen-line {xen_line}");
        }
        config.iter().for_each(|config| line += &format!(" --config {config}"));
        if !cmdline.is_empty() {
            line += &format!(" --cmdline '{cmdline}'");
        }
        line += if self.plain { ", kernel without notes" } else { ", kernel with notes" };
        line += &format!(", ramdisk {:?}", self.ramdisk);
        if self.padding > 0 {
            line += &format!(" and {:#x} pages", self.padding);
        }
        if self.across.is_some() {
            line += ", list across the window's start";
        }
        line
    }

    /// Makes the boot with its logs in `out`.
    ///
    /// # Errors
    /// It could not be made, or did not end as it must.
    pub(crate) fn run(&self, parts: &Parts, out: &Path) -> Result<()> {
        let out = boot::fresh(out)?;
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
                let line = error.to_string();
                let refused = expected.begins != Some(true) && line.starts_with("too little memory: ");
                ensure!(refused, "{expected:?}: {error:#}");
                return told(&line);
            }
        };
        std::fs::remove_file(out.join("ramdisk"))?;
        let last = &evidence.report.last;
        let refusal = refused(&evidence);
        // A Xen that cannot make dom0 panics.
        if let Some(complaint) = evidence.report.complaints.first().filter(|_| refusal.is_err()) {
            bail!("Xen complained: {complaint}; {last}");
        }
        let ends = || match expected.fails {
            Some(reason) => self.fails(&evidence, reason),
            None => self.is_good(&evidence),
        };
        match expected.begins {
            Some(true) => ends(),
            Some(false) => refusal,
            None => refusal.or_else(|_| no_memory(&evidence)).or_else(|_| ends()),
        }
        .with_context(|| format!("{expected:?}; {last}"))
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
            _ if self.across.is_some() => Some(" overlaps P2M list 0x"),
            Some("hello,absent") => Some("modules: the ramdisk has no modules/absent.ko among its "),
            _ => None,
        };
        Expected { begins, fails }
    }

    /// Everything that was asked for was done.
    fn is_good(&self, evidence: &Evidence) -> Result<()> {
        let Evidence { report, guest, .. } = evidence;
        let outcome = if self.then == Then::Crash { Outcome::Crashed } else { Outcome::Success };
        ensure!(report.outcome == outcome, "ended as {:?}, not {outcome:?}", report.outcome);
        let verdicts: Vec<&str> = guest.lines().filter(|line| line.starts_with("verdict: ")).collect();
        ensure!(verdicts == ["verdict: SUCCESS"], "not one verdict of success: {verdicts:?}");
        evidence.of_success()?;
        self.has_modules(evidence)?;
        self.has_ended(evidence)?;
        self.has_memory(evidence)?;
        let marks = [("P2M: left at 0x", !self.moves_list), (" leaves copied to __va, ", self.moves_list)];
        for (mark, wanted) in marks {
            ensure!(
                guest.contains(mark) == wanted,
                "the words {mark:?} are there or not, but should be: {wanted}"
            );
        }
        let reports: Vec<&str> =
            guest.lines().filter(|line| line.starts_with("@report {\"stage\":\"")).collect();
        ensure!((reports.len() >= 9) == self.json, "{} lines @report", reports.len());
        let cpus = self.options.vcpus;
        if self.options.mode == Mode::Dom0 {
            ensure!(
                evidence.xen.contains(&format!("Dom0 has maximum {cpus} VCPUs")),
                "not {cpus} virtual CPUs"
            );
            ensure!(evidence.xen.contains(&format!("Brought up {cpus} CPU")), "not {cpus} processors");
        }
        ensure!(
            evidence.xl.contains("e820_sanitize") == self.e820_host,
            "a map of the host, or none, by mistake"
        );
        Ok(())
    }

    /// The right modules are in the table, and no others.
    fn has_modules(&self, evidence: &Evidence) -> Result<()> {
        let all = if self.ramdisk.has_all_modules() { &module_runs::ALL[..] } else { &["hello"] };
        let named = MODULES.iter().find(|(word, _)| *word == self.modules).context("an unknown word")?.1;
        let wanted: BTreeSet<&str> = if named == ["*"] { all } else { named }.iter().copied().collect();
        let rows = evidence.guest.lines().skip_while(|line| !line.starts_with("  module ")).skip(1);
        let rows = rows.take_while(|line| line.starts_with("  "));
        let found: BTreeSet<&str> = rows.filter_map(|row| row.split_whitespace().next()).collect();
        ensure!(found == wanted, "modules {found:?} were loaded, not {wanted:?}");
        if wanted.contains("hello") {
            proof::module_spoke(evidence)?;
        }
        Ok(())
    }

    /// It ended as `then=` says.
    fn has_ended(&self, evidence: &Evidence) -> Result<()> {
        let (said, marks) = match self.options.mode {
            Mode::Dom0 => (
                evidence.xen.clone(),
                ["Hardware Dom0 halted: ", "Hardware Dom0 shutdown: rebooting ", "Hardware Dom0 crashed: "],
            ),
            Mode::DomU => {
                let events = std::fs::read_to_string(evidence.report.out.join("events"))?;
                (events, ["ended 0\n", "ended 1\n", "ended 3\n"])
            }
        };
        let found: Vec<bool> = marks.iter().map(|mark| said.contains(mark)).collect();
        let wanted = [Then::Poweroff, Then::Reboot, Then::Crash].map(|then| then == self.then);
        ensure!(found == wanted, "of {marks:?} there are {found:?}, and should be {wanted:?}");
        Ok(())
    }

    /// It has the pages it was to have, and those are mapped that should be.
    fn has_memory(&self, evidence: &Evidence) -> Result<()> {
        if let Some(pages) = self.dom0_pages {
            let given = evidence.given()?;
            ensure!(given == pages, "dom0 has {given} pages, not {pages}");
        }
        let (mapped, all) = proof::mapped_and_all(&evidence.guest).context("no count of pages mapped")?;
        if !self.lazy {
            ensure!(mapped == all, "{mapped} of {all} pages are mapped");
        } else if all > 4 * GIB / PAGE {
            ensure!(mapped < all, "map=lazy mapped all {all} pages");
        }
        Ok(())
    }

    /// It ended with a verdict of failure for that reason, and no worse.
    fn fails(&self, evidence: &Evidence, reason: &str) -> Result<()> {
        let report = &evidence.report;
        ensure!(
            report.outcome == Outcome::Failure
                && report.last.starts_with("verdict: FAILURE ")
                && report.last.contains(reason),
            "expected a failure because of {reason:?}, {:?}: {}",
            report.outcome,
            report.last
        );
        if self.across.is_some() {
            ensure!(
                report.last.contains("module 0xffffffffa0000000.."),
                "not the window's start: {}",
                report.last
            );
        }
        proof::nothing_refused(evidence)?;
        self.has_ended(evidence)
    }
}

/// The builder or Xen refused, in one line that says what to change.
fn refused(evidence: &Evidence) -> Result<()> {
    let report = &evidence.report;
    let by = [
        "xl create refused: ",
        "Xen refused: Not enough RAM ",
        "Xen refused: Domain 0 allocation is too small ",
    ];
    ensure!(
        report.outcome == Outcome::Failure && by.iter().any(|by| report.last.starts_with(by)),
        "not refused, but {:?}: {}",
        report.outcome,
        report.last
    );
    ensure!(
        evidence.guest.is_empty() || evidence.mode == Mode::Dom0,
        "the guest spoke before it was refused"
    );
    told(&report.last)
}

/// The guest itself said that it has too little memory.
fn no_memory(evidence: &Evidence) -> Result<()> {
    let report = &evidence.report;
    ensure!(matches!(report.outcome, Outcome::Failure | Outcome::Crashed), "{:?}", report.outcome);
    ensure!(report.last.contains("give the guest more memory"), "another reason: {}", report.last);
    Ok(())
}

/// One line, which names an option.
fn told(line: &str) -> Result<()> {
    ensure!(
        line.lines().count() == 1 && line.contains("--memory"),
        "the line does not say what to change: {line}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::{Boot, COUNT, Expected, SEED, Then};
    use crate::machine::need::Need;
    use crate::machine::options::Mode;
    use crate::machine::size::{GIB, MIB};
    use crate::run::outcome::{Outcome, Report};
    use crate::setup::release::Release;
    use crate::suite::case::{Evidence, Ramdisk};

    fn fixed() -> Vec<Boot> {
        (SEED..SEED + COUNT).map(Boot::drawn).collect()
    }

    fn expected(boot: &Boot) -> Expected {
        boot.expected(&Need::of(b"", 0, boot.options.memory))
    }

    #[test]
    fn a_seed_is_one_boot() {
        for seed in [0, 1, 17, u64::MAX] {
            assert_eq!(Boot::drawn(seed).line(), Boot::drawn(seed).line());
        }
        let lines: BTreeSet<String> = fixed().iter().map(Boot::line).collect();
        assert_eq!(lines.len(), COUNT as usize);
    }

    #[test]
    fn the_boots_of_continuous_integration_reach_every_border() {
        let boots = fixed();
        let any = |what: &dyn Fn(&Boot) -> bool| boots.iter().filter(|boot| what(boot)).count();
        let dom0 = |boot: &Boot| boot.options.mode == Mode::Dom0;
        let memory = |boot: &Boot| boot.options.memory;
        let counts = [
            any(&dom0),
            any(&|boot| !dom0(boot)),
            any(&|boot| !dom0(boot) && memory(boot) < 30 * MIB),
            any(&|boot| dom0(boot) && memory(boot) < 130 * MIB),
            // Where the heap was once too small for the usual modules.
            any(&|boot| {
                let all = boot.ramdisk.has_all_modules() && boot.modules.is_none_or(|word| word == "all");
                let all = all && boot.moves_list;
                let hole = boot.dom0_pages.is_none() && (2900 * MIB..4500 * MIB).contains(&memory(boot));
                dom0(boot) && boot.lazy && all && hole
            }),
            any(&|boot| dom0(boot) && memory(boot) > 4 * GIB),
            any(&|boot| memory(boot) / MIB % 2 == 1),
            any(&|boot| boot.plain && dom0(boot)),
            any(&|boot| !boot.plain && !dom0(boot)),
            any(&|boot| boot.across.is_some()),
            any(&|boot| boot.e820_host),
            any(&|boot| boot.options.config.iter().any(|line| line.starts_with("maxmem="))),
            any(&|boot| boot.dom0_pages.is_some_and(|pages| pages % 2 == 1)),
            any(&|boot| boot.options.vcpus == 3),
            any(&|boot| !boot.moves_list && boot.across.is_none()),
            any(&|boot| boot.json),
            any(&|boot| boot.padding > 0),
            any(&|boot| boot.ramdisk == Ramdisk::MicrocodeGzip),
            any(&|boot| boot.options.release == Release::V4_14 && !dom0(boot)),
            any(&|boot| boot.options.release == Release::V4_20 && dom0(boot)),
            any(&|boot| boot.options.cpu.contains("Intel")),
            any(&|boot| expected(boot).fails.is_some()),
            any(&|boot| expected(boot).begins.is_none()),
        ];
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
        for then in [Then::Poweroff, Then::Reboot, Then::Idle, Then::Crash] {
            assert!(any(&|boot| boot.then == then) > 0, "{then:?}");
        }
    }

    fn evidence(outcome: Outcome, last: &str, guest: &str) -> Evidence {
        let report = Report { outcome, last: last.to_owned(), complaints: Vec::new(), out: PathBuf::new() };
        let guest = guest.to_owned();
        Evidence {
            report,
            kernel: PathBuf::new(),
            guest,
            xl: String::new(),
            xen: String::new(),
            mode: Mode::DomU,
            asked: Some(1),
        }
    }

    #[test]
    fn a_refusal_says_what_to_change() {
        let line = "xl create refused: no room; give --memory 24M or more";
        assert!(super::refused(&evidence(Outcome::Failure, line, "")).is_ok());
        assert!(super::refused(&evidence(Outcome::Failure, "xl create refused: no room", "")).is_err());
        assert!(super::refused(&evidence(Outcome::Failure, "verdict: FAILURE --memory", "")).is_err());
        assert!(super::refused(&evidence(Outcome::Crashed, line, "")).is_err());
        assert!(super::refused(&evidence(Outcome::Failure, line, "hello\n")).is_err());
        let full = "verdict: FAILURE heap is full: no room for 16384 entries of a plan";
        assert!(super::no_memory(&evidence(Outcome::Failure, full, "")).is_err());
    }

    #[test]
    fn a_success_that_is_not_proven_is_none() {
        for boot in fixed() {
            let last = "verdict: SUCCESS";
            let outcome = if boot.then == Then::Crash { Outcome::Crashed } else { Outcome::Success };
            assert!(boot.is_good(&evidence(outcome, last, "verdict: SUCCESS\n")).is_err(), "{}", boot.seed);
        }
    }
}
