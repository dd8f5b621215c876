//! `scripts/test`: the groups of tests and the table of runs on real Xen.
//!
//! One line for each run, with its time and, if it failed, the reason and where the logs are. At most two machines run at the
//! same time: this is what two processors carry. One that takes much memory waits until there is enough.

pub(crate) mod account;
pub(crate) mod boot_runs;
pub(crate) mod case;
pub(crate) mod drawn;
pub(crate) mod event_runs;
pub(crate) mod example_runs;
pub(crate) mod fail_runs;
pub(crate) mod groups;
pub(crate) mod grub_runs;
pub(crate) mod holes;
pub(crate) mod host;
pub(crate) mod host_runs;
pub(crate) mod kaslr_runs;
pub(crate) mod life_runs;
pub(crate) mod machine_runs;
pub(crate) mod module_runs;
pub(crate) mod processor_runs;
pub(crate) mod profile_runs;
pub(crate) mod proof;
pub(crate) mod ramdisk;
pub(crate) mod ration;
#[cfg(test)]
mod recorded;
pub(crate) mod secret;
pub(crate) mod soak;
pub(crate) mod walked;
pub(crate) mod xens_runs;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Result;

use crate::build::{self, Kernel};
use crate::is_help;
use crate::machine;
use crate::machine::size::number;
use crate::setup::release::Release;
use crate::setup::{self, Parts};
use crate::suite::boot_runs::{LARGE, XEN};
use crate::suite::case::Case;
use crate::suite::event_runs::EVENTS;
use crate::suite::example_runs::EXAMPLES;
use crate::suite::fail_runs::FAIL;
use crate::suite::groups::Tally;
use crate::suite::grub_runs::GRUB;
use crate::suite::host_runs::{HOST, LARGE_HOST};
use crate::suite::kaslr_runs::kaslr;
use crate::suite::life_runs::LIFE;
use crate::suite::machine_runs::MACHINE;
use crate::suite::module_runs::MODULES;
use crate::suite::processor_runs::PROCESSOR;
use crate::suite::profile_runs::PROFILE;
use crate::suite::ration::Ration;
use crate::suite::soak::boot::Boot;
use crate::suite::xens_runs::{OF_DEFAULT, XENS};
use tools::folder;
use tools::kernel_target;
use tools::paths;
use tools::say::is_heard;
use tools::usage::Usage;

/// What can be named besides a single run; all of it, and `scripts/check`, if nothing is.
const GROUPS: [&str; 10] =
    ["unit", "features", "packages", "model", "miri", "xen", "xens", "kaslr", "soak", "large"];
const MACHINES: usize = 2;

