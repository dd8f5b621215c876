//! Sets of Debian packages, each fetched from one suite and unpacked together below `target/lab`.
//!
//! Nothing is installed: the Xen packages would change how the machine boots. Packages that somebody put into `target/lab/debs/SUITE` by
//! hand are taken first; apt gets the rest.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::setup::apt::Apt;
use crate::setup::deb;
use crate::setup::release::Release;
use tools::{file, folder, paths};

/// The kernel of the dom0 that serves guests of every release. The part with the star is whatever `linux-image-amd64` stands for.
const KERNEL: &str = "linux-image-6.*-amd64";

/// GRUB for Xen, the program that makes an image of it, and the libraries of that program.
const GRUB: [&str; 10] = [
    "grub-common",
    "grub-xen-bin",
    "libc6",
    "libdevmapper1.02.1",
    "libefiboot1",
    "libefivar1",
    "liblzma5",
    "libpcre2-8-0",
    "libselinux1",
    "libudev1",
];

/// Packages that are unpacked into one tree.
#[derive(Debug)]
pub(crate) struct Set {
    suite: &'static str,
    packages: Vec<String>,
    home: PathBuf,
}

impl Set {
    /// Hypervisor and tools of a release.
    pub(crate) fn xen(release: Release) -> Self {
        let home = paths::lab().join(format!("xen-{}", release.number()));
        Self { suite: release.suite(), packages: release.packages(), home }
    }

    /// The Linux that is dom0, of whatever release Xen is.
    pub(crate) fn linux() -> Self {
        let suite = Release::default().suite();
        Self { suite, packages: vec![KERNEL.to_owned()], home: paths::lab().join("linux") }
    }

    /// GRUB, which can load the kernel of a domU, of whatever release Xen is.
    pub(crate) fn grub() -> Self {
        let packages = GRUB.map(str::to_owned).into();
        Self { suite: Release::default().suite(), packages, home: paths::lab().join("grub") }
    }

    /// Where what is made of it lies.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Where it is unpacked.
    pub(crate) fn tree(&self) -> PathBuf {
        self.home.join("tree")
    }

    /// What it is made from; it is made anew when this changes.
    pub(crate) fn content(&self) -> String {
        format!("{} {}", self.suite, self.packages.join(" "))
    }

    /// Whether it is unpacked already.
    pub(crate) fn is_there(&self) -> bool {
        self.tree().is_dir()
            && std::fs::read_to_string(self.stamp()).is_ok_and(|stamp| stamp == self.content())
    }

    /// Unpacks what was fetched and what was put there by hand.
    ///
    /// # Errors
    /// A package cannot be unpacked.
    pub(crate) fn unpack(&self) -> Result<()> {
        let store = self.store();
        tools::note!("setup: unpacking into {}", self.tree().display());
        folder::remove(&self.tree())?;
        let given: Vec<PathBuf> =
            self.packages.iter().filter_map(|package| deb::find(&self.given(), package)).collect();
        deb::unpack(&given, &self.tree())?;
        if store.is_dir() {
            deb::unpack_all(&store, &self.tree())?;
        }
        folder::remove(&store)?;
        file::write(&self.stamp(), self.content())
    }

    /// Whether all of it was put there by hand.
    pub(crate) fn is_given(&self) -> bool {
        self.lacking().is_empty()
    }

    /// Fetches what nobody put there by hand.
    fn fetch(&self) -> Result<()> {
        let (lacking, store) = (self.lacking(), self.store());
        folder::remove(&store)?;
        if lacking.is_empty() {
            return Ok(());
        }
        let apt = Apt::of_suite(self.suite)?;
        let real = |name: &String| match name.split_once("6.*-") {
            Some((front, back)) => apt.real(&format!("{front}{back}")),
            None => Ok(name.clone()),
        };
        let names: Vec<String> = lacking.iter().map(real).collect::<Result<_>>()?;
        apt.fetch(&names, &store)
    }

    fn lacking(&self) -> Vec<String> {
        let given = self.given();
        self.packages.iter().filter(|package| deb::find(&given, package).is_none()).cloned().collect()
    }

    fn given(&self) -> PathBuf {
        paths::lab().join("debs").join(self.suite)
    }

    fn stamp(&self) -> PathBuf {
        self.home.join("tree.stamp")
    }

    /// Where packages lie from their arrival until they are unpacked.
    fn store(&self) -> PathBuf {
        self.home.join("debs")
    }
}

/// Fetches what nobody put there by hand of several sets. All are tried before any is given up, so that one message has what is
/// missing.
///
/// # Errors
/// Something cannot be had: one line that names each suite with the reason, and what else can be done.
pub(crate) fn fetch(sets: &[&Set]) -> Result<()> {
    let (mut failed, mut reasons) = (Vec::new(), Vec::new());
    for set in sets {
        if let Err(error) = set.fetch() {
            failed.push(*set);
            reasons.push(format!("of Debian's {}: {error:#}", set.suite));
        }
    }
    // Two sets of one suite have one reason, if it is that of the suite.
    reasons.dedup();
    if failed.is_empty() {
        return Ok(());
    }
    bail!(
        "cannot get packages {}; LAB_DEBIAN=URL names another mirror, or {}",
        reasons.join(", and "),
        by_hand(&failed)
    )
}

/// What to put where, in words: each suite once, with all that the sets lack of it.
pub(crate) fn by_hand(sets: &[&Set]) -> String {
    let mut folders: Vec<(PathBuf, Vec<String>)> = Vec::new();
    for set in sets {
        match folders.iter_mut().find(|(folder, _)| *folder == set.given()) {
            Some((_, names)) => names.extend(set.lacking()),
            None => folders.push((set.given(), set.lacking())),
        }
    }
    let folders: Vec<String> =
        folders.iter().map(|(folder, names)| format!("{}: {}", folder.display(), names.join(" "))).collect();
    format!(
        "put these packages of Debian's archive for amd64, under the names they have there, into the folder of their suite: {}",
        folders.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::{Set, by_hand};
    use crate::setup::release::Release;

    #[test]
    fn what_to_put_where_by_hand() {
        for release in Release::ALL {
            let (xen, linux) = (Set::xen(release), Set::linux());
            if xen.is_given() || linux.is_given() {
                // Somebody did so here.
                continue;
            }
            let words = by_hand(&[&linux, &xen]);
            let tools = format!(" xen-utils-{}", release.number());
            assert!(words.contains(&tools) && !words.contains('\n'), "{words}");
            assert!(words.contains("/debs/bookworm: linux-image-6.*-amd64"), "{words}");
            for suite in ["bullseye", "bookworm", "trixie"] {
                let wanted = usize::from([release.suite(), "bookworm"].contains(&suite));
                assert_eq!(words.matches(suite).count(), wanted, "{suite}: {words}");
            }
        }
    }

    #[test]
    fn every_set_has_a_folder_of_its_own() {
        let [old, usual, new] = Release::ALL.map(Set::xen);
        let sets = [old, usual, new, Set::linux(), Set::grub()];
        for (index, set) in sets.iter().enumerate() {
            assert!(sets[index + 1..].iter().all(|other| other.home() != set.home()));
            assert!(sets[index + 1..].iter().all(|other| other.content() != set.content()));
        }
    }
}
