//! `scripts/test`: the groups of tests and the table of runs on real Xen.
//!
//! One line for each run, with its time and, if it failed, the reason and where the logs are. At most two machines run at the
//! same time: this is what two processors carry. One that takes much memory waits until there is enough.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::case::{Case, Ramdisk};
use crate::host_runs::{HOST, LARGE_HOST};
use crate::machine_runs::MACHINE;
use crate::module_runs::MODULES;
use crate::outcome::Outcome;
use crate::ration::Ration;
use crate::setup::{self, Parts};
use crate::size::number;
use crate::soak::{self, Boot};
use crate::{build, host, machine, miri, packages, paths, process, proof};

const DUMP: &str = include_str!("../dom0/dump.sh");
const SOURCE_DOCUMENT: &str = "domu --memory 128G --image-pages 0xe43 --ramdisk-pages 0x10784";
const SOURCE_DOCUMENT_OFF: &str =
    "domu --memory 128G --image-pages 0xe43 --ramdisk-pages 0x10784 --cmdline revector=off";

/// The runs of the group `xen`.
const XEN: [Case; 26] = [
    Case::good("domu-64M", "domu"),
    Case::good("domu-67M", "domu --memory 67M"),
    Case::good("domu-1G-ramdisk-64M", "domu --memory 1G --ramdisk-pages 16384"),
    Case { ramdisk: Ramdisk::Hello, ..Case::good("domu-smallest", "domu --memory 20M") },
    Case {
        outcomes: &[Outcome::Failure, Outcome::Crashed],
        proofs: &[proof::refused_in_one_line],
        ramdisk: Ramdisk::Hello,
        ..Case::good("domu-too-small", "domu --memory 19M")
    },
    // The same with the usual ramdisk.
    Case::good("domu-smallest-usual", "domu --memory 24M"),
    Case {
        outcomes: &[Outcome::Failure],
        proofs: &[proof::more_memory_asked],
        ..Case::good("domu-too-small-usual", "domu --memory 23M")
    },
    Case { plain: true, ..Case::good("dom0-512M-plain", "dom0") },
    Case { proofs: &[host::bios_host], ..Case::good("dom0-512M", "dom0") },
    Case { proofs: &[host::efi_host], ..Case::good("dom0-efi", "dom0 --efi") },
    Case::good("dom0-2G-init-p2m", "dom0 --memory 2G"),
    Case {
        script: Some(DUMP),
        proofs: &[proof::tables_walked],
        ..Case::good("domu-64M-walked", "domu --cmdline then=idle")
    },
    Case {
        script: Some(DUMP),
        proofs: &[proof::tables_walked],
        ..Case::good("domu-67M-walked", "domu --memory 67M --cmdline then=idle")
    },
    // The list stays where the builder put it. With INIT_P2M that is on a border of 1 GiB; elsewhere Xen's tools find no list.
    Case {
        script: Some(DUMP),
        notes: true,
        ..Case::words("domu-list-left-walked", "domu", "then=idle revector=off", &[proof::tables_walked])
    },
    Case::good("dom0-map-lazy", "dom0 --cmdline map=lazy"),
    Case { plain: true, ..Case::good("dom0-revector-off", "dom0 --cmdline revector=off") },
    Case {
        outcomes: &[Outcome::Crashed],
        proofs: &[proof::start_info_refused],
        ..Case::good("domu-start-info-refused", "domu --cmdline fail=start_info")
    },
    Case::dies("domu-console-astray", "domu", "fail=console_mfn", &[proof::ring_refused::<true>]),
    Case::dies("domu-xenstore-astray", "domu", "fail=store_mfn", &[proof::ring_refused::<false>]),
    Case {
        outcomes: &[Outcome::Crashed],
        proofs: &[proof::trap_shown],
        ..Case::good("dom0-text-written", "dom0 --cmdline fail=text")
    },
    Case::bad("ramdisk-truncated", Ramdisk::Truncated, &[proof::reason_given]),
    Case::bad("ramdisk-without-module", Ramdisk::Empty, &[proof::reason_given]),
    Case::bad("ramdisk-gzip-truncated", Ramdisk::GzipTruncated, &[proof::gzip_cut]),
    Case::bad("module-is-no-elf", Ramdisk::NoElf, &[proof::reason_given]),
    Case::probes("conformance-domu", "domu", &[proof::model_conforms_in_domu]),
    Case::probes("conformance-dom0", "dom0", &[proof::model_conforms_in_dom0]),
];

/// The runs of the group `large`.
const LARGE: [Case; 2] = [
    Case { proofs: &[proof::source_document_layout], ..Case::good("domu-128G", SOURCE_DOCUMENT) },
    Case {
        outcomes: &[Outcome::Failure],
        proofs: &[proof::source_document_layout, proof::both_ranges_named, proof::reason_given],
        ..Case::good("domu-128G-revector-off", SOURCE_DOCUMENT_OFF)
    },
];

