//! The packages that are published: made and verified as `cargo publish` would, and used by a kernel outside.
//!
//! *What this is*: `cargo package` for all of them, which compiles each from its own files; then `examples/hello`, copied out
//! of the repository, with the packages in place of crates.io.
//!
//! *What is not prevented*: a name that somebody takes before they are published.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::outside::Scratch;
use tools::{file, folder, kernel_target, paths, process};

const LIMIT: Duration = Duration::from_secs(1200);

/// The packages, each after those it uses: the order in which they are published.
pub const PACKAGES: [&str; 8] = [
    "xen-guest-kit",
    "xen-guest-start-info",
    "xen-guest-p2m",
    "xen-guest-mmu",
    "xen-guest",
    "xen-model",
    "xen-guest-conformance",
    "xen-guest-walk",
];

/// Files that each package must have besides its code.
const FILES: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Packages and verifies all, once in a run of this program, and returns the folders of their unpacked files, in the same
/// order.
///
/// # Errors
/// One cannot be packaged, does not compile by itself, or lacks a file.
pub fn verified() -> Result<Vec<PathBuf>> {
    static MADE: Mutex<Option<Vec<PathBuf>>> = Mutex::new(None);
    once(&MADE, made)
}

/// What was made, or what `make` makes; who comes meanwhile waits. After an error it is tried again.
fn once<T: Clone>(made: &Mutex<Option<T>>, make: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(made) = &*made {
        return Ok(made.clone());
    }
    Ok(made.insert(make()?).clone())
}

fn made() -> Result<Vec<PathBuf>> {
    let target = paths::target().join("packages");
    forget(&target)?;
    let mut cargo = tools::cargo();
    cargo.args(["package", "--quiet", "--allow-dirty", "--target-dir"]).arg(&target);
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    // The packages have a workspace no more, and so none of its lints: only what the compiler itself warns of is said.
    process::run("cargo package", &mut cargo, LIMIT)?;
    let version = env!("CARGO_PKG_VERSION");
    let unpacked = target.join("unpacked");
    folder::remove(&unpacked)?;
    folder::create(&unpacked)?;
    let unpack = |package: &str| {
        let name = format!("{package}-{version}");
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(target.join("package").join(format!("{name}.crate"))).arg("-C").arg(&unpacked);
        process::run("tar", &mut tar, LIMIT)?;
        let folder = unpacked.join(name);
        for name in FILES {
            ensure!(folder.join(name).is_file(), "the package {package} has no {name}");
        }
        Ok(folder)
    };
    PACKAGES.iter().map(|package| unpack(package)).collect()
}

/// Removes what Cargo unpacked and compiled of these packages at another time: it takes a version for final, and does not
/// look again.
fn forget(target: &Path) -> Result<()> {
    folder::remove(target)?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let sources = home.context("neither CARGO_HOME nor HOME is set")?.join("registry/src");
    for registry in if sources.is_dir() { folder::entries(&sources)? } else { Vec::new() } {
        // Registries that Cargo makes for a packaging have no host in their names.
        if registry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('-')) {
            for package in PACKAGES {
                folder::remove(&registry.join(format!("{package}-{}", env!("CARGO_PKG_VERSION"))))?;
            }
        }
    }
    Ok(())
}

