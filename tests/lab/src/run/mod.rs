//! One run: starts the machine, has it watched, and judges how it ended. The machine is always ended from here.

pub(crate) mod backtrace;
pub(crate) mod boot;
pub(crate) mod complaint;
pub(crate) mod dump;
pub(crate) mod facts;
pub(crate) mod follow;
pub(crate) mod last_line;
pub(crate) mod names;
pub(crate) mod outcome;
pub(crate) mod panic;
pub(crate) mod progress;
pub(crate) mod screen;
pub(crate) mod serial;
pub(crate) mod shim;
pub(crate) mod slide;
pub(crate) mod system_map;
pub(crate) mod watch;

use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context, Result, bail};

use crate::machine;
use crate::machine::options::Options;
use crate::machine::size::GIB;
use crate::run::dump::Dump;
use crate::run::names::Names;
use crate::run::outcome::{End, Report, judge};
use crate::run::screen::Screen;
use crate::run::watch::Watch;
use crate::setup::Parts;
use tools::process::Leashed;
use tools::{file, folder};

/// Runs the machine and gives its report.
///
/// # Errors
/// The run could not be made: an input is missing, QEMU does not start, dom0 does not come up.
pub(crate) fn run(options: &Options, parts: &Parts, out: &Path, screen: &Screen) -> Result<Report> {
    let mut machine = machine::prepare(options, parts, out)?;
    if options.memory > 4 * GIB {
        // QEMU asks for huge pages: every touched page would cost 2 MiB here. QEMU inherits this setting.
        rustix::thread::disable_transparent_huge_pages(true)?;
    }
    let errors = file::create(&out.join("qemu.log"))?;
    machine.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
    screen.progress(&format!("booting Xen in QEMU (logs: {})", out.display()));
    let mut qemu = Leashed::start(&mut machine.command)?;
    let serial = listen(&mut qemu)?;
    let mut watch = Watch::new(options, out, screen)?;
    watch.need = machine.need;
    let end = watch.until_end(&serial)?;
    drop(qemu);
    watch.finish(&serial)?;
    folder::remove(&machine.inputs)?;
    if watch.lacks_shim() {
        bail!("the guest ran without a shim: does --config take it away?");
    }

    let complaints = complaint::of_run(out, options, watch.before_guest)?;
    let reason = if matches!(end, End::Crash(_)) { overflow(options, out) } else { None };
    let end = watch.explain(end, reason.as_ref().or(complaints.first()));
    let (outcome, last) = judge(&end, watch.verdict.as_deref(), watch.script)?;
    let refused = matches!(end, End::Refused(_));
    Ok(Report { outcome, refused, last, complaints, out: out.to_path_buf() })
}

/// The stack overflow that Xen's dump shows, if there is one and the kernel's file can say so.
fn overflow(options: &Options, out: &Path) -> Option<String> {
    let dump = Dump::last(&file::text(&out.join(options.xen_log())).ok()?)?;
    let slide = file::text(&out.join("guest.log")).ok().and_then(|log| slide::of(&log));
    dump.overflow(&Names::of(&options.kernel_file()).ok()?.slid_by(slide.unwrap_or_default()))
}

/// Passes on what QEMU's serial port gives, until it closes.
fn listen(qemu: &mut Leashed) -> Result<Receiver<Vec<u8>>> {
    let mut port = qemu.child().stdout.take().context("QEMU has no serial port")?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        while let Ok(count @ 1..) = port.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
