//! The runs on real Xen that are about modules, and what must be true of them.

use anyhow::{Context, Result, ensure};

use crate::run::facts::Fact;
use crate::run::outcome::Outcome;
use crate::suite::case::{Case, Evidence};
use crate::suite::proof::{self, PageFault};
use crate::suite::ramdisk::Ramdisk;
use checks::outside;

const DUMP: &str = include_str!("../../dom0/dump.sh");

/// The modules of `modules=all`, in the order of the archive, and in the order of what they need.
pub(crate) const ALL: [&str; 7] = ["base", "client", "counter", "hello", "large", "mebibyte", "plainc"];

const REFUSED: &str =
    "modules=all refuse=bad-init,bad-abi,bad-name,bad-need,bad-circle-a,bad-symbol,bad-twin,bad-overlay,none";

/// The runs; they belong to the group `xen`.
pub(crate) const MODULES: [Case; 16] = [
    Case::words("modules-domu", "domu", REFUSED, &[all_loaded, all_refused]),
    Case::words("modules-dom0", "dom0", REFUSED, &[all_loaded, all_refused]),
    Case::words("modules-lazy", "domu --memory 3G", "modules=all map=lazy", &[all_loaded]),
    Case::words(
        "modules-rounds",
        "domu",
        "modules=hello,counter,client,plainc rounds=1000",
        &[rounds::<1000>],
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
    Case::dies("module-ends-all", "domu", "modules=hello,bad-fatal", &[module_ended]),
    Case {
        outcomes: &[Outcome::Failure],
        ..Case::words("module-fails", "domu", "modules=bad-init", &[init_failed])
    },
];

/// Every module is in the report, in the window, and with few hypercalls, however large it is.
pub(crate) fn all_loaded(evidence: &Evidence) -> Result<()> {
    for name in ALL {
        let (_, module) = (evidence.facts.modules())
            .find(|(found, _)| *found == name)
            .with_context(|| format!("module {name} is not in the report"))?;
        let hypercalls = module.number("hypercalls")?;
        // One for tables, one for protection and mapping, one flush.
        ensure!((1..=3).contains(&hypercalls), "module {name} took {hypercalls} hypercalls");
        ensure!(
            module.hex("start")? >> 28 == 0xf_ffff_fffa,
            "module {name} is not in the window: {module:?}"
        );
    }
    Ok(())
}

/// Each module that is bad was refused for its own reason.
fn all_refused(evidence: &Evidence) -> Result<()> {
    for (about, error) in [
        ("module bad-init", "Init { code: -7 }"),
        ("module bad-abi", "Abi { built: 2, kernel: 1 }"),
        ("modules", "OtherName { file: PrintableName(\"bad-name\"), module: PrintableName(\"good-name\") }"),
        ("modules", "NoSuchNeed { module: PrintableName(\"bad-need\"), need: PrintableName(\"absent\") }"),
        (
            "modules",
            "Circle { members: PrintableName(\"bad-circle-a needs bad-circle-b needs bad-circle-a\") }",
        ),
        ("module bad-symbol", "Module(Unresolved { symbol: PrintableName(\"nobody_has_this\") })"),
        (
            "module bad-twin",
            "Module(ExportTwice { symbol: PrintableName(\"base_add\"), holder: PrintableName(\"base\") })",
        ),
        ("module bad-overlay", "Module(WritableCode { section: PrintableName(\".overlay\") })"),
        ("modules", "NoSuchModule { module: PrintableName(\"none\")"),
    ] {
        let of = |fact: &&Fact| {
            fact.text("about").is_ok_and(|found| found == about)
                && fact.text("error").is_ok_and(|found| found.starts_with(error))
        };
        let count = evidence.facts.all("refused").filter(of).count();
        ensure!(count == 1, "{count} refusals instead of one: {about}, {error}");
    }
    Ok(())
}

fn rounds<const COUNT: u64>(evidence: &Evidence) -> Result<()> {
    let rounds = evidence.facts.one("rounds")?.number("rounds")?;
    ensure!(rounds == COUNT, "{rounds} rounds instead of {COUNT}");
    Ok(())
}

/// Both modules were loaded, taken out again and loaded, said a line each time, and are in the report.
fn outside_spoke(evidence: &Evidence) -> Result<()> {
    for name in outside::NAMES {
        let own = format!("{name}: ");
        let lines = evidence.guest.lines().filter(|line| line.starts_with(&own)).count();
        ensure!(lines == 3, "{name} said {lines} lines instead of three");
        let loaded = evidence.facts.modules().any(|(found, _)| found == name);
        ensure!(loaded, "{name} is not in the report");
    }
    rounds::<1>(evidence)
}

fn window_filled(evidence: &Evidence) -> Result<()> {
    let fill = evidence.facts.one("fill")?;
    let found = (fill.number("modules")?, fill.hex("end")?);
    ensure!(found == (19, 0xffff_ffff_ff00_0000), "another end: {fill:?}");
    let full = fill.text("error")?.starts_with("Mmu(WindowFull { ");
    ensure!(full, "the window is not full: {fill:?}");
    Ok(())
}

/// This module did this (bits of a page fault's code: present 1, write 2, fetch 16) to an address of which these are the upper bits.
fn died(evidence: &Evidence, module: &str, code: u64, address: u64, shift: u32) -> Result<PageFault> {
    let fault = PageFault::of(evidence)?;
    let right = fault.module == module && fault.code & 0b10011 == code && fault.address >> shift == address;
    ensure!(right, "another fault: {fault:x?}");
    // What executes is where it wants to; what writes is in the module.
    let there = match code & 0b10000 {
        0 => (proof::WINDOW.0..proof::WINDOW.1).contains(&fault.rip),
        _ => fault.rip == fault.address,
    };
    let way = fault.backtrace.len() > 1 && fault.backtrace[0] == fault.rip;
    ensure!(there && way, "another place: {fault:x?}");
    Ok(fault)
}

fn text_written(evidence: &Evidence) -> Result<()> {
    died(evidence, "bad-write", 0b11, 0xffff_ffff_a000, 16).map(|_| ())
}

fn constant_written(evidence: &Evidence) -> Result<()> {
    let fault = died(evidence, "bad-constant", 0b11, 0xf_ffff_fffa, 28)?;
    ensure!(fault.of == "bad-constant", "the address is of another: {fault:x?}");
    Ok(())
}

fn data_executed(evidence: &Evidence) -> Result<()> {
    died(evidence, "bad-exec", 0b10001, 0xffff_ffff_a000, 16).map(|_| ())
}

fn nothing_executed(evidence: &Evidence) -> Result<()> {
    died(evidence, "bad-jump", 0b10000, 0xffff_ffff_b000_0000, 0).map(|_| ())
}

fn start_executed(evidence: &Evidence) -> Result<()> {
    died(evidence, "bad-start", 0b10000, 0xffff_ffff_a000, 16).map(|_| ())
}

/// A module ended the domain by the kernel's function for that, and no line of its own is one for programs.
fn module_ended(evidence: &Evidence) -> Result<()> {
    let fatal = proof::fatal(evidence)?;
    let (module, said) = (fatal.text("module")?, fatal.text("said")?);
    let right = module == "bad-fatal" && said.starts_with("bad-fatal: no more\n@fact {");
    ensure!(right, "another end: {fatal:?}");
    let of_module = evidence.facts.all("rounds").next().is_none()
        && evidence.facts.modules().all(|(module, _)| module != "bad-fatal");
    ensure!(of_module, "a line of the module was taken for one of the kernel's");
    let lines = evidence.guest.lines().filter(|line| line.starts_with(" @"));
    ensure!(lines.count() == 3, "not the three lines that the module has there");
    Ok(())
}

fn init_failed(evidence: &Evidence) -> Result<()> {
    proof::failed_by(evidence, "module bad-init", "Init { code: -7 }")?;
    let lines = evidence.guest.lines().filter(|line| line.starts_with("bad-init: ")).count();
    ensure!(lines == 1, "{lines} lines of a module that failed to start: was its exit called?");
    ensure!(evidence.facts.all("left").next().is_none(), "a failed start left its mark");
    Ok(())
}