/// Builds `examples/hello` outside the repository from the packages, and returns the kernel.
///
/// # Errors
/// As [`verified`], and if it does not build.
pub fn hello() -> Result<Vec<u8>> {
    let packages = verified()?;
    let scratch = Scratch::new("packages")?;
    copy_files(&paths::root().join("examples/hello"), &scratch.0, &["Cargo.toml", "src/main.rs"])?;
    let manifest = scratch.0.join("Cargo.toml");
    let text = file::text(&manifest)?;
    let (path, found) = (", path = \"../../xen-guest\"", text.matches("path = ").count());
    ensure!(found == 1 && text.contains(path), "examples/hello names another path than{path}");
    file::write(&manifest, text.replace(path, ""))?;
    let mut cargo = tools::cargo();
    cargo.args(["build", "--quiet", "--release", "--target", "x86_64-unknown-none"]).current_dir(&scratch.0);
    for (name, folder) in PACKAGES.iter().zip(&packages) {
        cargo.args(["--config", &format!("patch.crates-io.{name}.path={:?}", folder.to_string_lossy())]);
    }
    cargo.arg("--target-dir").arg(paths::target().join("packages/outside"));
    let said = process::output("building a kernel from the packages", &mut cargo, LIMIT)?;
    ensure!(said.status.success(), "building a kernel from the packages: {}", said.tail());
    file::bytes(&paths::target().join("packages/outside/x86_64-unknown-none/release/hello"))
}

fn copy_files(from: &Path, to: &Path, names: &[&str]) -> Result<()> {
    for name in names {
        let place = to.join(name);
        folder::create(place.parent().context("a file in no folder")?)?;
        file::copy(&from.join(name), &place)?;
    }
    Ok(())
}

/// Checks that the packages can be used by the oldest Rust that they name.
///
/// # Errors
/// That Rust cannot be installed, or refuses something.
pub fn for_oldest_rust() -> Result<String> {
    let manifest = file::text(&paths::root().join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    let version = line.context("Cargo.toml names no rust-version")?;
    install(version)?;
    for (packages, target) in [(&PACKAGES[1..5], Some("x86_64-unknown-none")), (&PACKAGES[..], None)] {
        let mut cargo = tools::cargo();
        cargo.arg(format!("+{version}")).args(["check", "--quiet", "--locked", "--lib"]);
        cargo.args(target.iter().flat_map(|target| ["--target", target]));
        cargo.args(packages.iter().flat_map(|package| ["--package", package]));
        cargo.arg("--target-dir").arg(paths::target().join("oldest"));
        process::run("cargo check", &mut cargo, LIMIT).with_context(|| format!("with Rust {version}"))?;
    }
    Ok(version.to_owned())
}

fn install(version: &str) -> Result<()> {
    let list = ["target", "list", "--installed", "--toolchain", version];
    let said = process::run("rustup", Command::new("rustup").args(list), LIMIT).unwrap_or_default();
    if said.lines().any(|line| line == "x86_64-unknown-none") {
        return Ok(());
    }
    eprintln!("setup: installing the Rust toolchain {version}, the oldest that the packages are for");
    let arguments = ["toolchain", "install", version, "--profile", "minimal", "--no-self-update"];
    let mut rustup = Command::new("rustup");
    rustup.args(arguments).args(["--target", "x86_64-unknown-none"]);
    if let Err(error) = process::run("rustup", &mut rustup, LIMIT) {
        bail!("missing: the Rust toolchain {version} ({})", kernel_target::why(&error));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use anyhow::bail;

    use super::{PACKAGES, once};
    use tools::{file, paths};

    #[test]
    fn what_could_be_made_is_not_made_again() {
        let made = Mutex::new(None);
        assert!(once(&made, || bail!("not today")).is_err());
        assert_eq!(once(&made, || Ok(1)).unwrap(), 1);
        assert_eq!(once(&made, || bail!("again")).unwrap(), 1);
    }

    #[test]
    fn what_is_published_is_in_the_list_and_nothing_else() {
        let manifest = file::text(&paths::root().join("Cargo.toml")).unwrap();
        let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
        let mut published = Vec::new();
        for member in members.trim_end_matches(']').split(", ").map(|member| member.trim_matches('"')) {
            let text = file::text(&paths::root().join(member).join("Cargo.toml")).unwrap();
            if !text.contains("publish.workspace = true") {
                let name = text.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap();
                published.push(name.trim_end_matches('"').to_owned());
            }
        }
        let mut listed = PACKAGES.map(str::to_owned);
        listed.sort();
        published.sort();
        assert_eq!(published, listed);
    }
}
