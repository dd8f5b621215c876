//! Makes this machine ready: QEMU, Xen of a release, the dom0 kernel and the dom0 root below `target/lab`.
//!
//! Each part has a stamp that holds what it was made from; a part whose stamp fits is not touched. A lock keeps two set-ups
//! from working at the same time: the second waits and then finds everything done.

pub(crate) mod apt;
pub(crate) mod deb;
pub(crate) mod dom0;
pub(crate) mod layout;
pub(crate) mod packages;
pub(crate) mod qemu;
pub(crate) mod release;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::setup::packages::Set;
use crate::setup::release::Release;
use tools::{file, folder, paths};

/// The parts a run needs.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) release: Release,
    pub(crate) xen: PathBuf,
    pub(crate) xen_efi: PathBuf,
    /// The hypervisor that runs a PV guest inside a PVH domain.
    pub(crate) shim: PathBuf,
    pub(crate) linux: PathBuf,
    pub(crate) root: PathBuf,
    /// The unpacked packages of GRUB; there after [`ensure_grub`].
    pub(crate) grub: PathBuf,
}

/// Gets what is missing for runs of a release and says where it is.
///
/// # Errors
/// Something is missing and cannot be got; one message names the packages.
pub(crate) fn ensure(release: Release) -> Result<Parts> {
    let _lock = locked()?;
    layout::remove_old(&paths::lab())?;
    let (xen, linux) = (Set::xen(release), Set::linux());
    let parts = Parts {
        release,
        xen: xen.home().join("xen.elf"),
        xen_efi: xen.home().join("xen.efi"),
        shim: xen.home().join("xen-shim"),
        linux: linux.home().join("vmlinuz"),
        root: xen.home().join("dom0.cpio"),
        grub: Set::grub().tree(),
    };
    let made = parts.are_made(&xen, &linux);
    let lacking: Vec<&Set> = [&linux, &xen].into_iter().filter(|set| !made && !set.is_there()).collect();
    get(&qemu::lacking(), &lacking)?;
    if !made {
        tools::note!("setup: making the dom0 root for Xen {}", release.number());
        parts.make(&xen, &linux)?;
        tools::note!("setup: ready");
    }
    Ok(parts)
}

/// Gets GRUB, if it is missing.
///
/// # Errors
/// It cannot be got; one message names the packages.
pub(crate) fn ensure_grub() -> Result<()> {
    let _lock = locked()?;
    let grub = Set::grub();
    if grub.is_there() { Ok(()) } else { get(&[], &[&grub]) }
}

/// Waits until no other set-up is at work; others wait until the file is dropped.
fn locked() -> Result<std::fs::File> {
    let lab = paths::lab();
    folder::create(&lab)?;
    let lock = file::create(&lab.join("lock"))?;
    if lock.try_lock().is_err() {
        tools::note!("setup: another set-up is at work here; waiting for it");
        lock.lock().with_context(|| format!("another set-up holds {}", lab.join("lock").display()))?;
    }
    Ok(lock)
}

/// Gets what the machine lacks, and sets of packages. What cannot be had is in one message, all of it.
fn get(machine: &[&str], sets: &[&Set]) -> Result<()> {
    if !apt::is_here() {
        without_apt(machine, sets)?;
    }
    if !sets.is_empty() {
        apt::mirror_of_environment()?;
    }
    let mut failed = Vec::new();
    if !machine.is_empty() {
        failed.extend(qemu::get(machine).err());
    }
    failed.extend(packages::fetch(sets).err());
    if !failed.is_empty() {
        let failed: Vec<String> = failed.iter().map(|error| format!("{error:#}")).collect();
        bail!("{}", failed.join("; "));
    }
    sets.iter().try_for_each(|set| set.unpack())
}

/// Refuses to go on if something is missing that only apt could fetch.
fn without_apt(machine: &[&str], sets: &[&Set]) -> Result<()> {
    let wanted: Vec<&Set> = sets.iter().copied().filter(|set| !set.is_given()).collect();
    let mut words = Vec::new();
    if !machine.is_empty() {
        words.push(format!(
            "install QEMU, with the firmware for --efi if you want that ({})",
            machine.join(" ")
        ));
    }
    if !wanted.is_empty() {
        words.push(packages::by_hand(&wanted));
    }
    if !words.is_empty() {
        bail!("this machine has no apt: {}", words.join("; and "));
    }
    Ok(())
}

impl Parts {
    fn are_made(&self, xen: &Set, linux: &Set) -> bool {
        let files = [&self.xen, &self.xen_efi, &self.shim, &self.linux, &self.root];
        files.iter().all(|file| file.metadata().is_ok_and(|file| file.is_file() && file.len() > 0))
            && std::fs::read_to_string(stamp(xen)).is_ok_and(|old| old == content(xen, linux))
    }

    fn make(&self, xen: &Set, linux: &Set) -> Result<()> {
        let (boot, number) = (xen.tree().join("boot"), self.release.number());
        let read = |path: PathBuf| file::bytes(&path);
        put(&self.xen_efi, &read(boot.join(format!("xen-{number}-amd64.efi")))?)?;
        put(&self.xen, &gunzip(&boot.join(format!("xen-{number}-amd64.gz")))?)?;
        put(&self.shim, &read(xen.tree().join(format!("usr/lib/xen-{number}/boot/xen-shim")))?)?;
        put(&self.linux, &read(kernel(linux).context("the kernel package has no vmlinuz")?)?)?;
        put(&self.root, &dom0::archive(self.release, &xen.tree(), &linux.tree())?)?;
        put(&stamp(xen), content(xen, linux).as_bytes())
    }
}

fn stamp(xen: &Set) -> PathBuf {
    xen.home().join("stamp")
}

/// What the parts are made from; they are made anew when this changes. The kernel that is there is named, because all releases share it and
/// each has its modules.
fn content(xen: &Set, linux: &Set) -> String {
    let kernel = kernel(linux).unwrap_or_default();
    let kernel = kernel.file_name().unwrap_or_default().display();
    format!("{}\n{}\n{kernel}\n{}\n{}", xen.content(), linux.content(), dom0::CONTENT, dom0::INIT)
}

/// The kernel in the unpacked package.
fn kernel(linux: &Set) -> Option<PathBuf> {
    let files = std::fs::read_dir(linux.tree().join("boot")).ok()?.flatten();
    let mut files = files.map(|file| file.path());
    files.find(|file| file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"vmlinuz-")))
}

/// Writes a file as a whole: a run that starts meanwhile reads the old one or the new one.
fn put(to: &Path, bytes: &[u8]) -> Result<()> {
    let new = to.with_extension("new");
    file::write(&new, bytes)?;
    file::rename(&new, to)
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
