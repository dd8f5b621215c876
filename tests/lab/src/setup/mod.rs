//! Makes this machine ready: QEMU, Xen of a release, the dom0 kernel and the dom0 root below `target/lab`.
//!
//! Each part has a stamp that holds what it was made from; a part whose stamp fits is not touched. A lock keeps two set-ups
//! from working at the same time: the second waits and then finds everything done.

pub(crate) mod apt;
pub(crate) mod cpio;
pub(crate) mod deb;
pub(crate) mod dom0;
pub(crate) mod packages;
pub(crate) mod qemu;
pub(crate) mod release;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::setup::packages::Set;
use crate::setup::release::Release;
use tools::paths;

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
}

/// Gets what is missing for runs of a release and says where it is.
///
/// # Errors
/// Something is missing and cannot be got; one message names the packages.
pub(crate) fn ensure(release: Release) -> Result<Parts> {
    let lab = paths::lab();
    std::fs::create_dir_all(&lab)?;
    let lock = File::create(lab.join("lock"))?;
    lock.lock().context("another set-up holds target/lab/lock")?;
    let (xen, linux) = (Set::xen(release), Set::linux());
    let parts = Parts {
        release,
        xen: xen.home().join("xen.elf"),
        xen_efi: xen.home().join("xen.efi"),
        shim: xen.home().join("xen-shim"),
        linux: linux.home().join("vmlinuz"),
        root: xen.home().join("dom0.cpio"),
    };
    let made = parts.are_made(&xen, &linux);
    let machine = qemu::lacking();
    let lacking: Vec<&Set> = [&linux, &xen].into_iter().filter(|set| !made && !set.is_there()).collect();
    if !apt::is_here() {
        let wanted: Vec<&Set> = lacking.iter().copied().filter(|set| !set.is_given()).collect();
        without_apt(&machine, &wanted)?;
    }
    if !machine.is_empty() {
        qemu::get(&machine)?;
    }
    for set in lacking {
        set.get()?;
    }
    if !made {
        eprintln!("setup: making the dom0 root for Xen {}", release.number());
        parts.make(&xen, &linux)?;
        eprintln!("setup: ready");
    }
    Ok(parts)
}

/// Refuses to go on if something is missing that only apt could fetch; the message has all of it.
fn without_apt(machine: &[&str], wanted: &[&Set]) -> Result<()> {
    let mut words: Vec<String> = wanted.iter().map(|set| set.by_hand()).collect();
    if !machine.is_empty() {
        words.push(format!("install what starts QEMU ({})", machine.join(" ")));
    }
    if !words.is_empty() {
        bail!("this machine has no apt to fetch packages with: {}", words.join("; "));
    }
    Ok(())
}

impl Parts {
    fn are_made(&self, xen: &Set, linux: &Set) -> bool {
        let files = [&self.xen, &self.xen_efi, &self.shim, &self.linux, &self.root];
        files.iter().all(|file| file.is_file())
            && std::fs::read_to_string(stamp(xen)).is_ok_and(|old| old == content(xen, linux))
    }

    fn make(&self, xen: &Set, linux: &Set) -> Result<()> {
        let (boot, number) = (xen.tree().join("boot"), self.release.number());
        std::fs::copy(boot.join(format!("xen-{number}-amd64.efi")), &self.xen_efi)?;
        std::fs::write(&self.xen, gunzip(&boot.join(format!("xen-{number}-amd64.gz")))?)?;
        let shim = format!("usr/lib/xen-{number}/boot/xen-shim");
        std::fs::copy(xen.tree().join(shim), &self.shim).context("the packages have no xen-shim")?;
        let mut files = std::fs::read_dir(linux.tree().join("boot"))?.flatten();
        let kernel = files.find(|file| file.file_name().as_encoded_bytes().starts_with(b"vmlinuz-"));
        std::fs::copy(kernel.context("the kernel package has no vmlinuz")?.path(), &self.linux)?;
        std::fs::write(&self.root, dom0::archive(self.release, &xen.tree(), &linux.tree())?)?;
        std::fs::write(stamp(xen), content(xen, linux))?;
        Ok(())
    }
}

fn stamp(xen: &Set) -> PathBuf {
    xen.home().join("stamp")
}

/// What the parts are made from; they are made anew when this changes.
fn content(xen: &Set, linux: &Set) -> String {
    format!("{}\n{}\n{}\n{}", xen.content(), linux.content(), dom0::CONTENT, dom0::INIT)
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
