//! Makes this machine ready: QEMU, Xen, the dom0 kernel and the dom0 root below `target/lab`.
//!
//! Each part has a stamp that holds what it was made from; a part whose stamp fits is not touched. A lock keeps two set-ups
//! from working at the same time: the second waits and then finds everything done.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{dom0, packages, paths, process};

/// What dom0 is made of, besides the kernel that `linux-image-amd64` stands for.
const PARTS: [&str; 24] = [
    "busybox-static",
    "libbz2-1.0",
    "libc6",
    "libgcc-s1",
    "liblzma5",
    "liblzo2-2",
    "libuuid1",
    "libxencall1",
    "libxendevicemodel1",
    "libxenevtchn1",
    "libxenforeignmemory1",
    "libxengnttab1",
    "libxenhypfs1",
    "libxenmisc4.17",
    "libxenstore4",
    "libxentoolcore1",
    "libxentoollog1",
    "libyajl2",
    "libzstd1",
    "xen-hypervisor-4.17-amd64",
    "xen-utils-4.17",
    "xen-utils-common",
    "xenstore-utils",
    "zlib1g",
];
const KERNEL: &str = "linux-image-amd64";
/// What the machine itself needs.
const MACHINE: [&str; 2] = ["qemu-system-x86", "ovmf"];
const QEMU: &str = "qemu-system-x86_64";

/// The parts a run needs.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) xen: PathBuf,
    pub(crate) xen_efi: PathBuf,
    pub(crate) linux: PathBuf,
    pub(crate) root: PathBuf,
}

/// Gets what is missing and says where it is.
///
/// # Errors
/// Something is missing and cannot be got; the message names the packages.
pub(crate) fn ensure() -> Result<Parts> {
    let lab = paths::lab();
    std::fs::create_dir_all(&lab)?;
    let lock = File::create(lab.join("lock"))?;
    lock.lock().context("another set-up holds target/lab/lock")?;
    machine(&lab)?;
    let parts = Parts {
        xen: lab.join("xen.elf"),
        xen_efi: lab.join("xen.efi"),
        linux: lab.join("vmlinuz"),
        root: lab.join("dom0.cpio"),
    };
    toolstack(&lab, &parts)?;
    Ok(parts)
}

/// A QEMU that can be started, and firmware for EFI.
fn machine(lab: &Path) -> Result<()> {
    let wanted: Vec<&str> = MACHINE
        .into_iter()
        .filter(|name| if *name == "ovmf" { !has_firmware() } else { !has_qemu() })
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    eprintln!("setup: this machine lacks {}", wanted.join(" "));
    let all = packages::missing(&wanted)?;
    let fresh = lab.join("host.new");
    packages::remove(&fresh)?;
    packages::unpack(&all, &fresh)?;
    packages::remove(&paths::host())?;
    std::fs::rename(&fresh, paths::host())?;
    process::run(QEMU, qemu().arg("--version"), Duration::from_secs(60))
        .context("the unpacked QEMU does not start")?;
    Ok(())
}

fn toolstack(lab: &Path, parts: &Parts) -> Result<()> {
    let stamp = lab.join("stamp");
    let made_from = format!("{PARTS:?}\n{KERNEL}\n{}\n{}", dom0::INIT, dom0::CONTENT);
    let made = [&parts.xen, &parts.xen_efi, &parts.linux, &parts.root];
    if made.iter().all(|file| file.is_file())
        && std::fs::read_to_string(&stamp).is_ok_and(|old| old == made_from)
    {
        return Ok(());
    }
    let tree = lab.join("tree");
    let tree_stamp = lab.join("tree.stamp");
    let list = format!("{PARTS:?} {KERNEL}");
    if !std::fs::read_to_string(&tree_stamp).is_ok_and(|old| old == list) || !tree.is_dir() {
        let mut names: Vec<String> = PARTS.map(str::to_owned).to_vec();
        packages::require_apt(&names)?;
        names.push(packages::real(KERNEL)?);
        packages::remove(&tree)?;
        packages::unpack(&names, &tree)?;
        std::fs::write(&tree_stamp, list)?;
    }
    eprintln!("setup: making the dom0 root");
    let boot = tree.join("boot");
    std::fs::copy(boot.join("xen-4.17-amd64.efi"), &parts.xen_efi)?;
    std::fs::write(&parts.xen, gunzip(&boot.join("xen-4.17-amd64.gz"))?)?;
    let linux = std::fs::read_dir(&boot)?
        .flatten()
        .find(|file| file.file_name().as_encoded_bytes().starts_with(b"vmlinuz-"));
    std::fs::copy(linux.context("the kernel package has no vmlinuz")?.path(), &parts.linux)?;
    std::fs::write(&parts.root, dom0::archive(&tree)?)?;
    std::fs::write(stamp, made_from)?;
    eprintln!("setup: ready");
    Ok(())
}

/// The content of a gzip file.
///
/// # Errors
/// It is none, or `gzip` is missing.
pub(crate) fn gunzip(file: &Path) -> Result<Vec<u8>> {
    let output = Command::new("gzip").arg("-dc").arg(file).output().context("gzip")?;
    anyhow::ensure!(output.status.success(), "gzip cannot read {}", file.display());
    Ok(output.stdout)
}

/// The command that starts QEMU: the machine's own, or the one unpacked here.
///
/// `setpriv` lets the kernel end QEMU when the thread that started it is gone, however that came about.
pub(crate) fn qemu() -> Command {
    let own = process::on_path(QEMU);
    let program = if own { PathBuf::from(QEMU) } else { paths::host().join("usr/bin").join(QEMU) };
    let mut command = if process::on_path("setpriv") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    if !own {
        let host = paths::host();
        let libraries = [host.join("usr/lib/x86_64-linux-gnu"), host.join("lib/x86_64-linux-gnu")];
        let joined = std::env::join_paths(&libraries).unwrap_or_default();
        command.env("LD_LIBRARY_PATH", joined).env("QEMU_MODULE_DIR", host.join("usr/lib/x86_64-linux-gnu/qemu"));
    }
    command
}

fn has_qemu() -> bool {
    process::on_path(QEMU) || paths::host().join("usr/bin").join(QEMU).is_file()
}

fn has_firmware() -> bool {
    firmware("OVMF_CODE_4M.fd").is_some()
}

/// A file of the EFI firmware.
pub(crate) fn firmware(name: &str) -> Option<PathBuf> {
    let folder = Path::new("usr/share/OVMF");
    [Path::new("/").join(folder), paths::host().join(folder)]
        .map(|place| place.join(name))
        .into_iter()
        .find(|file| file.is_file())
}
