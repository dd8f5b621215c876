//! Builds the kernel in both variants, other kernels for the suite, the modules and the ramdisk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use checks::packages;
use kit::cpio::CpioWriter;
use tools::kernel_target::{self, KERNEL_TARGET};
use tools::{file, folder, paths, process};

const LIMIT: Duration = Duration::from_secs(1200);

/// How a kernel is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Profile {
    /// As this repository ships it.
    Release,
    /// As for a debugger.
    Unoptimized,
    /// For size, stripped, with nothing of this repository's flags.
    Small,
}

impl Profile {
    /// What Cargo.toml calls it; the folder of its files has the same name.
    const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Unoptimized => "unoptimized",
            Self::Small => "small",
        }
    }
}

/// A kernel that a run of the suite boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kernel {
    /// The demonstration, in the variant that the run asks for.
    Demo,
    /// The demonstration without the notes of the second variant, built in a way of its own.
    Profiled(Profile),
    /// The demonstration with the notes of the second variant, linked at 8 MiB of the guest's memory.
    AtEightMebibytes,
    /// The guest that runs the probes of `tests/conformance`.
    Probe,
    /// The guest that tries events, time and its own exception handlers.
    Events,
    /// An example, by its folder's name.
    Example(&'static str),
    /// `examples/hello` outside the repository, from the packages that are published.
    Packaged,
}

impl Kernel {
    /// Where it lies once it is built; for the demonstration, which has two places, see [`kernel`].
    pub(crate) fn path(self) -> Option<PathBuf> {
        match self {
            Self::Demo => None,
            Self::Profiled(profile) => Some(profiled(profile)),
            Self::AtEightMebibytes => Some(paths::target().join("xen-guest-at-8m.elf")),
            Self::Probe => Some(paths::target().join("probe.elf")),
            Self::Events => Some(paths::target().join("events.elf")),
            Self::Example(name) => Some(paths::target().join("examples").join(format!("{name}.elf"))),
            Self::Packaged => Some(paths::target().join("packages/hello.elf")),
        }
    }

    /// Builds it; the demonstration is what [`kernels`] builds.
    ///
    /// # Errors
    /// The compiler refuses; its words are in the error.
    pub(crate) fn build(self) -> Result<()> {
        match self {
            Self::Demo => Ok(()),
            Self::Profiled(profile) => in_profile(profile),
            Self::AtEightMebibytes => at_eight_mebibytes(),
            Self::Probe => test_guest("probe"),
            Self::Events => test_guest("events"),
            Self::Example(name) => example(name),
            Self::Packaged => {
                packages::hello().and_then(|elf| replace(&paths::target().join("packages/hello.elf"), &elf))
            }
        }
    }
}

/// Where the kernel for a mode lies.
pub(crate) fn kernel(init_p2m: bool) -> PathBuf {
    paths::target().join(if init_p2m { "xen-guest-initp2m.elf" } else { "xen-guest.elf" })
}

/// Where the kernel without notes of the second variant lies that is built in a way of its own.
fn profiled(profile: Profile) -> PathBuf {
    paths::target().join(format!("xen-guest-{}.elf", profile.name()))
}

/// Where the ramdisk lies.
pub(crate) fn ramdisk() -> PathBuf {
    paths::target().join("ramdisk.cpio")
}

/// Where a module lies.
pub(crate) fn module(name: &str) -> PathBuf {
    paths::target().join("modules").join(format!("{name}.ko"))
}

/// Builds both kernels.
///
/// # Errors
/// The compiler refuses; its words are in the error.
pub(crate) fn kernels() -> Result<()> {
    // Two folders, so that the variants do not push each other out.
    let demo = ("xen-guest", "demo");
    let (folder, profile) = (paths::target(), Profile::Release);
    variant(&folder, demo, profile, &["--features", "fault-injection"], &[], &kernel(false))?;
    let features = ["--features", "fault-injection,init-p2m"];
    variant(&folder.join("initp2m"), demo, profile, &features, &[], &kernel(true))
}

