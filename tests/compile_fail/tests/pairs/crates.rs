//! The project's crates, as the programs use them.
//!
//! *What this is*: `cargo check` of the four crates, in a target folder of its own: the one of the running `cargo test`
//! is locked. The files that Cargo made are read from its JSON, so no file name is guessed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::program::Target;

/// The target without an operating system.
const BARE: &str = "x86_64-unknown-none";
/// What a program may name.
const NAMES: [&str; 5] = ["start_info", "p2m", "mmu", "xen_guest", "x86_64"];
/// A folder in the target folder that Cargo leaves to this test.
pub(crate) const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

/// The crates for one target, checked.
#[derive(Debug)]
pub(crate) struct Crates {
    target: Target,
    files: BTreeMap<String, PathBuf>,
    others: BTreeMap<String, PathBuf>,
    folders: BTreeSet<PathBuf>,
}

impl Crates {
    /// Runs `cargo check` on the crates.
    ///
    /// # Errors
    /// When Cargo fails, with what it said, or makes no file for a crate.
    pub(crate) fn check(target: Target) -> Result<Self> {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(["check", "--frozen", "--lib", "--message-format=json"]);
        cargo.args([
            "-p",
            "xen-guest-start-info",
            "-p",
            "xen-guest-p2m",
            "-p",
            "xen-guest-mmu",
            "-p",
            "xen-guest",
        ]);
        cargo.arg("--target-dir").arg(Path::new(SCRATCH).join("crates"));
        cargo.args(target_arguments(target));
        let output = cargo.output()?;
        let messages = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "{}\n{messages}", String::from_utf8_lossy(&output.stderr));

        let mut crates =
            Self { target, files: BTreeMap::new(), others: BTreeMap::new(), folders: BTreeSet::new() };
        for line in messages.lines() {
            crates.note(&serde_json::from_str(line)?);
        }
        for name in NAMES {
            ensure!(crates.files.contains_key(name), "cargo check made no metadata of {name}");
        }
        Ok(crates)
    }

    /// Notes the metadata that a message of Cargo names.
    fn note(&mut self, message: &Value) {
        let name = message["target"]["name"].as_str().unwrap_or_default().replace('-', "_");
        for file in message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let file = PathBuf::from(file);
            // Procedural macros are in another folder when the target is not the host.
            self.folders.extend(file.parent().map(Path::to_path_buf));
            if file.extension().is_some_and(|extension| extension == "rmeta") {
                let named = NAMES.contains(&name.as_str());
                let files = if named { &mut self.files } else { &mut self.others };
                files.insert(name.clone(), file);
            }
        }
    }

    /// Returns the arguments with which rustc finds the crates and builds for their target. A program inside one of
    /// them sees what that crate sees: its dependencies too, but not itself.
    pub(crate) fn arguments(&self, inside: Option<&str>) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = target_arguments(self.target).iter().map(OsString::from).collect();
        let mut option = |option: &str, value: String, path: &Path| {
            let mut value = OsString::from(value);
            value.push(path);
            arguments.extend([option.into(), value]);
        };
        for folder in &self.folders {
            option("-L", "dependency=".into(), folder);
        }
        let others = self.others.iter().filter(|_| inside.is_some());
        for (name, file) in self.files.iter().chain(others).filter(|(name, _)| inside != Some(name.as_str()))
        {
            option("--extern", format!("{name}="), file);
        }
        arguments
    }
}

/// Returns the workspace's folder, whose toolchain file the compilers must see.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

const fn target_arguments(target: Target) -> &'static [&'static str] {
    match target {
        Target::Host => &[],
        Target::Bare => &["--target", BARE],
    }
}
