//! QEMU and its firmware: the machine's own, or packages of the machine's own suite unpacked below `target/lab/host`.
//!
//! Unlike Xen and its tools, QEMU runs on this machine's libraries, so the machine's own apt chooses it. It is not installed:
//! that can make apt remove what the machine has (a newer qemu-utils, for one).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::setup::apt::{self, Apt};
use crate::setup::deb;
use tools::{file, folder, paths, process};

const QEMU: &str = "qemu-system-x86_64";

/// The packages without which no machine can be started here.
pub(crate) fn lacking() -> Vec<&'static str> {
    let unpacked = paths::host().join("usr/bin").join(QEMU).is_file();
    // Without apt nobody can fetch firmware here; only `--efi` needs it, and says so.
    let firmware = firmware("OVMF_CODE_4M.fd").is_some() || !apt::is_here();
    match (process::on_path(QEMU), unpacked, firmware) {
        (true, _, true) | (_, true, true) => Vec::new(),
        (true, _, false) => vec!["ovmf"],
        // What is unpacked is replaced as a whole.
        (false, _, _) => vec!["qemu-system-x86", "ovmf"],
    }
}

/// Unpacks the packages with all they need that this machine has not.
///
/// # Errors
/// apt cannot give them, or the QEMU among them does not start.
pub(crate) fn get(wanted: &[&str]) -> Result<()> {
    tools::note!("setup: this machine lacks {}", wanted.join(" "));
    let lacks = || format!("cannot get what this machine lacks ({})", wanted.join(" "));
    let (fresh, store) = (paths::lab().join("host.new"), paths::lab().join("host.debs"));
    folder::remove(&fresh)?;
    folder::remove(&store)?;
    let apt = Apt::of_machine();
    let all = apt.missing(wanted).with_context(lacks)?;
    apt.fetch(&all, &store).with_context(lacks)?;
    tools::note!("setup: unpacking into {}", paths::host().display());
    deb::unpack_all(&store, &fresh)?;
    folder::remove(&store)?;
    folder::remove(&paths::host())?;
    file::rename(&fresh, &paths::host())?;
    process::run(QEMU, command().arg("--version"), Duration::from_secs(60))
        .context("the unpacked QEMU does not start")?;
    Ok(())
}

/// The command that starts QEMU, which ends with the thread that started it.
pub(crate) fn command() -> Command {
    let own = process::on_path(QEMU);
    let program = if own { PathBuf::from(QEMU) } else { paths::host().join("usr/bin").join(QEMU) };
    let mut command = process::that_ends_with_us(program, "KILL");
    if !own {
        let host = paths::host();
        let libraries = [host.join("usr/lib/x86_64-linux-gnu"), host.join("lib/x86_64-linux-gnu")];
        let joined = std::env::join_paths(&libraries).unwrap_or_default();
        command
            .env("LD_LIBRARY_PATH", joined)
            .env("QEMU_MODULE_DIR", host.join("usr/lib/x86_64-linux-gnu/qemu"));
        // 7.2 finds these by where it lies itself, 10.0 does not.
        for folder in ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"] {
            command.arg("-L").arg(host.join(folder));
        }
    }
    command
}

/// A file of the EFI firmware.
pub(crate) fn firmware(name: &str) -> Option<PathBuf> {
    let folder = Path::new("usr/share/OVMF");
    [Path::new("/").join(folder), paths::host().join(folder)]
        .map(|place| place.join(name))
        .into_iter()
        .find(|file| file.is_file())
}
