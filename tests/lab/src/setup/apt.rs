//! apt, asked for packages: the machine's own, or one of ours that knows a single suite of Debian's archive.
//!
//! *What this is*: apt chooses, fetches and verifies; nothing is installed. Ours has its lists, its cache, its sources and an empty
//! list of installed packages below `target/lab/apt/SUITE`, and reads nothing of the machine's configuration but how to reach a
//! server. So it gives the same packages on every machine that has an apt, needs no root, and leaves the machine's state as it is.
//!
//! *What is not prevented*: a mirror that is behind, or that leaves a suite out. `LAB_DEBIAN` names another.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Error, Result, bail, ensure};

use crate::setup::deb;
use tools::process::{self, Output};
use tools::{file, folder, paths};

const LIMIT: Duration = Duration::from_secs(1800);
/// How long a server may send nothing: nobody waits longer for the word that there is no network.
const SILENCE: Duration = Duration::from_secs(12);
/// What every apt is told: to fetch as root, where we are, because its own user may not write below our folder; and to give up soon.
const SETTINGS: [&str; 4] = [
    "APT::Sandbox::User=root",
    "Acquire::Retries=1",
    "Acquire::http::Timeout=10",
    "Acquire::https::Timeout=10",
];
/// Debian's archive for a machine that has no mirror of it among its sources.
const ARCHIVE: &str = "http://deb.debian.org/debian";
/// Where the machine's own apt has its lists.
const LISTS: &str = "/var/lib/apt/lists";
/// The package that holds the keys of Debian's archive, and where the keys lie in it.
const KEYRING: (&str, &str) = ("debian-archive-keyring", "usr/share/keyrings/debian-archive-keyring.gpg");

/// The suites whose lists this program asked for, and why they cannot be had.
static ASKED: Mutex<Vec<(String, Result<(), String>)>> = Mutex::new(Vec::new());

/// Whether this machine has apt.
pub(crate) fn is_here() -> bool {
    ["apt-get", "apt-cache", "apt-config"].iter().all(|name| process::on_path(name))
}

/// An apt that can be asked.
#[derive(Debug)]
pub(crate) struct Apt {
    /// Our configuration file; `None` for the machine's own apt.
    config: Option<PathBuf>,
}

impl Apt {
    /// The machine's own: its suite, its lists, what it has installed.
    pub(crate) fn of_machine() -> Self {
        Self { config: None }
    }

    /// One that knows a suite of Debian's archive, with lists fetched since this program started.
    ///
    /// # Errors
    /// The suite cannot be had; one line.
    pub(crate) fn of_suite(suite: &str) -> Result<Self> {
        let home = paths::lab().join("apt").join(suite);
        let apt = Self { config: Some(home.join("apt.conf")) };
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match asked.iter().find(|(name, _)| name == suite) {
            Some((_, known)) => known.clone(),
            None => {
                let found = apt.learn(suite, &home).map_err(|error| format!("{error:#}"));
                asked.push((suite.to_owned(), found.clone()));
                found
            }
        };
        known.map_err(Error::msg)?;
        Ok(apt)
    }

    /// Makes our apt know a suite: its sources, its configuration, its lists.
    fn learn(&self, suite: &str, home: &Path) -> Result<()> {
        for part in ["state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/apt.conf.d"]
        {
            folder::create(&home.join(part))?;
        }
        let (archive, keyring) = (archive()?, keyring()?);
        file::write(&home.join("installed"), "")?;
        let sources = format!(
            "Types: deb\nURIs: {archive}\nSuites: {suite}\nComponents: main\nSigned-By: {}\n",
            keyring.display()
        );
        file::write(&home.join("etc/sources.list.d/debian.sources"), sources)?;
        let connection = Self::of_machine().ask("apt-config", &["dump"])?;
        file::write(&home.join("apt.conf"), configuration(home, &connection))?;
        borrow_lists(suite, &archive, &home.join("state/lists"))?;
        tools::note!("setup: fetching the list of Debian's {suite} (9 MB, unless it is here) from {archive}");
        self.update(&home.join("state/lists"))
    }

    /// Fetches the lists anew, into a folder that grows meanwhile.
    fn update(&self, lists: &Path) -> Result<()> {
        let so_far = || megabytes(folder::size(lists));
        self.transfer("apt-get update", self.command("apt-get").arg("update"), &so_far)
    }

    /// Runs a program that fetches something. After the first that heard nothing for long no other is tried: there is no network.
    fn transfer(&self, what: &str, command: &mut Command, so_far: &dyn Fn() -> String) -> Result<()> {
        static UNREACHABLE: Mutex<Option<String>> = Mutex::new(None);
        let mut unreachable = UNREACHABLE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = &*unreachable {
            bail!("{why}");
        }
        match process::moving(what, command, [LIMIT, SILENCE], so_far) {
            Ok(output) => accepted(&output).map(|_| ()),
            Err(error) => {
                let why = format!("{error:#}; is there a network?");
                *unreachable = Some(why.clone());
                bail!("{why}")
            }
        }
    }

