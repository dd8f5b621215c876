//! The runs on real Xen that are about modules, and what must be true of them.

use anyhow::{Context, Result, ensure};

use crate::run::outcome::Outcome;
use crate::suite::case::{Case, Evidence, Ramdisk};
use crate::suite::proof;
use checks::outside;

const DUMP: &str = include_str!("../../dom0/dump.sh");

/// The modules of `modules=all`, in the order of the archive, and in the order of what they need.
pub(crate) const ALL: [&str; 7] = ["base", "client", "counter", "hello", "large", "mebibyte", "plainc"];

const REFUSED: &str =
    "modules=all refuse=bad-init,bad-abi,bad-name,bad-need,bad-circle-a,bad-symbol,bad-twin,bad-overlay,none";

/// The runs; they belong to the group `xen`.
pub(crate) const MODULES: [Case; 15] = [
    Case::words("modules-domu", "domu", REFUSED, &[all_loaded, all_refused]),
    Case::words("modules-dom0", "dom0", REFUSED, &[all_loaded, all_refused]),
    Case::words("modules-lazy", "domu --memory 3G", "modules=all map=lazy", &[all_loaded]),
    Case::words(
        "modules-rounds",
        "domu",
        "modules=hello,counter,client,plainc rounds=1000",
        &[thousand_rounds],
    ),
    Case {
        ramdisk: Ramdisk::Outside,
        ..Case::words("modules-outside", "domu", "modules=all rounds=1", &[outside_spoke])
    },
    Case::words("modules-fill-window", "domu --memory 2G", "modules=hello fill=bulk", &[window_filled]),
    Case {
        script: Some(DUMP),
        ..Case::words("modules-walked", "domu", "modules=all then=idle", &[all_loaded, proof::tables_walked])
    },
    // Dumped when it is dead.
    Case {
        script: Some(DUMP),
        ..Case::dies(
            "module-writes-text",
            "domu",
            "modules=hello,bad-write",
            &[text_written, proof::tables_walked],
        )
    },
    Case::dies("module-writes-constant", "domu", "modules=hello,bad-constant", &[constant_written]),
    Case::dies("module-executes-data", "dom0", "modules=hello,bad-exec", &[data_executed]),
    Case::dies("module-jumps-nowhere", "dom0", "modules=hello,bad-jump", &[nothing_executed]),
    Case {
        script: Some(DUMP),
        ..Case::dies(
            "module-executes-data-walked",
            "domu",
            "modules=hello,bad-exec",
            &[data_executed, proof::tables_walked],
        )
    },
    Case {
        script: Some(DUMP),
        ..Case::dies(
            "module-jumps-nowhere-walked",
            "domu",
            "modules=hello,bad-jump",
            &[nothing_executed, proof::tables_walked],
        )
    },
    Case::dies("module-keeps-start", "domu", "modules=bad-start rounds=1", &[start_executed]),
    Case {
        outcomes: &[Outcome::Failure],
        ..Case::words("module-fails", "domu", "modules=bad-init", &[init_failed])
    },
];

/// Every module is in the report, in the window, and with few hypercalls, however large it is.
pub(crate) fn all_loaded(evidence: &Evidence) -> Result<()> {
    let lines = || evidence.guest.lines().skip_while(|line| !line.starts_with("  module "));
    ensure!(lines().count() > 0, "there is no table of modules");
    for name in ALL {
        let row = lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = row.into_iter().find(|row| row.first() == Some(&name));
        let row = row.with_context(|| format!("module {name} is not in the table"))?;
        let hypercalls: u32 = row.get(9).context("short row")?.parse()?;
        // One for tables, one for protection and mapping, one flush.
        ensure!(hypercalls <= 3, "module {name} took {hypercalls} hypercalls");
    }
    Ok(())
}

/// Each module that is bad was refused for its own reason.
fn all_refused(evidence: &Evidence) -> Result<()> {
    for reason in [
        "module bad-init: its init returned -7; it was taken out again",
        "built for ABI 2 of the kernel, this kernel has ABI 1",
        "modules/bad-name.ko calls itself good-name",
        "module bad-need needs absent, which the ramdisk does not have",
        "modules need each other: bad-circle-a needs bad-circle-b needs bad-circle-a",
        "symbol nobody_has_this is exported by nobody",
        "symbol base_add is exported by base already",
        "section .overlay is both writable and executable",
        "the ramdisk has no modules/none.ko",
    ] {
        let count =
            evidence.guest.lines().filter(|line| line.starts_with("refused: ") && line.contains(reason));
        ensure!(count.count() == 1, "not refused in one line: {reason}");
    }
    Ok(())
}

fn has_line(evidence: &Evidence, words: &[&str]) -> Result<()> {
    let mut lines = evidence.guest.lines();
    let found = lines.any(|line| words.iter().all(|word| line.contains(word)));
    ensure!(found, "no line has all of {words:?}");
    Ok(())
}

fn thousand_rounds(evidence: &Evidence) -> Result<()> {
    has_line(evidence, &["rounds: 1000 times", "frames free before and after"])
}

/// Both modules were loaded, taken out again and loaded, each saying so, and stand in the table.
fn outside_spoke(evidence: &Evidence) -> Result<()> {
    for name in outside::NAMES {
        let count = |words: &str| {
            let words = format!("{name}: {words}");
            evidence.guest.lines().filter(|line| line.starts_with(&words)).count()
        };
        let (hellos, goodbyes) = (count("hello"), count("goodbye"));
        ensure!(
            (hellos, goodbyes) == (2, 1),
            "{name} said hello {hellos} times and goodbye {goodbyes} times"
        );
        let in_table =
            |line: &str| line.split_whitespace().next() == Some(name) && line.contains(" ffffffffa0");
        ensure!(evidence.guest.lines().any(in_table), "{name} is not in the table of modules");
    }
    has_line(evidence, &["rounds: 1 times", "frames free before and after"])
}

fn window_filled(evidence: &Evidence) -> Result<()> {
    has_line(
        evidence,
        &["fill: 19 modules up to 0xffffffffff000000, then window full: 20480 pages wanted, 0 left"],
    )
}

fn text_written(evidence: &Evidence) -> Result<()> {
    has_line(
        evidence,
        &["fatal: page fault: module bad-write+0x", " writing protected memory at 0xffffffffa000"],
    )
}

fn constant_written(evidence: &Evidence) -> Result<()> {
    let words = [
        "fatal: page fault: module bad-constant+0x",
        "writing protected memory",
        "in module bad-constant+0x1",
    ];
    has_line(evidence, &words)
}

fn data_executed(evidence: &Evidence) -> Result<()> {
    has_line(
        evidence,
        &["fatal: page fault: module bad-exec+0x", " executing protected memory at 0xffffffffa000"],
    )
}

fn nothing_executed(evidence: &Evidence) -> Result<()> {
    has_line(
        evidence,
        &["fatal: page fault: module bad-jump+0x", " executing unmapped memory at 0xffffffffb0000000"],
    )
}

fn start_executed(evidence: &Evidence) -> Result<()> {
    has_line(
        evidence,
        &["fatal: page fault: module bad-start+0x", " executing unmapped memory at 0xffffffffa000"],
    )
}

fn init_failed(evidence: &Evidence) -> Result<()> {
    has_line(evidence, &["verdict: FAILURE module bad-init: its init returned -7"])?;
    let said = |words: &str| evidence.guest.contains(words);
    ensure!(
        !said("left something behind") && !said("never started was called"),
        "a failed start left its mark"
    );
    Ok(())
}
