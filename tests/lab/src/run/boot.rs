//! `scripts/boot`: one run, shown on the terminal.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::build;
use crate::machine;
use crate::machine::options::{Mode, Options, USAGE};
use crate::notes;
use crate::run;
use crate::run::backtrace;
use crate::run::screen::Screen;
use crate::setup;
use tools::{file, folder, paths};

/// How many runs without `--out` are kept.
const KEPT: usize = 8;

/// Does what `scripts/boot` was asked to.
///
/// # Errors
/// The arguments are wrong, or the run cannot be made.
pub(crate) fn boot(arguments: Vec<std::ffi::OsString>) -> Result<ExitCode> {
    let options = match Options::parse(arguments) {
        Ok(Some(options)) => options,
        Ok(None) => {
            Screen::Guest.guest(USAGE);
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => anyhow::bail!("{error:#} (scripts/boot --help lists the options)"),
    };
    if let Some(kernel) = &options.kernel {
        notes::confirm(kernel, options.unchecked)?;
    }
    let parts = setup::ensure(options.release)?;
    if options.grub {
        setup::ensure_grub()?;
    }
    if options.kernel.is_none() {
        eprintln!("boot: building the kernel");
        build::kernels()?;
    }
    if options.ramdisk.is_none() {
        build::modules()?;
    }
    let out = match &options.out {
        Some(out) => fresh(out)?,
        None => numbered()?,
    };
    let screen = if options.verbose { Screen::Everything } else { Screen::Guest };
    let report = run::run(&options, &parts, &out, screen)?;
    for complaint in report.complaints.iter().take(1) {
        let more = report.complaints.len() - 1;
        let log = if options.shim { "shim.log and xen.log" } else { "xen.log" };
        eprintln!("boot: Xen complained ({more} more in {log}): {complaint}");
    }
    let log = std::fs::read_to_string(out.join("guest.log")).unwrap_or_default();
    let kernel = options.kernel.clone().unwrap_or_else(|| build::kernel(options.mode == Mode::Dom0));
    let xen = std::fs::read_to_string(out.join("xen.log")).unwrap_or_default();
    for line in backtrace::named(&log, &xen, &kernel)? {
        eprintln!("  {line}");
    }
    screen.guest(&report.last);
    Ok(ExitCode::from(report.outcome as u8))
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
    ];
    for name in old {
        file::remove(&out.join(name))?;
    }
    folder::remove(&machine::inputs(out))?;
    out.canonicalize().with_context(|| out.display().to_string())
}

/// A new folder below `target/lab/runs`, also reached as `target/lab/last`.
fn numbered() -> Result<PathBuf> {
    let runs = paths::lab().join("runs");
    folder::create(&runs)?;
    let mut old: Vec<(SystemTime, PathBuf)> = Vec::new();
    for path in folder::entries(&runs)? {
        let about = path.symlink_metadata().with_context(|| path.display().to_string())?;
        old.push((about.modified()?, path));
    }
    old.sort();
    for (_, folder) in old.iter().rev().skip(KEPT - 1) {
        folder::remove(folder)?;
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