    /// Fetches packages into a folder; says before how many bytes, and how many there are while it lasts.
    ///
    /// # Errors
    /// A package cannot be had; one line.
    pub(crate) fn fetch(&self, packages: &[String], into: &Path) -> Result<()> {
        folder::create(into)?;
        let mut words = vec!["download", "--print-uris"];
        words.extend(packages.iter().map(String::as_str));
        let all = total(&self.ask("apt-get", &words)?);
        tools::note!("setup: fetching {}: {}", megabytes(all), packages.join(" "));
        let mut command = self.command("apt-get");
        command.arg("download").args(packages).current_dir(into);
        let so_far = || format!("{} of {}", megabytes(folder::size(into)), megabytes(all));
        self.transfer("apt-get download", &mut command, &so_far)
    }

    /// What would have to be installed on this machine to have `wanted`: those and all they need, by name.
    ///
    /// # Errors
    /// apt knows no such package; one line.
    pub(crate) fn missing(&self, wanted: &[&str]) -> Result<Vec<String>> {
        let words = [&["install", "--simulate", "--no-install-recommends"], wanted].concat();
        let plan = match self.ask("apt-get", &words) {
            Ok(plan) => plan,
            Err(_) => {
                // Without lists, or with old ones.
                ensure!(
                    rustix::process::geteuid().is_root(),
                    "apt has no usable lists, which only root may fetch"
                );
                tools::note!("setup: apt-get update");
                self.update(Path::new(LISTS))?;
                self.ask("apt-get", &words)?
            }
        };
        let named = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
        Ok(named.map(str::to_owned).collect())
    }

    /// The package that a package without content of its own stands for.
    ///
    /// # Errors
    /// It stands for none; one line.
    pub(crate) fn real(&self, package: &str) -> Result<String> {
        let said = self.ask("apt-cache", &["depends", package])?;
        let prefix = package.trim_end_matches("amd64");
        let mut names = said.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        let name = names.find(|name| name.starts_with(prefix));
        Ok(name.with_context(|| format!("apt does not say what {package} stands for"))?.to_owned())
    }

    fn ask(&self, program: &str, words: &[&str]) -> Result<String> {
        let what = format!("{program} {}", words.first().unwrap_or(&""));
        accepted(&process::output(&what, self.command(program).args(words), LIMIT)?)
    }

    fn command(&self, program: &str) -> Command {
        // An apt that outlived the lab would hold the lock of our lists.
        let mut command = process::that_ends_with_us(program, "TERM");
        command.env("LC_ALL", "C").arg("-q");
        command.args(SETTINGS.iter().flat_map(|setting| ["-o", setting]));
        if let Some(config) = &self.config {
            command.env("APT_CONFIG", config);
        }
        command
    }
}

/// What a program of apt's printed, if it was content; else its first complaint.
fn accepted(output: &Output) -> Result<String> {
    if output.status.success() {
        return Ok(output.said.clone());
    }
    let lines = || output.complained.lines().chain(output.said.lines());
    let complaint = lines().find(|line| line.starts_with("E: ")).or_else(|| lines().last());
    bail!(
        "{}",
        complaint.unwrap_or("apt failed without a word").split_whitespace().collect::<Vec<_>>().join(" ")
    )
}

/// The configuration of an apt of ours. Named first, it keeps the machine's own files from being read.
fn configuration(home: &Path, machines: &str) -> String {
    let home = home.display();
    let mut lines = vec![
        format!("Dir::State \"{home}/state\";"),
        format!("Dir::State::status \"{home}/installed\";"),
        format!("Dir::Cache \"{home}/cache\";"),
        format!("Dir::Etc \"{home}/etc\";"),
        format!("Dir::Log \"{home}\";"),
        "APT::Architecture \"amd64\";".to_owned(),
        "APT::Architectures { \"amd64\"; };".to_owned(),
        // What cannot be fetched is an error, not a warning.
        "APT::Update::Error-Mode \"any\";".to_owned(),
        "Acquire::Languages \"none\";".to_owned(),
    ];
    // How the machine reaches a server (proxies, certificates), and how it keeps the lists that we borrow.
    let kept = ["Acquire::http", "Acquire::GzipIndexes ", "Acquire::CompressionTypes::"];
    let kept = |line: &&str| kept.iter().any(|start| line.starts_with(start));
    lines.extend(machines.lines().filter(kept).map(str::to_owned));
    lines.join("\n") + "\n"
}

/// Copies what the machine's own apt has of the list of a suite, so that it is fetched only if there is a newer one.
fn borrow_lists(suite: &str, archive: &str, into: &Path) -> Result<()> {
    let host = archive.split_once("://").map_or(archive, |(_, host)| host);
    let front = format!("{}_dists_{suite}_", host.replace('/', "_"));
    for entry in std::fs::read_dir(LISTS).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(&front) else { continue };
        let ours = into.join(&name);
        if (rest == "InRelease" || rest.starts_with("main_binary-amd64_Packages")) && !ours.exists() {
            // With its time: apt asks for what is newer.
            file::copy(&entry.path(), &ours)?;
            let time = entry.metadata().and_then(|about| about.modified());
            let opened = std::fs::File::options().write(true).open(&ours);
            opened.and_then(|list| list.set_modified(time?)).with_context(|| ours.display().to_string())?;
        }
    }
    Ok(())
}

