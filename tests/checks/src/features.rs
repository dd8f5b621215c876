//! Every combination of the features of `xen-guest`, checked for the kernel's target.
//!
//! *What this is*: cargo-hack, installed below `target/lab`, and its command. Lints are errors, so a combination in which
//! something is unused fails too.
//!
//! *What is not prevented*: a combination that builds and does not boot. The suite boots few of them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use tools::paths;
use tools::process;

const LIMIT: Duration = Duration::from_secs(900);
/// The version that is installed.
const VERSION: &str = "0.6.46";

fn root() -> PathBuf {
    paths::lab().join(format!("cargo-hack-{VERSION}"))
}

/// Installs cargo-hack if it is missing.
///
/// # Errors
/// It cannot be installed; the message is one line.
pub fn ensure() -> Result<()> {
    if root().join("bin/cargo-hack").is_file() {
        return Ok(());
    }
    eprintln!("setup: installing cargo-hack {VERSION} below {}", root().display());
    let mut cargo = tools::cargo();
    cargo.args(["install", "--quiet", "--locked", "cargo-hack", "--version", VERSION, "--root"]).arg(root());
    process::run("cargo install", &mut cargo, LIMIT)
        .map(drop)
        .with_context(|| format!("missing: cargo-hack {VERSION}"))
}

/// The command that checks all combinations. Measured: 128 of them in two to three minutes on two busy processors.
pub fn command() -> Command {
    let mut cargo = Command::new(root().join("bin/cargo-hack"));
    cargo.args(["hack", "clippy", "--quiet", "--package", "xen-guest", "--lib"]);
    cargo.args(["--target", "x86_64-unknown-none", "--feature-powerset", "--exclude-features", "default"]);
    cargo.args(["--", "-D", "warnings"]).current_dir(paths::root());
    cargo
}
