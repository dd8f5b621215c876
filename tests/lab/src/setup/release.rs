//! The releases of Xen that can be booted: those of which Debian's archive has hypervisor, tools and libraries.

use anyhow::{Result, bail};

/// What the tools of every release are unpacked with, by the names they have in each suite.
const COMMON: [&str; 20] = [
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
    "libxentoolcore1",
    "libxentoollog1",
    "libyajl2",
    "libzstd1",
    "xen-utils-common",
    "xenstore-utils",
    "zlib1g",
];

/// A release of Xen, as Debian builds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Release {
    /// With shadow paging.
    V4_14,
    /// What is taken if nobody says otherwise. With shadow paging.
    #[default]
    V4_17,
    /// Without shadow paging.
    V4_20,
}

impl Release {
    /// All of them, the oldest first.
    pub(crate) const ALL: [Self; 3] = [Self::V4_14, Self::V4_17, Self::V4_20];

    /// Reads what a person wrote for `--xen-release`.
    ///
    /// # Errors
    /// There is no such release here.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let Some(release) = Self::ALL.into_iter().find(|release| release.number() == text) else {
            bail!("--xen-release is one of {}, not {text:?}", Self::ALL.map(Self::number).join(", "))
        };
        Ok(release)
    }

    /// Its number, as it stands in the names of files and packages.
    pub(crate) fn number(self) -> &'static str {
        match self {
            Self::V4_14 => "4.14",
            Self::V4_17 => "4.17",
            Self::V4_20 => "4.20",
        }
    }

    /// The suite of Debian's archive that has it.
    pub(crate) fn suite(self) -> &'static str {
        match self {
            Self::V4_14 => "bullseye",
            Self::V4_17 => "bookworm",
            Self::V4_20 => "trixie",
        }
    }

    /// Hypervisor, tools, and every library these need.
    pub(crate) fn packages(self) -> Vec<String> {
        let number = self.number();
        let store = if self == Self::V4_14 { "libxenstore3.0" } else { "libxenstore4" };
        let own = [
            format!("libxenmisc{number}"),
            store.to_owned(),
            format!("xen-hypervisor-{number}-amd64"),
            format!("xen-utils-{number}"),
        ];
        COMMON.into_iter().map(str::to_owned).chain(own).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Release;

    #[test]
    fn what_can_be_asked_for() {
        assert_eq!(Release::parse("4.14").unwrap(), Release::V4_14);
        assert_eq!(Release::default().number(), "4.17");
        let refused = Release::parse("4.16").unwrap_err().to_string();
        assert_eq!(refused, "--xen-release is one of 4.14, 4.17, 4.20, not \"4.16\"");
        assert!(Release::parse("").is_err());
    }

    #[test]
    fn no_package_of_another_release() {
        for release in Release::ALL {
            let packages = release.packages();
            let numbered = packages.iter().filter(|name| name.contains(release.number())).count();
            assert_eq!((packages.len(), numbered), (24, 3), "{packages:?}");
        }
    }
}
