//! Fetches Debian packages and unpacks them below `target/lab`.
//!
//! Nothing is installed: installing QEMU can make apt remove what the machine has (a newer qemu-utils, for one), and the
//! Xen packages would change how the machine boots. apt still chooses, fetches and verifies; only the last step is ours.
//! So root is needed only where apt has no package lists yet.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

const LIMIT: Duration = Duration::from_secs(1800);

/// Fetches the packages and unpacks all of them into `into`.
///
/// # Errors
/// The machine has no apt, or apt cannot give a package: one message that names what is missing.
pub(crate) fn unpack(packages: &[String], into: &Path) -> Result<()> {
    let store = into.with_extension("debs");
    remove(&store)?;
    std::fs::create_dir_all(&store)?;
    std::fs::create_dir_all(into)?;
    eprintln!("setup: fetching {} packages: {}", packages.len(), packages.join(" "));
    let fetched = process::run(
        "apt-get download",
        apt("apt-get").arg("download").args(packages).current_dir(&store),
        LIMIT,
    );
    if let Err(error) = fetched {
        refresh(packages)?;
        process::run(
            "apt-get download",
            apt("apt-get").arg("download").args(packages).current_dir(&store),
            LIMIT,
        )
        .with_context(|| format!("first {error:#}"))?;
    }
    eprintln!("setup: unpacking them into {}", into.display());
    for package in std::fs::read_dir(&store)? {
        let package = package?.path();
        process::run("dpkg -x", Command::new("dpkg").arg("-x").arg(&package).arg(into), LIMIT)?;
    }
    remove(&store)
}

/// What apt would have to install on this machine to have `wanted`: those and all they need, by name.
///
/// # Errors
/// As [`unpack`].
pub(crate) fn missing(wanted: &[&str]) -> Result<Vec<String>> {
    let names: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    require_apt(&names)?;
    let simulate = || {
        let mut command = apt("apt-get");
        command.args(["install", "--simulate", "--no-install-recommends"]).args(wanted);
        process::run("apt-get install --simulate", &mut command, LIMIT)
    };
    let plan = match simulate() {
        Ok(plan) => plan,
        Err(_) => {
            refresh(&names)?;
            simulate()?
        }
    };
    let named = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
    Ok(named.map(str::to_owned).collect())
}

/// The package that a package without content of its own stands for.
///
/// # Errors
/// As [`unpack`].
pub(crate) fn real(package: &str) -> Result<String> {
    require_apt(&[package.to_owned()])?;
    let depends = || {
        let said =
            process::run("apt-cache depends", apt("apt-cache").args(["depends", package]), LIMIT).ok()?;
        let prefix = package.trim_end_matches("amd64");
        let names = said.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        names.map(str::to_owned).find(|name| name.starts_with(prefix))
    };
    if let Some(name) = depends() {
        return Ok(name);
    }
    refresh(&[package.to_owned()])?;
    depends().with_context(|| format!("apt knows no {package}: is this Debian 12?"))
}

/// Stops if this machine has no apt.
///
/// # Errors
/// It has none; the message names the packages.
pub(crate) fn require_apt(packages: &[String]) -> Result<()> {
    if ["apt-get", "apt-cache", "dpkg"].iter().all(|name| process::on_path(name)) {
        return Ok(());
    }
    bail!("this machine has no apt-get; missing are the Debian 12 packages: {}", packages.join(" "))
}

/// Lets apt read its package lists anew, if we may.
fn refresh(packages: &[String]) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!(
            "apt cannot fetch these packages and only root may refresh its lists; missing are: {}",
            packages.join(" ")
        );
    }
    eprintln!("setup: apt-get update");
    process::run("apt-get update", apt("apt-get").arg("update"), LIMIT)
        .with_context(|| format!("apt has no usable lists; missing are: {}", packages.join(" ")))?;
    Ok(())
}

fn apt(program: &str) -> Command {
    let mut command = Command::new(program);
    // As root, apt would fetch as a user of its own, who may not write below our folder.
    command.env("LC_ALL", "C").args(["-q", "-o", "APT::Sandbox::User=root"]);
    command
}

/// Removes a folder if it is there.
///
/// # Errors
/// It is there and cannot be removed.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