/// What can be named besides a single run; all of it, and `scripts/check`, if nothing is.
const GROUPS: [&str; 6] = ["unit", "model", "miri", "xen", "soak", "large"];
const LIMIT: Duration = Duration::from_secs(1800);
const MACHINES: usize = 2;

/// How many passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

/// Runs the groups, or the single runs, that are named; all if none is.
///
/// # Errors
/// A name is unknown, or the lab cannot be set up.
pub(crate) fn test(arguments: &[OsString]) -> Result<ExitCode> {
    let mut names: Vec<&str> = arguments.iter().filter_map(|name| name.to_str()).collect();
    let readable = names.len();
    let (count, seed) = take_numbers(&mut names);
    let everything = names.is_empty();
    if everything {
        names = GROUPS.to_vec();
    }
    let cases: Vec<Case> = xen().chain(large()).collect();
    let known = |name: &str| GROUPS.contains(&name) || cases.iter().any(|case| case.name == name);
    if readable < arguments.len() || !names.iter().all(|name| known(name)) {
        let runs: Vec<&str> = cases.iter().map(|case| case.name).collect();
        bail!(
            "usage: scripts/test [{}|RUN]…, and after soak how many boots from which seed on: soak [N] [SEED]\nruns: {}",
            GROUPS.join("|"),
            runs.join(" ")
        );
    }
    let started = Instant::now();
    let mut tally = Tally::default();
    if everything {
        tally.add(checked());
    }
    if names.contains(&"unit") {
        tally.add(cargo_test("unit", vec![host_tests(&["--exclude", "xen-model", "--workspace"])]));
    }
    if names.contains(&"model") {
        tally.add(cargo_test("model", vec![host_tests(&["--package", "xen-model"])]));
    }
    if names.contains(&"miri") {
        tally.add(in_miri());
    }
    let of = |group: &'static str| {
        let names = &names;
        move |case: &Case| names.contains(&group) || names.contains(&case.name)
    };
    let soaked = (seed..seed.saturating_add(count)).map(|seed| Run::Soak(Box::new(Boot::drawn(seed))));
    let soaked = soaked.filter(|_| names.contains(&"soak"));
    let wanted = xen().filter(of("xen")).map(Run::Case).chain(soaked);
    let wanted: Vec<Run> = wanted.chain(large().filter(of("large")).map(Run::Case)).collect();
    if !wanted.is_empty() {
        let parts = setup::ensure()?;
        eprintln!("test: building the kernel and the modules");
        build::kernels()?;
        build::modules()?;
        if wanted.iter().any(|run| matches!(run, Run::Case(Case { probe: true, .. }))) {
            build::probe_guest()?;
        }
        tally.add(run_all(&wanted, &parts, &Ration::of_this_machine()?));
    }
    println!("all in {} s", started.elapsed().as_secs());
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes the numbers out that follow the word `soak`: how many boots, and the first one's seed.
fn take_numbers(names: &mut Vec<&str>) -> (u64, u64) {
    let mut numbers = [soak::COUNT, soak::SEED];
    if let Some(at) = names.iter().position(|name| *name == "soak") {
        for value in &mut numbers {
            let Some(Ok(given)) = names.get(at + 1).map(|name| number(name)) else { break };
            *value = given;
            names.remove(at + 1);
        }
    }
    (numbers[0], numbers[1])
}

/// A machine to be run.
#[derive(Debug, Clone)]
enum Run {
    Case(Case),
    Soak(Box<Boot>),
}

impl Run {
    fn name(&self) -> String {
        match self {
            Self::Case(case) => case.name.to_owned(),
            Self::Soak(boot) => format!("soak-{}", boot.seed),
        }
    }

    /// What is to be known besides the name.
    fn line(&self) -> String {
        match self {
            Self::Case(_) => String::new(),
            Self::Soak(boot) => format!("  {}", boot.line()),
        }
    }

    fn again(&self) -> String {
        match self {
            Self::Case(_) => String::new(),
            Self::Soak(boot) => format!("\n  again: scripts/test soak 1 {}", boot.seed),
        }
    }

    /// The memory it takes from this machine.
    fn touches(&self) -> Result<u64> {
        match self {
            Self::Case(case) => Ok(machine::touched(&case.options()?)),
            Self::Soak(boot) => Ok(machine::touched(boot.options())),
        }
    }

    fn run(&self, parts: &Parts, out: &Path) -> Result<()> {
        match self {
            Self::Case(case) => case.run(parts, out),
            Self::Soak(boot) => boot.run(parts, out),
        }
    }
}

fn xen() -> impl Iterator<Item = Case> {
    XEN.into_iter().chain(HOST).chain(MACHINE).chain(MODULES)
}

