//! Host tests in Miri, which sees undefined behaviour that a test run by a processor does not.
//!
//! *What this is*: the pinned nightly (`tests/miri/rust-toolchain.toml`), and which tests run: all of the kernel's unsafe
//! code that needs no instruction, of the readers of modules those of `.modinfo`, and those of `p2m` and `mmu` that take
//! seconds. The rest takes Miri minutes, and has no unsafe code of ours in it.
//!
//! *What is not prevented*: `xen_guest::sys` makes pointers from addresses, and Miri knows of such a pointer only that
//! somebody exposed the memory it leads to, not which right it carries: hence `-Zmiri-permissive-provenance`, without which
//! each would be a warning. An access outside of what was exposed is found, one to somebody else's exposed memory is not.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use tools::paths;
use tools::process;

const LIMIT: Duration = Duration::from_secs(900);
/// What it is told besides what to run.
const FLAGS: &str = "-Zmiri-permissive-provenance";

/// Arguments of `cargo miri test`, a run each, measured: about three minutes together on two busy processors.
pub const RUNS: [&[&str]; 2] = [
    &["--package", "xen-guest", "--lib", "--", "sys::", "module::tests::info"],
    &["--package", "mmu", "--package", "p2m", "--lib", "--", "entry::", "layout::", "frame::"],
];

/// The pinned toolchain.
fn channel() -> Result<String> {
    let file = paths::root().join("tests/miri/rust-toolchain.toml");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'));
    line.map(str::to_owned).context("tests/miri/rust-toolchain.toml names no channel")
}

/// Gets the toolchain if it is missing, and returns its name.
///
/// # Errors
/// It cannot be had; the message is one line.
pub fn ensure() -> Result<String> {
    let channel = channel()?;
    let has = |component: &str| {
        let list = ["component", "list", "--installed", "--toolchain", &channel];
        let said = process::run("rustup", Command::new("rustup").args(list), LIMIT).unwrap_or_default();
        said.lines().any(|line| line.starts_with(component))
    };
    if !has("miri") || !has("rust-src") {
        eprintln!("setup: installing the Rust toolchain {channel} with miri and rust-src");
        let install =
            ["toolchain", "install", &channel, "--profile", "minimal", "--component", "miri,rust-src"];
        let mut rustup = Command::new("rustup");
        rustup.args(install).arg("--no-self-update");
        if let Err(error) = process::run("rustup", &mut rustup, LIMIT) {
            let said = error.to_string();
            let why = said.lines().find(|line| line.starts_with("error:")).unwrap_or("rustup gave no reason");
            bail!("missing: the Rust toolchain {channel} with miri and rust-src ({})", why.trim());
        }
    }
    Ok(channel)
}

/// The command for one of [`RUNS`].
pub fn command(channel: &str, run: &[&str]) -> Command {
    let mut cargo = tools::cargo();
    // Miri's own folder: its artefacts are of another compiler, and nobody else's wait for its lock.
    cargo.arg(format!("+{channel}")).args(["miri", "test", "--quiet", "--no-fail-fast", "--target-dir"]);
    cargo.arg(paths::target().join("miri")).args(run).env("MIRIFLAGS", FLAGS);
    cargo
}
