//! What the lab (`tests/lab`) and this repository's checks (`tests/checks`) both need from their host.

pub mod file;
pub mod folder;
pub mod kernel_target;
pub mod paths;
pub mod process;
pub mod say;
pub mod usage;

use std::process::Command;

/// Cargo of the pinned toolchain, at the root of the repository.
#[must_use]
pub fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(paths::root());
    cargo
}
