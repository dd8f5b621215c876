//! Runs other programs quietly and within a time limit.
//!
//! The error of a program that fails shows its last lines. A program that takes long is reported every ten seconds, so
//! nobody wonders whether it is still running. Every program started here is waited for or killed by its own id.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::file;

/// How often it is looked whether something moves.
const LOOK: Duration = Duration::from_millis(500);

/// A program that is killed when this is dropped.
#[derive(Debug)]
pub struct Leashed(Child);

impl Leashed {
    /// Starts the program.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        Ok(Self(command.spawn().with_context(|| format!("cannot start {name}"))?))
    }

    /// The program, to take its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Its exit status, once it has ended.
    ///
    /// # Errors
    /// The system cannot say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // Both fail only if the program has ended and was waited for: then there is nothing left to do.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The result of a program that has ended.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub said: String,
    /// Its standard error.
    pub complained: String,
}

impl Output {
    /// The last lines of all it printed.
    pub fn tail(&self) -> String {
        let lines: Vec<&str> = self.said.lines().chain(self.complained.lines()).collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

/// Runs a program to its end and returns its standard output.
///
/// # Errors
/// It cannot be started, takes more than `limit`, or fails; the error has the end of its output.
pub fn run(what: &str, command: &mut Command, limit: Duration) -> Result<String> {
    let output = output(what, command, limit)?;
    if !output.status.success() {
        bail!("{what} failed ({}):\n{}", output.status, output.tail());
    }
    Ok(output.said)
}

/// Runs a program to its end, even if it fails.
///
/// # Errors
/// It cannot be started or takes more than `limit`.
pub fn output(what: &str, command: &mut Command, limit: Duration) -> Result<Output> {
    let started = Instant::now();
    watched(what, command, limit, &|| format!("{} s", started.elapsed().as_secs()))
}

/// The same; while it lasts, `so_far` says how far it has come.
///
/// # Errors
/// As [`output`].
pub fn watched(
    what: &str,
    command: &mut Command,
    limit: Duration,
    so_far: &dyn Fn() -> String,
) -> Result<Output> {
    moving(what, command, [limit, limit], so_far)
}

/// The same; it also gives up if what `so_far` says stays the same for the second of the limits.
///
/// # Errors
/// As [`output`], and if nothing moves.
pub fn moving(
    what: &str,
    command: &mut Command,
    [limit, still]: [Duration; 2],
    so_far: &dyn Fn() -> String,
) -> Result<Output> {
    let folder = std::env::temp_dir();
    let (mut said, mut complained) = (scratch(&folder, "out")?, scratch(&folder, "err")?);
    command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(complained.try_clone()?);
    let mut program = Leashed::start(command)?;
    let started = Instant::now();
    let mut reported = started;
    let (mut looked, mut moved, mut last) = (started, started, so_far());
    let status = loop {
        if let Some(status) = program.ended()? {
            break status;
        }
        if started.elapsed() > limit {
            bail!("{what}: not done after {} s", limit.as_secs());
        }
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            let now = so_far();
            if now != last {
                (last, moved) = (now, looked);
            }
        }
        if moved.elapsed() > still {
            bail!("{what}: nothing has come for {} s", still.as_secs());
        }
        if reported.elapsed() > Duration::from_secs(10) {
            reported = Instant::now();
            crate::note!("  {what}: {} so far", so_far());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ok(Output { status, said: content(&mut said)?, complained: content(&mut complained)? })
}

/// Whether a program of that name can be started from here.
pub fn on_path(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// The command that starts a program to which the kernel sends `signal` when the thread that started it is gone for any
/// reason (`setpriv`, if the machine has it).
pub fn that_ends_with_us(program: impl AsRef<OsStr>, signal: &str) -> Command {
    if !on_path("setpriv") {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal]).arg(program);
    command
}

/// A file without a name.
fn scratch(folder: &Path, kind: &str) -> Result<File> {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = folder.join(format!("lab-{}-{count}-{kind}", std::process::id()));
    let file = File::options().read(true).append(true).create_new(true).open(&path);
    let file =
        file.with_context(|| format!("cannot write to the folder for temporary files: {}", path.display()))?;
    file::remove(&path)?;
    Ok(file)
}

fn content(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{moving, on_path, run, scratch, that_ends_with_us};

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn output_and_failure() {
        assert_eq!(run("echo", Command::new("echo").arg("hello"), MINUTE).unwrap(), "hello\n");
        assert_eq!(run("echo", that_ends_with_us("echo", "TERM").arg("hello"), MINUTE).unwrap(), "hello\n");
        let error =
            run("it", Command::new("sh").args(["-c", "echo no such luck >&2; exit 3"]), MINUTE).unwrap_err();
        assert!(error.to_string().contains("no such luck"), "{error}");
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let started = Instant::now();
        assert!(run("sleep", Command::new("sleep").arg("50"), Duration::from_millis(50)).is_err());
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_program_that_makes_no_progress_is_killed() {
        let sleeps = |seconds: &str, still: u64, so_far: &dyn Fn() -> String| {
            moving("it", Command::new("sleep").arg(seconds), [MINUTE, Duration::from_secs(still)], so_far)
        };
        let error = sleeps("50", 1, &|| "1 MB".to_owned()).unwrap_err();
        assert_eq!(error.to_string(), "it: nothing has come for 1 s");
        // Both with room for a machine that does other things for seconds.
        let looks = Cell::new(0);
        let more = || format!("{} MB", looks.replace(looks.get() + 1));
        assert!(sleeps("6", 4, &more).unwrap().status.success());
    }

    #[test]
    fn where_there_is_no_folder_for_temporary_files() {
        let error = format!("{:#}", scratch(Path::new("/nonexistent"), "out").unwrap_err());
        let begins = "cannot write to the folder for temporary files: /nonexistent/lab-";
        assert!(error.starts_with(begins) && error.contains("-out: No such file"), "{error}");
    }

    #[test]
    fn programs_on_the_path() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program-anywhere"));
    }
}
