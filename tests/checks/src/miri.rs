//! Host tests in Miri, which finds undefined behaviour that a run on a processor does not show.
//!
//! *What this is*: the pinned nightly (`tests/miri/rust-toolchain.toml`), and which tests run: those of all the
//! kernel's unsafe code that needs no special instruction, those of the `.modinfo` reader, and those of `p2m` and `mmu`
//! that take seconds. The rest takes minutes in Miri and has no unsafe code of ours.
//!
//! *What is not prevented*: `xen_guest::sys` makes pointers from addresses. Miri knows only that the memory was
//! exposed, not which provenance the pointer has; without `-Zmiri-permissive-provenance` each would be a warning. Miri
//! finds an access outside exposed memory, but not one to exposed memory of another owner.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use tools::kernel_target;
use tools::paths;
use tools::process;

const LIMIT: Duration = Duration::from_secs(900);
/// Miri's flags.
const FLAGS: &str = "-Zmiri-permissive-provenance";

/// Arguments of `cargo miri test`, one set for each run. Measured: about three minutes together on two busy processors.
pub const RUNS: [&[&str]; 2] = [
    &["--package", "xen-guest", "--lib", "--", "sys::", "module::tests::info"],
    &[
        "--package",
        "xen-guest-mmu",
        "--package",
        "xen-guest-p2m",
        "--lib",
        "--",
        "entry::",
        "layout::",
        "frame::",
    ],
];

/// The pinned toolchain.
fn channel() -> Result<String> {
    let file = paths::root().join("tests/miri/rust-toolchain.toml");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'));
    line.map(str::to_owned).context("tests/miri/rust-toolchain.toml names no channel")
}

/// Installs the toolchain if it is missing, and returns its name.
///
/// # Errors
/// It cannot be installed; the message is one line.
pub fn ensure() -> Result<String> {
    let channel = channel()?;
    let has = |component: &str| {
        let list = ["component", "list", "--installed", "--toolchain", &channel];
        let said = process::run("rustup", Command::new("rustup").args(list), LIMIT).unwrap_or_default();
        said.lines().any(|line| line.starts_with(component))
    };
    if !has("miri") || !has("rust-src") {
        tools::note!("setup: installing the Rust toolchain {channel} with miri and rust-src");
        let install =
            ["toolchain", "install", &channel, "--profile", "minimal", "--component", "miri,rust-src"];
        let mut rustup = Command::new("rustup");
        rustup.args(install).arg("--no-self-update");
        if let Err(error) = process::run("rustup", &mut rustup, LIMIT) {
            bail!(
                "missing: the Rust toolchain {channel} with miri and rust-src ({})",
                kernel_target::why(&error)
            );
        }
    }
    Ok(channel)
}

/// The command for one of [`RUNS`].
pub fn command(channel: &str, run: &[&str]) -> Command {
    let mut cargo = tools::cargo();
    // A folder of its own: another compiler makes its files, and other runs do not wait for its lock.
    cargo.arg(format!("+{channel}")).args(["miri", "test", "--quiet", "--no-fail-fast", "--target-dir"]);
    cargo.arg(paths::target().join("miri")).args(run).env("MIRIFLAGS", FLAGS);
    cargo
}
