//! Makes this machine ready: QEMU, Xen, the dom0 kernel and the dom0 root below `target/lab`.
//!
//! Each part has a stamp that holds what it was made from; a part whose stamp fits is not touched. A lock keeps two set-ups
//! from working at the same time: the second waits and then finds everything done.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::packages::Apt;
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
    let parts = Parts {
        xen: lab.join("xen.elf"),
        xen_efi: lab.join("xen.efi"),
        linux: lab.join("vmlinuz"),
        root: lab.join("dom0.cpio"),
    };
    let made = parts.made_from_now(&lab);
    let machine = machine_lacks();
    let tree = !made && !stamp_fits(&lab.join("tree.stamp"), &tree_content());
    if !machine.is_empty() || tree {
        let dom0 = if tree { &PARTS[..] } else { &[] };
        let kernel = if tree { &[KERNEL][..] } else { &[] };
        let lacking = [&machine[..], dom0, kernel].concat();
        let apt = Apt::for_packages(&lacking)?;
        eprintln!("setup: this machine lacks {}", lacking.join(" "));
        if !machine.is_empty() {
            get_machine(&apt, &machine, &lab)?;
        }
        if tree {
            get_tree(&apt, &lab)?;
        }
    }
    if !made {
        eprintln!("setup: making the dom0 root");
        parts.make(&lab)?;
        eprintln!("setup: ready");
    }
    Ok(parts)
}

impl Parts {
    /// What the parts are made from; they are made anew when this changes.
    fn content() -> String {
        format!("{}\n{}\n{}", tree_content(), dom0::CONTENT, dom0::INIT)
    }

    fn made_from_now(&self, lab: &Path) -> bool {
        let files = [&self.xen, &self.xen_efi, &self.linux, &self.root];
        files.iter().all(|file| file.is_file()) && stamp_fits(&lab.join("stamp"), &Self::content())
    }

    fn make(&self, lab: &Path) -> Result<()> {
        let boot = lab.join("tree/boot");
        std::fs::copy(boot.join("xen-4.17-amd64.efi"), &self.xen_efi)?;
        std::fs::write(&self.xen, gunzip(&boot.join("xen-4.17-amd64.gz"))?)?;
        let mut files = std::fs::read_dir(&boot)?.flatten();
        let linux = files.find(|file| file.file_name().as_encoded_bytes().starts_with(b"vmlinuz-"));
        std::fs::copy(linux.context("the kernel package has no vmlinuz")?.path(), &self.linux)?;
        std::fs::write(&self.root, dom0::archive(&lab.join("tree"))?)?;
        std::fs::write(lab.join("stamp"), Self::content())?;
        Ok(())
    }
}

fn tree_content() -> String {
    format!("{PARTS:?} {KERNEL}")
}

fn stamp_fits(stamp: &Path, content: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|old| old == content)
}

/// The packages without which no machine can be started here.
fn machine_lacks() -> Vec<&'static str> {
    let unpacked = paths::host().join("usr/bin").join(QEMU).is_file();
    match (process::on_path(QEMU), unpacked, firmware("OVMF_CODE_4M.fd").is_some()) {
        (true, _, true) | (_, true, true) => Vec::new(),
        (true, _, false) => vec!["ovmf"],
        // What is unpacked is replaced as a whole.
        (false, _, _) => vec!["qemu-system-x86", "ovmf"],
    }
}

/// Unpacks QEMU and firmware with all they need that this machine has not.
fn get_machine(apt: &Apt, wanted: &[&str], lab: &Path) -> Result<()> {
    let fresh = lab.join("host.new");
    packages::remove(&fresh)?;
    apt.unpack(&apt.missing(wanted)?, &fresh)?;
    packages::remove(&paths::host())?;
    std::fs::rename(&fresh, paths::host())?;
    process::run(QEMU, qemu().arg("--version"), Duration::from_secs(60))
        .context("the unpacked QEMU does not start")?;
    Ok(())
}

/// Unpacks what dom0 is made of.
fn get_tree(apt: &Apt, lab: &Path) -> Result<()> {
    let mut names = PARTS.map(str::to_owned).to_vec();
    names.push(apt.real(KERNEL)?);
    packages::remove(&lab.join("tree"))?;
    apt.unpack(&names, &lab.join("tree"))?;
    std::fs::write(lab.join("tree.stamp"), tree_content())?;
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

/// What `gzip` makes of a file.
///
/// # Errors
/// `gzip` is missing, or cannot read it.
pub(crate) fn gzip(file: &Path) -> Result<Vec<u8>> {
    let output = Command::new("gzip").arg("-9nc").arg(file).output().context("gzip")?;
    anyhow::ensure!(output.status.success(), "gzip cannot pack {}", file.display());
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
        command
            .env("LD_LIBRARY_PATH", joined)
            .env("QEMU_MODULE_DIR", host.join("usr/lib/x86_64-linux-gnu/qemu"));
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
