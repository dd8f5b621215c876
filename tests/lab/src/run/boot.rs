//! `scripts/boot`: one run, shown on the terminal.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::build;
use crate::machine;
use crate::machine::need::TooLittle;
use crate::machine::options::{NoUnit, Options, USAGE};
use crate::notes;
use crate::picture;
use crate::picture::story::Story;
use crate::run;
use crate::run::backtrace;
use crate::run::facts::Facts;
use crate::run::screen::Screen;
use crate::run::shim;
use crate::run::slide;
use crate::run::system_map;
use crate::setup;
use tools::usage::Usage;
use tools::{file, folder, paths};

/// How many runs without `--out` are kept.
const KEPT: usize = 8;

/// Does what `scripts/boot` was asked to.
///
/// # Errors
/// The arguments are wrong, or the run cannot be made.
pub(crate) fn boot(arguments: Vec<std::ffi::OsString>) -> Result<ExitCode> {
    let mut options = match Options::parse(arguments) {
        Ok(Some(options)) => options,
        Ok(None) => {
            tools::say!("{}", USAGE.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(usage(&error).into()),
    };
    if let Some(kernel) = &options.kernel {
        notes::confirm(kernel, options.builder(), options.unchecked)?;
    }
    let parts = setup::ensure(options.release)?;
    if options.grub {
        setup::ensure_grub()?;
    }
    if options.kernel.is_none() {
        tools::note!("boot: building the kernel");
        build::kernels()?;
    }
    if options.ramdisk.is_none() {
        build::modules()?;
    }
    let out = match &options.out {
        Some(out) => fresh(out)?,
        None => numbered()?,
    };
    let asked = ask_for_facts(&mut options);
    let screen = Screen::of_person(options.verbose, asked);
    let report = run::run(&options, &parts, &out, &screen).map_err(little_memory)?;
    for complaint in report.complaints.iter().take(1) {
        let more = report.complaints.len() - 1;
        let log = if options.shim { "shim.log and xen.log" } else { "xen.log" };
        screen.progress(&format!("Xen complained ({more} more in {log}): {complaint}"));
    }
    let log = std::fs::read_to_string(out.join("guest.log")).unwrap_or_default();
    let xen = std::fs::read_to_string(out.join(options.xen_log())).unwrap_or_default();
    // Without the names of a packed kernel the run is still judged.
    match backtrace::named(&log, &xen, &options.kernel_file()) {
        Ok(lines) => lines.iter().for_each(|line| screen.note(&format!("  {line}"))),
        Err(error) => screen.note(&format!("no names for addresses: {error:#}")),
    }
    let log = if options.shim { shim::without_xen(&log) } else { log };
    if let Some(slide) = slide::of(&log) {
        system_map::write(&out.join(system_map::NAME), &options.kernel_file(), slide)?;
    }
    match Story::of(&Facts::found(&log)) {
        Some(story) => {
            picture::draw(&out, &story, &options, &report.last)?;
            screen.progress(&format!("pictures: {} in {}", picture::NAMES.join(", "), out.display()));
        }
        None => screen
            .progress("no pictures: the guest said nothing for them (report=json of a kernel on this layer)"),
    }
    screen.verdict(&report.last, report.outcome);
    Ok(ExitCode::from(report.outcome as u8))
}

/// What a person typed wrong, and what to type.
fn usage(error: &anyhow::Error) -> Usage {
    let instead = match error.downcast_ref::<NoUnit>() {
        Some(NoUnit(number)) => format!("scripts/boot --memory {number}M"),
        None => "scripts/boot [domu|dom0] [option]…".to_owned(),
    };
    Usage {
        script: "boot",
        wrong: format!("{error:#}"),
        instead: format!("{instead}; scripts/boot --help lists the options"),
    }
}

/// Too little memory was asked for: that too was typed.
fn little_memory(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<TooLittle>() {
        Some(TooLittle(need)) => Usage {
            script: "boot",
            wrong: format!("too little memory: {need}"),
            instead: format!("scripts/boot {}", need.instead()),
        }
        .into(),
        None => error,
    }
}

/// Has the guest say facts, of which the pictures are drawn, unless the command line says what it reports. Tells whether they are for
/// that alone.
fn ask_for_facts(options: &mut Options) -> bool {
    if options.cmdline.split_whitespace().any(|word| word.starts_with("report=")) {
        return false;
    }
    options.cmdline = format!("{} report=json", options.cmdline).trim_start().to_owned();
    true
}

/// The folder a person named, without the logs of an earlier run.
pub(crate) fn fresh(out: &Path) -> Result<PathBuf> {
    folder::create(out)?;
    let old = [
        "events",
        "guest.log",
        "xen.log",
        "xl.log",
        "dom0.log",
        "qemu.log",
        "script.log",
        "shim.log",
        "xl-watch.log",
        "xenctx.log",
        system_map::NAME,
    ];
    for name in old.into_iter().chain(picture::NAMES) {
        file::remove(&out.join(name))?;
    }
    folder::remove(&machine::inputs(out))?;
    out.canonicalize().with_context(|| out.display().to_string())
}

/// A new folder below `target/lab/runs`, also reached as `target/lab/last`. Other runs may make theirs meanwhile: what they
/// have removed is gone, and the folder of one that goes on stays.
fn numbered() -> Result<PathBuf> {
    let runs = paths::lab().join("runs");
    folder::create(&runs)?;
    let mut old: Vec<(SystemTime, PathBuf)> = Vec::new();
    for path in folder::entries(&runs)? {
        let runs = path.file_name().is_some_and(|process| Path::new("/proc").join(process).is_dir());
        if let (false, Ok(about)) = (runs, path.symlink_metadata()) {
            old.push((about.modified()?, path));
        }
    }
    old.sort();
    for (_, folder) in old.iter().rev().skip(KEPT - 1) {
        // Two may remove the same one.
        folder::remove(folder).or_else(|error| if folder.exists() { Err(error) } else { Ok(()) })?;
    }
    let name = std::process::id().to_string();
    let out = runs.join(&name);
    folder::remove(&out)?;
    folder::create(&out)?;
    let last = paths::lab().join("last");
    let new = paths::lab().join(format!("last.{name}"));
    symlink(Path::new("runs").join(&name), &new).with_context(|| new.display().to_string())?;
    file::rename(&new, &last)?;
    Ok(out)
}