/// Runs the groups, or the single runs, that are named; all if none is.
///
/// # Errors
/// A name is unknown, or the lab cannot be set up.
pub(crate) fn test(arguments: &[OsString]) -> Result<ExitCode> {
    let mut names: Vec<&str> = arguments.iter().filter_map(|name| name.to_str()).collect();
    let readable = names.len();
    let release = take_release(&mut names).map_err(|error| usage(format!("{error:#}")))?;
    let (count, seed) = take_numbers(&mut names);
    let everything = names.is_empty();
    if everything {
        names = GROUPS.to_vec();
    }
    let cases: Vec<Case> = xen().chain(xens()).chain(kaslr()).chain(large()).collect();
    let known = |name: &str| GROUPS.contains(&name) || cases.iter().any(|case| case.name == name);
    if names == ["list"] {
        cases.iter().for_each(|case| tools::say!("{}", case.name));
        return Ok(ExitCode::SUCCESS);
    }
    if is_help(arguments) {
        tools::say!("{}", include_str!("../../../../scripts/help/test.txt").trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let stranger = names.iter().find(|name| !known(name)).copied();
    if let Some(name) = stranger.or((readable < arguments.len()).then_some("of such bytes")) {
        return Err(usage(format!("there is no group or run {name}")).into());
    }
    kernel_target::ensure()?;
    let started = Instant::now();
    let mut tally = groups::run(&names, everything);
    let of = |group: &'static str| {
        let names = &names;
        move |case: &Case| names.contains(&group) || names.contains(&case.name)
    };
    let soaked = (seed..seed.saturating_add(count)).map(|seed| Run::Soak(Box::new(Boot::drawn(seed))));
    let soaked = soaked.filter(|_| names.contains(&"soak"));
    let of_default = |case: &Case| names.contains(&"xens") && OF_DEFAULT.contains(&case.name);
    let xen = xen().filter(|case| of("xen")(case) || of_default(case));
    let wanted = xen.chain(xens().filter(of("xens"))).chain(kaslr().filter(of("kaslr")));
    let wanted = wanted.map(Run::Case).chain(soaked);
    let wanted: Vec<Run> = wanted.chain(large().filter(of("large")).map(Run::Case)).collect();
    if !wanted.is_empty() {
        let ready = make_ready(wanted, release)?;
        tally.add(run_all(&ready, &Ration::of_this_machine()?));
    }
    tools::say!("all in {} s", started.elapsed().as_secs());
    tools::say!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 && is_heard() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a person typed wrong, and what to type.
fn usage(wrong: String) -> Usage {
    let instead = format!(
        "scripts/test [{}|RUN]… [--xen-release N]; scripts/test list has the runs, scripts/test --help the rest",
        GROUPS.join("|")
    );
    Usage { script: "test", wrong, instead }
}

/// Takes the option out that names a release of Xen for all runs.
fn take_release(names: &mut Vec<&str>) -> Result<Option<Release>> {
    let Some(at) = names.iter().position(|name| *name == "--xen-release") else { return Ok(None) };
    names.remove(at);
    let number = if at < names.len() { names.remove(at) } else { "" };
    Release::parse(number).map(Some)
}

/// Gets what the runs need, and gives each the parts of its release, or of the one chosen for all.
fn make_ready(runs: Vec<Run>, release: Option<Release>) -> Result<Vec<(Run, Parts)>> {
    let mut parts: BTreeMap<Release, Parts> = BTreeMap::new();
    let mut ready = Vec::new();
    for run in runs {
        let wanted = release.map_or_else(|| run.release(), Ok)?;
        let parts = match parts.entry(wanted) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(setup::ensure(wanted)?),
        };
        ready.push((run, parts.clone()));
    }
    if ready.iter().any(|(run, _)| run.is_through_grub()) {
        setup::ensure_grub()?;
    }
    tools::note!("test: building the kernel and the modules");
    build::kernels()?;
    build::modules()?;
    let kernels: BTreeSet<Kernel> = ready.iter().map(|(run, _)| run.kernel()).collect();
    kernels.into_iter().try_for_each(Kernel::build)?;
    Ok(ready)
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

    /// The Xen it asks for.
    fn release(&self) -> Result<Release> {
        match self {
            Self::Case(case) => Ok(case.options()?.release),
            Self::Soak(boot) => Ok(boot.options().release),
        }
    }

    const fn kernel(&self) -> Kernel {
        match self {
            Self::Case(case) => case.kernel,
            Self::Soak(_) => Kernel::Demo,
        }
    }

    fn is_through_grub(&self) -> bool {
        matches!(self, Self::Case(case) if case.options().is_ok_and(|options| options.grub))
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
    let special = FAIL.into_iter().chain(GRUB).chain(PROFILE).chain(EXAMPLES).chain(EVENTS);
    XEN.into_iter().chain(HOST).chain(LIFE).chain(MACHINE).chain(MODULES).chain(special)
}

fn xens() -> impl Iterator<Item = Case> {
    XENS.into_iter().chain(PROCESSOR)
}

fn large() -> impl Iterator<Item = Case> {
    LARGE_HOST.into_iter().chain(LARGE)
}

/// The line of a run that passed; it ends with the last one of a comparison with the model, if the run left one.
fn passed(name: &str, seconds: u64, line: &str, out: &Path) -> String {
    let said = std::fs::read_to_string(out.join("conformance.txt")).unwrap_or_default();
    let compared = said.lines().last().map(|line| format!("  {line}")).unwrap_or_default();
    format!("{name:24} {seconds:4} s  ok{line}{compared}")
}

/// Runs the cases, a few at a time, each printed as it ends.
fn run_all(runs: &[(Run, Parts)], ration: &Ration) -> Tally {
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let work = || {
        // Nobody waits for what nobody reads.
        while let Some((run, parts)) = runs.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| is_heard()) {
            let (name, line) = (run.name(), run.line());
            let out = paths::lab().join("test").join(&name);
            let portion = run.touches().and_then(|bytes| ration.take(bytes));
            let started = Instant::now();
            let result = portion.and_then(|_held| {
                folder::remove(&out)?;
                run.run(parts, &out)
            });
            let seconds = started.elapsed().as_secs();
            match result {
                Ok(()) => tools::say!("{}", passed(&name, seconds, &line, &out)),
                Err(error) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    let (again, logs) = (run.again(), out.display());
                    tools::say!("{name:24} {seconds:4} s  FAILED:{line} {error:#}{again}\n  logs: {logs}");
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
    use super::{Case, Release, kaslr, large, passed, take_numbers, take_release, test, xen, xens};
    use crate::suite::soak;

    #[test]
    fn every_run_has_a_line_that_boot_understands() {
        let cases: Vec<Case> = xen().chain(xens()).chain(kaslr()).chain(large()).collect();
        for case in &cases {
            assert!(case.options().is_ok(), "{}", case.name);
            assert_eq!(cases.iter().filter(|other| other.name == case.name).count(), 1);
        }
    }

    #[test]
    fn how_far_xen_and_the_model_agree() {
        let out = std::env::temp_dir().join(format!("lab-conformance-{}", std::process::id()));
        std::fs::create_dir_all(&out).unwrap();
        let line = passed("soak-1", 7, "  domu", &out);
        assert_eq!(line, "soak-1                      7 s  ok  domu");
        std::fs::write(out.join("conformance.txt"), "x: y\n4.17 as domu: 160 alike\n").unwrap();
        assert_eq!(passed("soak-1", 7, "  domu", &out), format!("{line}  4.17 as domu: 160 alike"));
        std::fs::remove_dir_all(out).unwrap();
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
    fn a_release_for_all_runs() {
        let mut names = vec!["domu-64M", "--xen-release", "4.14", "dom0-512M"];
        assert_eq!(take_release(&mut names).unwrap(), Some(Release::V4_14));
        assert_eq!(names, ["domu-64M", "dom0-512M"]);
        assert_eq!(take_release(&mut names).unwrap(), None);
        assert!(take_release(&mut vec!["xen", "--xen-release"]).is_err());
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(test(&["xenn".into()]).is_err());
        assert!(test(&["soak".into(), "1".into(), "2".into(), "3".into()]).is_err());
    }
}
