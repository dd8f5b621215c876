//! Where things lie in the tree.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// The folder of what `scripts/build` makes and of all other build results. `LAB_TARGET` names another one: `scripts/lab` sets it where
/// the tree cannot be written to.
pub fn target() -> PathBuf {
    match std::env::var_os("LAB_TARGET") {
        Some(folder) if !folder.is_empty() => root().join(folder),
        _ => root().join("target"),
    }
}

/// The folder of what `scripts/setup` caches, and of the runs. `LAB_HOME` names another one.
pub fn lab() -> PathBuf {
    match std::env::var_os("LAB_HOME") {
        Some(home) if !home.is_empty() => root().join(home),
        _ => target().join("lab"),
    }
}

/// Debian packages unpacked for this machine: QEMU and its firmware, if the machine has none.
pub fn host() -> PathBuf {
    lab().join("host")
}
