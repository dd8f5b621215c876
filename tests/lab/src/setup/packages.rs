//! Sets of Debian packages, each fetched from one suite and unpacked together below `target/lab`.
//!
//! Nothing is installed: the Xen packages would change how the machine boots. Packages that somebody put into `target/lab/debs/SUITE` by
//! hand are taken first; apt gets the rest.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::setup::apt::Apt;
use crate::setup::deb;
use crate::setup::release::Release;
use tools::folder;
use tools::paths;

/// The kernel of the dom0 that serves guests of every release. The part with the star is whatever `linux-image-amd64` stands for.
const KERNEL: &str = "linux-image-6.*-amd64";

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

    /// Unpacks it, fetched as far as nobody put it there by hand.
    ///
    /// # Errors
    /// Something cannot be had: one line that names the suite, the reason, and what else can be done.
    pub(crate) fn get(&self) -> Result<()> {
        let lacking = self.lacking();
        let store = self.home.join("debs");
        folder::remove(&store)?;
        if !lacking.is_empty() {
            self.fetch(&lacking, &store).map_err(|error| {
                anyhow!(
                    "cannot get packages of Debian's {}: {error:#}; LAB_DEBIAN=URL names another mirror, or {}",
                    self.suite,
                    self.by_hand()
                )
            })?;
        }
        eprintln!("setup: unpacking into {}", self.tree().display());
        folder::remove(&self.tree())?;
        let given: Vec<PathBuf> =
            self.packages.iter().filter_map(|package| deb::find(&self.given(), package)).collect();
        deb::unpack(&given, &self.tree())?;
        if store.is_dir() {
            deb::unpack_all(&store, &self.tree())?;
        }
        folder::remove(&store)?;
        std::fs::write(self.stamp(), self.content())?;
        Ok(())
    }

    /// Whether all of it was put there by hand.
    pub(crate) fn is_given(&self) -> bool {
        self.lacking().is_empty()
    }

    /// What to put where, in words.
    pub(crate) fn by_hand(&self) -> String {
        let given = self.given();
        format!(
            "put these packages of Debian's {} for amd64, as NAME_VERSION_ARCHITECTURE.deb, into {}: {}",
            self.suite,
            given.display(),
            self.lacking().join(" ")
        )
    }

    fn fetch(&self, lacking: &[String], store: &Path) -> Result<()> {
        let apt = Apt::of_suite(self.suite)?;
        let real = |name: &String| match name.split_once("6.*-") {
            Some((front, back)) => apt.real(&format!("{front}{back}")),
            None => Ok(name.clone()),
        };
        let names: Vec<String> = lacking.iter().map(real).collect::<Result<_>>()?;
        apt.fetch(&names, store)
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
}

#[cfg(test)]
mod tests {
    use super::Set;
    use crate::setup::release::Release;

    #[test]
    fn what_to_put_where_by_hand() {
        for release in Release::ALL {
            let words = Set::xen(release).by_hand();
            let (before, names) = words.split_once(": ").unwrap();
            assert!(before.contains(release.suite()), "{words}");
            assert!(before.ends_with(&format!("target/lab/debs/{}", release.suite())), "{words}");
            let tools = format!("xen-utils-{}", release.number());
            assert!(names.split(' ').any(|name| name == tools) || Set::xen(release).is_given(), "{words}");
        }
        let linux = Set::linux();
        assert!(linux.is_given() || linux.by_hand().ends_with("/debs/bookworm: linux-image-6.*-amd64"));
    }

    #[test]
    fn every_set_has_a_folder_of_its_own() {
        let sets =
            [Set::xen(Release::V4_14), Set::xen(Release::V4_17), Set::xen(Release::V4_20), Set::linux()];
        for (index, set) in sets.iter().enumerate() {
            assert!(sets[index + 1..].iter().all(|other| other.home() != set.home()));
            assert!(sets[index + 1..].iter().all(|other| other.content() != set.content()));
        }
    }
}
