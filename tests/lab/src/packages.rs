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

/// apt, asked for what this machine lacks. Every refusal names all of that in one message.
#[derive(Debug)]
pub(crate) struct Apt {
    lacking: String,
}

impl Apt {
    /// Makes sure there is an apt to ask for the packages.
    ///
    /// # Errors
    /// This machine has none.
    pub(crate) fn for_packages(lacking: &[&str]) -> Result<Self> {
        let lacking = lacking.join(" ");
        if !["apt-get", "apt-cache", "dpkg"].iter().all(|name| process::on_path(name)) {
            bail!("this machine has no apt-get; missing are the Debian 12 packages: {lacking}");
        }
        Ok(Self { lacking })
    }

    /// Fetches the packages and unpacks all of them into `into`.
    ///
    /// # Errors
    /// apt cannot give a package.
    pub(crate) fn unpack(&self, packages: &[String], into: &Path) -> Result<()> {
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
            self.refresh()?;
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
    /// As [`Apt::unpack`].
    pub(crate) fn missing(&self, wanted: &[&str]) -> Result<Vec<String>> {
        let simulate = || {
            let mut command = apt("apt-get");
            command.args(["install", "--simulate", "--no-install-recommends"]).args(wanted);
            process::run("apt-get install --simulate", &mut command, LIMIT)
        };
        let plan = match simulate() {
            Ok(plan) => plan,
            Err(_) => {
                self.refresh()?;
                simulate()?
            }
        };
        let named = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
        Ok(named.map(str::to_owned).collect())
    }

    /// The package that a package without content of its own stands for.
    ///
    /// # Errors
    /// As [`Apt::unpack`].
    pub(crate) fn real(&self, package: &str) -> Result<String> {
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
        self.refresh()?;
        depends().with_context(|| format!("apt knows no {package}: is this Debian 12?"))
    }

    /// Lets apt read its package lists anew, if we may.
    fn refresh(&self) -> Result<()> {
        if !rustix::process::geteuid().is_root() {
            let lacking = &self.lacking;
            bail!("apt has no usable package lists and only root may fetch them; missing are: {lacking}");
        }
        eprintln!("setup: apt-get update");
        process::run("apt-get update", apt("apt-get").arg("update"), LIMIT)
            .with_context(|| format!("apt cannot fetch package lists; missing are: {}", self.lacking))?;
        Ok(())
    }
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
