//! The draws, and the checks of what came of them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::boot::{Boot, Then};
use super::{COUNT, Expected, SEED, check};
use crate::machine::need::Need;
use crate::machine::options::Mode;
use crate::machine::size::{GIB, MIB};
use crate::run::facts::Facts;
use crate::run::outcome::{Outcome, Report};
use crate::setup::release::Release;
use crate::suite::case::Evidence;
use crate::suite::ramdisk::Ramdisk;

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

fn evidence(outcome: Outcome, refused: bool, last: &str, guest: &str) -> Evidence {
    let (last, out) = (last.to_owned(), PathBuf::new());
    let report = Report { outcome, refused, last, complaints: Vec::new(), out };
    let guest = guest.to_owned();
    Evidence {
        report,
        kernel: PathBuf::new(),
        facts: Facts::of(&guest).unwrap(),
        named: Vec::new(),
        guest,
        cmdline: String::new(),
        cpu: String::new(),
        xl: String::new(),
        xen: String::new(),
        mode: Mode::DomU,
        asked: Some(1),
    }
}

#[test]
fn a_refusal_says_what_to_change() {
    let line = "xl create refused: no room; give --memory 24M or more";
    let refused = |outcome, refused, line, guest| check::refused(&evidence(outcome, refused, line, guest));
    assert!(refused(Outcome::Failure, true, line, "").is_ok());
    assert!(refused(Outcome::Failure, true, "xl create refused: no room", "").is_err());
    assert!(refused(Outcome::Failure, false, "verdict: FAILURE --memory", "").is_err());
    assert!(refused(Outcome::Crashed, true, line, "").is_err());
    let two = format!("{line}\nand more");
    assert!(check::refused(&evidence(Outcome::Failure, true, &two, "")).is_err());
    assert!(refused(Outcome::Failure, true, line, "hello\n").is_err());
}

#[test]
fn too_little_memory_is_known_by_its_error() {
    let fact =
        |error: &str| format!("@fact {{\"fact\":\"failure\",\"about\":\"heap\",\"error\":\"{error}\"}}\n");
    let no_memory = |guest: &str| check::no_memory(&evidence(Outcome::Failure, false, "", guest));
    assert!(no_memory(&fact("Mmu(NoFrames { doing: Module })")).is_ok());
    assert!(no_memory(&fact("Archive(Gzip(NoRoom { offset: 512, bytes: 32768 }))")).is_ok());
    assert!(no_memory(&fact("Module(NoMemory { entries: 16384 })")).is_err());
    assert!(no_memory("").is_err());
    let guest = fact("Mmu(NoFrames { doing: Module })");
    assert!(check::no_memory(&evidence(Outcome::Crashed, false, "", &guest)).is_ok());
    assert!(check::no_memory(&evidence(Outcome::Success, false, "", &guest)).is_err());
    assert!(check::no_memory(&evidence(Outcome::TimedOut, false, "", &guest)).is_err());
}

#[test]
fn a_success_that_is_not_proven_is_none() {
    for boot in fixed() {
        let last = "verdict: SUCCESS";
        let outcome = if boot.then == Then::Crash { Outcome::Crashed } else { Outcome::Success };
        assert!(
            boot.is_good(&evidence(outcome, false, last, "verdict: SUCCESS\n")).is_err(),
            "{}",
            boot.seed
        );
    }
}