/// The mirror of Debian's archive: what `LAB_DEBIAN` says, else the machine's own, else the public one.
fn archive() -> Result<String> {
    if let Some(named) = mirror_of_environment()? {
        return Ok(named);
    }
    let words = ["indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)", "Created-By: Packages"];
    let targets = Apt::of_machine().ask("apt-get", &words).unwrap_or_default();
    Ok(mirror(&targets).unwrap_or(ARCHIVE).to_owned())
}

/// The mirror that somebody named.
///
/// # Errors
/// What they wrote is no address; one line.
pub(crate) fn mirror_of_environment() -> Result<Option<String>> {
    named(&std::env::var_os("LAB_DEBIAN").unwrap_or_default().to_string_lossy())
}

/// The mirror that `LAB_DEBIAN` names; an empty word names none.
fn named(word: &str) -> Result<Option<String>> {
    let word = word.trim();
    let is_address = word.split_once(":/").is_some_and(|(way, place)| !way.is_empty() && !place.is_empty());
    ensure!(
        word.is_empty() || is_address && !word.contains(char::is_whitespace),
        "LAB_DEBIAN is {word:?}, but takes the address of a mirror of Debian's archive, such as {ARCHIVE}"
    );
    Ok((!word.is_empty()).then(|| word.trim_end_matches('/').to_owned()))
}

/// The first source that is Debian's archive itself: not one of updates, nor of another maker.
fn mirror(targets: &str) -> Option<&str> {
    targets.lines().find_map(|line| {
        let (suite, uri) = line.strip_prefix("Debian ")?.split_once(' ')?;
        (!suite.contains('-') && uri.starts_with("http")).then(|| uri.trim_end_matches('/'))
    })
}

/// The keys of Debian's archive: the machine's, or those of the package that the machine's own archive has of them, as Ubuntu's.
fn keyring() -> Result<PathBuf> {
    let (package, file) = KEYRING;
    let ours = paths::lab().join("keyring");
    for place in [Path::new("/"), &ours] {
        if place.join(file).is_file() {
            return Ok(place.join(file));
        }
    }
    let store = paths::lab().join("keyring.debs");
    folder::remove(&store)?;
    let fetched = Apt::of_machine().fetch(&[package.to_owned()], &store);
    fetched.with_context(|| format!("the keys of Debian's archive are missing (package {package})"))?;
    deb::unpack_all(&store, &ours)?;
    folder::remove(&store)?;
    ensure!(ours.join(file).is_file(), "the package {package} has no {file}");
    Ok(ours.join(file))
}

/// The sum of the sizes in lines `'URI' name bytes hash`.
fn total(uris: &str) -> u64 {
    uris.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()).sum()
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{configuration, megabytes, mirror, named, total};

    #[test]
    fn the_machines_mirror_of_debian() {
        let ubuntu = "Ubuntu noble http://archive.ubuntu.com/ubuntu/\n";
        assert_eq!(mirror(ubuntu), None);
        let debian = "Debian bookworm-security http://a/security/\nDebian bookworm http://b/debian/\n";
        assert_eq!(mirror(debian), Some("http://b/debian"));
        assert_eq!(mirror("Debian bookworm cdrom:[x]/\n"), None);
    }

    #[test]
    fn a_mirror_that_somebody_named() {
        assert_eq!(named("").unwrap(), None);
        assert_eq!(named(" ").unwrap(), None);
        assert_eq!(named("http://m/debian/").unwrap().as_deref(), Some("http://m/debian"));
        assert_eq!(named("file:/srv/debian").unwrap().as_deref(), Some("file:/srv/debian"));
        for word in ["m", "://m", "http:/", "http://a http://b"] {
            let said = named(word).unwrap_err().to_string();
            let begins =
                format!("LAB_DEBIAN is {word:?}, but takes the address of a mirror of Debian's archive");
            assert!(said.starts_with(&begins) && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn of_the_machines_configuration_only_the_way_to_a_server() {
        let machines =
            "APT::Update::Post-Invoke:: \"rm x\";\nAcquire::http::Proxy \"http://p:1\";\nDir \"/\";\n";
        let ours = configuration(Path::new("/lab"), machines);
        assert!(ours.contains("\nAcquire::http::Proxy \"http://p:1\";\n"), "{ours}");
        assert!(!ours.contains("Post-Invoke") && !ours.contains("Dir \"/\""), "{ours}");
        assert!(ours.starts_with("Dir::State \"/lab/state\";\n"), "{ours}");
    }

    #[test]
    fn sizes() {
        let uris = "'http://d/a_1_amd64.deb' a_1_amd64.deb 1000000 SHA256:0\n'http://d/b.deb' b.deb 250000 SHA256:0\n";
        assert_eq!(megabytes(total(uris)), "1.2 MB");
    }
}
