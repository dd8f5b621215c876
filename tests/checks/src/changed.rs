//! The files of the work tree that differ from the main branch.
//!
//! *What this is*: what git reports: commits since the branch left `main`, uncommitted changes, and new files. On
//! `main` itself, and in a clone without it, only what is not committed counts.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use tools::paths;
use tools::process;

/// Names of the main branch; the first that exists is used.
const MAIN: [&str; 2] = ["main", "origin/main"];

/// The files that differ, by their paths from the root of the tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    /// What they are compared with.
    pub(crate) base: String,
    pub(crate) files: BTreeSet<String>,
}

impl Changed {
    /// Asks git.
    ///
    /// # Errors
    /// The tree is not a git repository.
    pub(crate) fn files() -> Result<Self> {
        let base = MAIN.iter().find_map(|main| git(&["merge-base", "HEAD", main]).ok());
        let base = base.map_or_else(|| "HEAD".into(), |commit| commit.trim().to_owned());
        let tracked = git(&["diff", "--name-only", "-z", &base])?;
        let new = git(&["ls-files", "-z", "--others", "--exclude-standard"])?;
        Ok(Self { base: short(&base), files: names(&tracked).chain(names(&new)).collect() })
    }
}

pub(crate) fn git(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(paths::root());
    process::run(&format!("git {}", arguments.join(" ")), &mut git, Duration::from_secs(60))
}

pub(crate) fn names(listed: &str) -> impl Iterator<Item = String> {
    listed.split('\0').filter(|name| !name.is_empty()).map(String::from)
}

fn short(commit: &str) -> String {
    commit.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::{Changed, names, short};

    #[test]
    fn names_with_spaces_are_whole() {
        assert_eq!(names("a b.rs\0c/d.rs\0").collect::<Vec<_>>(), ["a b.rs", "c/d.rs"]);
        assert_eq!(names("").count(), 0);
        assert_eq!((short("0123456789abcdef"), short("HEAD")), ("01234567".into(), "HEAD".into()));
    }

    #[test]
    fn git_is_asked() {
        // Any result is fine: the tree the tests are built from need not be a clone.
        if let Ok(Changed { base, files }) = Changed::files() {
            assert!(!base.is_empty() && files.iter().all(|name| !name.starts_with('/')));
        }
    }
}