/// As anybody may say where the kernel starts (`xen-guest.ld`).
fn at_eight_mebibytes() -> Result<()> {
    let (folder, demo) = (paths::target().join("at-8m"), ("xen-guest", "demo"));
    let features = ["--features", "fault-injection,init-p2m"];
    let link = ["--", "-C", "link-arg=--defsym=xen_guest_physical_start=0x800000"];
    variant(&folder, demo, Profile::Release, &features, &link, &paths::target().join("xen-guest-at-8m.elf"))
}

fn in_profile(profile: Profile) -> Result<()> {
    let features = ["--features", "fault-injection"];
    variant(&paths::target(), ("xen-guest", "demo"), profile, &features, &[], &profiled(profile))
}

/// A guest of `tests/guests`.
fn test_guest(name: &str) -> Result<()> {
    let to = paths::target().join(format!("{name}.elf"));
    variant(&paths::target(), (name, name), Profile::Release, &[], &[], &to)
}

/// Builds an example as its reader does: in its folder, which has a workspace of its own.
fn example(name: &str) -> Result<()> {
    kernel_target::ensure()?;
    let folder = paths::target().join("examples");
    let mut cargo = tools::cargo();
    cargo.args(["build", "--quiet", "--release", "--locked", "--target-dir"]).arg(&folder);
    cargo.current_dir(paths::root().join("examples").join(name));
    process::run("building an example", &mut cargo, LIMIT)?;
    replace(
        &folder.join(format!("{name}.elf")),
        &file::bytes(&folder.join(KERNEL_TARGET).join("release").join(name))?,
    )
}

fn variant(
    folder: &Path,
    (package, bin): (&str, &str),
    profile: Profile,
    features: &[&str],
    link: &[&str],
    to: &Path,
) -> Result<()> {
    kernel_target::ensure()?;
    let mut cargo = tools::cargo();
    // With arguments for the linker only the kernel's own crate is built by another command.
    let command = if link.is_empty() { "build" } else { "rustc" };
    cargo.args([command, "--quiet", "--target", KERNEL_TARGET, "--package", package, "--bin", bin]);
    cargo.args(["--profile", profile.name()]).args(features).arg("--target-dir").arg(folder).args(link);
    if profile == Profile::Small {
        // Instead of the flags in .cargo/config.toml.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", "");
    }
    let is_second = features.iter().any(|features| features.ends_with("init-p2m"));
    let what = if is_second { "building the kernel with init-p2m" } else { "building the kernel" };
    process::run(what, &mut cargo, LIMIT)?;
    let built = folder.join(KERNEL_TARGET).join(profile.name()).join(bin);
    replace(to, &file::bytes(&built)?)
}

/// Builds the modules and packs them into the ramdisk.
///
/// # Errors
/// A module does not build.
pub(crate) fn modules() -> Result<()> {
    kernel_target::ensure()?;
    let mut script = Command::new(paths::root().join("tests/modules/build"));
    process::run("building the modules", script.env("CARGO_TARGET_DIR", paths::target()), LIMIT)?;
    let folder = paths::target().join("modules");
    folder::create(&folder)?;
    let mut archive = CpioWriter::default();
    for (folder, inside) in [(folder.clone(), "modules"), (folder.join("extra"), "modules-extra")] {
        archive.folder(inside);
        for path in objects(&folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            archive.file(&format!("{inside}/{name}"), 0o644, &file::bytes(&path)?);
        }
    }
    replace(&ramdisk(), &archive.finish())
}

/// The modules in a folder, in the order of their names.
fn objects(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = folder::entries(folder)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "ko"));
    Ok(files)
}

/// Writes a file in one step, and only if it changes: others may be reading it.
fn replace(to: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(to).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let fresh = to.with_extension(format!("new{}", std::process::id()));
    file::write(&fresh, content)?;
    file::rename(&fresh, to)
}
