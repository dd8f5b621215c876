//! The copy of the work tree in which the breaks are made, and the tests that run there.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

use crate::mutations::list::{Mutation, replaced};
use crate::mutations::rounds::rounds;
use crate::mutations::verdict::{Verdict, first_failed};
use tools::{file, folder, paths, process};

const MODEL_TESTS: &str = "tests/model/tests";
/// Where cargo and the tests of a round write.
const LOG: &str = "log";

/// The copy of the work tree.
#[derive(Debug)]
pub(super) struct Copied {
    folder: PathBuf,
}

impl Copied {
    /// Brings the copy up to date: what git tracks, and new files it does not ignore.
    ///
    /// # Errors
    /// git or the file system refuses.
    pub(super) fn of_the_work_tree() -> Result<Self> {
        let folder = paths::target().join("mutations");
        let tree = folder.join("tree");
        folder::create(&tree)?;
        let names = process::run(
            "git ls-files",
            Command::new("git")
                .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
                .current_dir(paths::root()),
            Duration::from_secs(60),
        )?;
        let mut kept = BTreeSet::new();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            let from = paths::root().join(name);
            if from.is_file() {
                kept.insert(tree.join(name));
                copy(&from, &tree.join(name))?;
            }
        }
        prune(&tree, &kept)?;
        Ok(Self { folder })
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// The file that a break changes, its text before and after.
    ///
    /// # Errors
    /// The text to replace is not in it exactly once.
    pub(super) fn mutated(&self, mutation: &Mutation) -> Result<(PathBuf, String, String)> {
        let Mutation { title, file, from, to, .. } = mutation;
        let path = self.folder.join("tree").join(file);
        let before = std::fs::read_to_string(&path).with_context(|| format!("{title}: {file}"))?;
        let after = replaced(&before, from, to).with_context(|| format!("{title}: {file}"))?;
        Ok((path, before, after))
    }

    /// Makes a break, runs the tests, and undoes it. It times out at the deadline.
    pub(super) fn tested_with(
        &self,
        mutation: &Mutation,
        limit: Duration,
        deadline: Option<Instant>,
    ) -> Result<Verdict> {
        let (path, before, after) = self.mutated(mutation)?;
        file::write(&path, after)?;
        let verdict = self.tested(Some(&mutation.file), limit, deadline);
        file::write(&path, before)?;
        verdict
    }

    /// Runs the tests that can notice a break in `file`, or all of them, until one fails. `limit` is for each round.
    ///
    /// # Errors
    /// cargo cannot be started or followed.
    pub(super) fn tested(
        &self,
        file: Option<&str>,
        limit: Duration,
        deadline: Option<Instant>,
    ) -> Result<Verdict> {
        for round in rounds(file, &self.model_tests()?) {
            let mut cargo = Command::new("cargo");
            cargo.arg("test").arg("--target-dir").arg(self.folder.join("target")).args(&round);
            // Shrinking only makes the report shorter.
            cargo.env_remove("CARGO_TARGET_DIR").env("PROPTEST_MAX_SHRINK_ITERS", "0");
            cargo.current_dir(self.folder.join("tree"));
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let verdict = self.run(&mut cargo, left.map_or(limit, |left| left.min(limit)))?;
            if verdict != Verdict::Survived {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Survived)
    }

    /// The names of the model's integration tests.
    fn model_tests(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for path in folder::entries(&self.folder.join("tree").join(MODEL_TESTS))? {
            // A folder stays after all its files are gone.
            if path.join("main.rs").is_file() {
                names.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    fn run(&self, cargo: &mut Command, limit: Duration) -> Result<Verdict> {
        // A new file: the rest of a killed round may still write to the old one.
        let path = self.log();
        file::remove(&path)?;
        let log = File::options().append(true).create_new(true).open(&path);
        let log = log.with_context(|| path.display().to_string())?;
        cargo.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut group = Group::start(cargo)?;
        let started = Instant::now();
        loop {
            let status = group.0.try_wait()?;
            let said = file::text(&self.log())?;
            if let Some(test) = first_failed(&said) {
                return Ok(Verdict::CaughtBy(test));
            }
            match status {
                Some(status) if status.success() => return Ok(Verdict::Survived),
                Some(_) if said.contains("could not compile") => {
                    let error = said.lines().find(|line| line.starts_with("error"));
                    return Ok(Verdict::DoesNotCompile(error.unwrap_or_default().into()));
                }
                Some(status) => {
                    let end = said.lines().rfind(|line| line.contains("process didn't exit successfully"));
                    let Some(end) = end else {
                        bail!("cargo failed ({status}, signal {:?}); see {LOG}", status.signal());
                    };
                    return Ok(Verdict::CaughtBy(format!("a crash: {}", end.trim())));
                }
                None if started.elapsed() > limit => return Ok(Verdict::TimedOut(limit)),
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// Cargo and all that it starts, killed together when this is dropped.
#[derive(Debug)]
struct Group(Child);

impl Group {
    fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.process_group(0).spawn().context("cannot start cargo")?))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // This fails only if all have ended: then there is nothing left to do.
        let _ended = rustix::process::kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        drop(self.0.wait());
    }
}

/// Copies a file unless the copy is already the same.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let content = file::bytes(from)?;
    if std::fs::read(to).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        folder::create(folder)?;
    }
    // This makes the file and its permissions; its time is that of the copy.
    file::copy(from, to)
}

/// Removes what is no longer in the work tree; folders stay.
fn prune(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for path in folder::entries(folder)? {
        if path.is_dir() && !path.is_symlink() {
            // A build of the modules may have made folders here that git ignores.
            if path.file_name().is_none_or(|name| name != "target") {
                prune(&path, kept)?;
            }
        } else if !kept.contains(&path) {
            file::remove(&path)?;
        }
    }
    Ok(())
}
