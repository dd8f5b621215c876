//! The modules that `docs/modules.md` tells a reader to write, in folders outside this repository.
//!
//! *What this is*: the page itself is tested: its blocks of C, TOML and Rust become files, and its one command builds
//! them. Only the two paths that it leaves to the reader are filled in.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use tools::{file, folder, paths, process};

const LIMIT: Duration = Duration::from_secs(600);
const PAGE: &str = "docs/modules.md";
/// The page's words for this repository, and for the folder of a module.
const HERE: &str = "/path/to/this/repository";
const THERE: &str = "/path/to/mine";

/// The page's names for its modules, the one in C and the one in Rust.
pub const NAMES: [&str; 2] = ["mine", "mine-too"];

/// Builds both and returns their files' content, in the order of [`NAMES`].
///
/// # Errors
/// The page lacks the blocks, or they do not build without output.
pub fn modules() -> Result<[Vec<u8>; 2]> {
    let scratch = Scratch::new("modules")?;
    let root = paths::root();
    let page = std::fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let [c, rust] = NAMES.map(|name| scratch.0.join(name));
    folder::create(&c)?;
    folder::create(&rust.join("src"))?;
    file::write(&c.join("module.c"), block(&page, "c")?)?;
    let here = root.to_string_lossy();
    file::write(&rust.join("Cargo.toml"), block(&page, "toml")?.replace(HERE, &here))?;
    file::write(&rust.join("src/lib.rs"), block(&page, "rust,ignore")?)?;
    let command = block(&page, "text")?.replace(HERE, &here);
    let build = |folder: &Path, name| {
        let command = command.replace(THERE, &folder.to_string_lossy());
        let mut shell = Command::new("sh");
        shell.args(["-ec", &command]).current_dir(&scratch.0).env_remove("CARGO_TARGET_DIR");
        let output = process::output("building a module outside", &mut shell, LIMIT)?;
        ensure!(output.status.success(), "{command}: {}", output.tail());
        ensure!(output.tail().is_empty(), "{command} says: {}", output.tail());
        let file = scratch.0.join(format!("{name}.ko"));
        std::fs::read(&file).with_context(|| file.display().to_string())
    };
    Ok([build(&c, NAMES[0])?, build(&rust, NAMES[1])?])
}

/// A folder outside the repository that is removed when this is dropped.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// Names a folder for a purpose; whatever an earlier process left there is removed.
    pub(crate) fn new(purpose: &str) -> Result<Self> {
        let scratch = Self(std::env::temp_dir().join(format!("lab-{purpose}-{}", std::process::id())));
        ensure!(!scratch.0.starts_with(paths::root()), "{} is not outside", scratch.0.display());
        folder::remove(&scratch.0)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // If it cannot be removed, it stays among other temporary files.
        drop(folder::remove(&self.0));
    }
}

/// The first block in a language on a page.
fn block<'p>(page: &'p str, language: &str) -> Result<&'p str> {
    let (_, rest) =
        page.split_once(&format!("\n```{language}\n")).with_context(|| format!("no block of {language}"))?;
    let (block, _) = rest.split_once("```").context("a block without an end")?;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::{HERE, NAMES, PAGE, THERE, block};
    use tools::paths;

    #[test]
    fn the_page_has_what_is_tried() {
        let page = std::fs::read_to_string(paths::root().join(PAGE)).unwrap();
        assert!(block(&page, "c").unwrap().contains(&format!("MODULE(\"{}\"", NAMES[0])));
        assert!(block(&page, "toml").unwrap().contains(HERE));
        assert!(block(&page, "rust,ignore").unwrap().contains(&format!("name: \"{}\"", NAMES[1])));
        let command = block(&page, "text").unwrap();
        assert!(command.contains(HERE) && command.contains(THERE) && command.lines().count() == 1);
        assert!(block(&page, "cobol").is_err());
    }
}