fn large() -> impl Iterator<Item = Case> {
    LARGE_HOST.into_iter().chain(LARGE)
}

impl Tally {
    fn one(passed: bool) -> Self {
        Self { passed: usize::from(passed), failed: usize::from(!passed) }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

fn checked() -> Tally {
    let status = Command::new(paths::root().join("scripts/check")).status();
    let passed = status.is_ok_and(|status| status.success());
    println!("check: {}", if passed { "ok" } else { "FAILED" });
    Tally::one(passed)
}

fn host_tests(arguments: &[&str]) -> Command {
    let mut cargo = build::cargo();
    cargo.args(["test", "--quiet", "--no-fail-fast"]).args(arguments);
    cargo
}

fn in_miri() -> Tally {
    match miri::ensure() {
        Ok(channel) => cargo_test("miri", miri::RUNS.map(|run| miri::command(&channel, run)).into()),
        Err(error) => {
            println!("miri: FAILED: {error:#}");
            Tally::one(false)
        }
    }
}

/// Runs cargo's tests and counts them by its own summary lines.
fn cargo_test(group: &str, commands: Vec<Command>) -> Tally {
    let started = Instant::now();
    let mut tally = Tally::default();
    for mut cargo in commands {
        let output = match process::output(&format!("{group} tests"), &mut cargo, LIMIT) {
            Ok(output) => output,
            Err(error) => {
                println!("{group}: FAILED: {error:#}");
                tally.failed += 1;
                continue;
            }
        };
        let mut counts = Tally::default();
        output.said.lines().filter_map(counted).for_each(|more| counts.add(more));
        if !output.status.success() {
            // What did not compile has no count, nor has what Miri or a signal ended.
            counts.failed = counts.failed.max(1);
            println!("{}", output.tail());
        }
        tally.add(counts);
    }
    let seconds = started.elapsed().as_secs();
    if tally.failed == 0 {
        println!("{group}: ok, {} tests in {seconds} s", tally.passed);
    } else {
        println!("{group}: FAILED after {seconds} s");
    }
    tally
}

/// The numbers in `test result: ok. 12 passed; 0 failed; …`.
fn counted(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let (passed, rest) = counts.split_once(" passed; ")?;
    let (failed, _) = rest.split_once(" failed")?;
    Some(Tally { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

/// Runs the cases, a few at a time, each printed as it ends.
fn run_all(runs: &[Run], parts: &Parts, ration: &Ration) -> Tally {
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let work = || {
        while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (name, line) = (run.name(), run.line());
            let out = paths::lab().join("test").join(&name);
            let portion = run.touches().and_then(|bytes| ration.take(bytes));
            let started = Instant::now();
            let result = portion.and_then(|_held| {
                packages::remove(&out)?;
                run.run(parts, &out)
            });
            let seconds = started.elapsed().as_secs();
            match result {
                Ok(()) => println!("{name:24} {seconds:4} s  ok{line}"),
                Err(error) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    let (again, logs) = (run.again(), out.display());
                    println!("{name:24} {seconds:4} s  FAILED:{line} {error:#}{again}\n  logs: {logs}");
                }
            }
        }
    };
    std::thread::scope(|scope| (0..MACHINES).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner();
    Tally { passed: runs.len() - failed, failed }
}

#[cfg(test)]
mod tests {
    use super::{Case, Tally, counted, large, take_numbers, test, xen};
    use crate::soak;

    #[test]
    fn every_run_has_a_line_that_boot_understands() {
        let cases: Vec<Case> = xen().chain(large()).collect();
        for case in &cases {
            assert!(case.options().is_ok(), "{}", case.name);
            assert_eq!(cases.iter().filter(|other| other.name == case.name).count(), 1);
        }
    }

    #[test]
    fn cargos_summary() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured";
        assert_eq!(counted(line), Some(Tally { passed: 12, failed: 3 }));
        assert_eq!(counted("running 12 tests"), None);
    }

    #[test]
    fn how_many_boots_and_from_which_seed_on() {
        for (line, rest, numbers) in [
            ("soak", "soak", (soak::COUNT, soak::SEED)),
            ("soak 3", "soak", (3, soak::SEED)),
            ("xen soak 3 0x11 large", "xen soak large", (3, 17)),
            ("soak 1 2 3", "soak 3", (1, 2)),
            ("xen 3", "xen 3", (soak::COUNT, soak::SEED)),
        ] {
            let mut names: Vec<&str> = line.split(' ').collect();
            assert_eq!((take_numbers(&mut names), names.join(" ").as_str()), (numbers, rest), "{line}");
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(test(&["xenn".into()]).is_err());
        assert!(test(&["soak".into(), "1".into(), "2".into(), "3".into()]).is_err());
    }
}
