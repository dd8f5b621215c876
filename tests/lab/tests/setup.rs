//! Set-up on machines that lack things: an apt that is only played writes down what it was asked, and fails where it should.
//!
//! *What is not tried*: that the real apt does as it is asked; the runs on real Xen show it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Played for `apt-get`, `apt-cache` and `apt-config`. Each call is a line of the file `asked`: the program, whose configuration it has,
/// and its words. What fails is named in `FAILS`, as words that a call begins with; `SAYS` is its complaint.
const APT: &str = r#"#!/bin/sh
name=${0##*/}
shift 9
echo "$name config=${APT_CONFIG#"$LAB_HOME"} $*" >>"$LAB_HOME/asked"
case "$*" in
"$FAILS"*) [ -z "$FAILS" ] || { echo "W: nothing"; echo "E: $SAYS"; exit 100; } >&2 ;;
esac
[ "$*" != update ] || [ -z "$SLEEPS" ] || exec sleep "$SLEEPS"
case "$*" in
'install --simulate'*) echo 'Inst ovmf (1 Debian)' ;;
'depends linux-image-amd64') echo '  Depends: linux-image-6.1.0-50-amd64' ;;
dump) echo 'Acquire::http::Proxy "http://p:1";' ;;
indextargets*) echo 'Debian bookworm http://mirror/debian/' ;;
'download --print-uris'*) echo "'http://mirror/a.deb' a.deb 1000000 SHA256:0" ;;
esac
"#;

/// A machine with programs of its own, and an empty lab.
struct Machine(PathBuf);

impl Machine {
    fn new(name: &str, programs: &[&str]) -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("lab-machine-{name}-{}", std::process::id()));
        for part in ["bin", "lab/host/usr/bin", "lab/host/usr/share/OVMF"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        for program in programs {
            let file = folder.join("bin").join(program);
            std::fs::write(&file, APT)?;
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))?;
        }
        std::fs::write(folder.join("lab/host/usr/share/OVMF/OVMF_CODE_4M.fd"), "firmware")?;
        Ok(Self(folder))
    }

    /// One that has apt, and QEMU.
    fn with_apt(name: &str) -> std::io::Result<Self> {
        Self::new(name, &["apt-get", "apt-cache", "apt-config", "qemu-system-x86_64"])
    }

    /// Has the lab boot there; gives the exit status and what it said on standard error.
    fn boots(&self, release: &str, environment: &[(&str, &str)]) -> std::io::Result<(Option<i32>, String)> {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["boot", "--xen-release", release]).env_remove("LAB_DEBIAN").env_remove("APT_CONFIG");
        // Nothing but what the machine has, and the shell's own.
        lab.env("PATH", self.0.join("bin"))
            .env("LAB_HOME", self.0.join("lab"))
            .env("FAILS", "")
            .env("SLEEPS", "");
        let output = lab.envs(environment.iter().copied()).output()?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// What apt was asked, in order.
    fn asked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.0.join("lab/asked")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The one line with which the lab gave up; what came before is progress. Empty if there is no such line, or more than one.
fn last_words(said: &str) -> &str {
    let mut lines = said.lines().filter(|line| !line.starts_with("setup: "));
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.strip_prefix("lab: ").unwrap_or_default(),
        _ => "",
    }
}

const NO_SUITE: (&str, &str) =
    ("SAYS", "The repository 'http://mirror/debian bullseye Release' does not have a Release file.");
const NO_NETWORK: (&str, &str) =
    ("SAYS", "Failed to fetch http://mirror/debian/dists/bookworm/InRelease  Could not resolve 'mirror'");

#[test]
fn a_suite_that_cannot_be_had() {
    let machine = Machine::with_apt("suite").unwrap();
    let (status, said) = machine.boots("4.14", &[("FAILS", "update"), NO_SUITE]).unwrap();
    assert_eq!(status, Some(2), "{said}");
    let line = last_words(&said);
    let reason = NO_SUITE.1;
    assert!(line.starts_with(&format!(
        "cannot get packages of Debian's bookworm: E: {reason}, and of Debian's bullseye: E: "
    )));
    assert!(line.contains("; LAB_DEBIAN=URL names another mirror, or put these packages"), "{line}");
    // Both sets, each in the folder of its suite.
    for wanted in [
        "/lab/debs/bookworm: linux-image-6.*-amd64;",
        "/lab/debs/bullseye: busybox-static ",
        " xen-utils-4.14",
    ] {
        assert!(line.contains(wanted), "{wanted}: {line}");
    }
}

#[test]
fn no_network() {
    let machine = Machine::with_apt("network").unwrap();
    let (status, said) = machine.boots("4.17", &[("FAILS", "update"), NO_NETWORK]).unwrap();
    assert_eq!(status, Some(2), "{said}");
    let line = last_words(&said);
    // Both sets are of one suite: its reason is given once, and its list is asked for once.
    assert_eq!(line.matches("Could not resolve 'mirror'").count(), 1, "{line}");
    assert_eq!(machine.asked().iter().filter(|call| call.ends_with(" update")).count(), 1);
    assert!(line.contains("/lab/debs/bookworm: linux-image-6.*-amd64 busybox-static "), "{line}");
}

/// A server that takes the connection and says nothing, for two suites: the second is not waited for.
#[test]
fn a_silent_server_is_given_up() {
    let machine = Machine::with_apt("silent").unwrap();
    let path = std::env::join_paths([machine.0.join("bin"), "/usr/bin".into(), "/bin".into()]).unwrap();
    let started = std::time::Instant::now();
    let (status, said) =
        machine.boots("4.14", &[("SLEEPS", "60"), ("PATH", path.to_str().unwrap())]).unwrap();
    assert_eq!(status, Some(2), "{said}");
    assert!(started.elapsed().as_secs() < 20, "{} s", started.elapsed().as_secs());
    let last = said.lines().last().unwrap();
    let why = "apt-get update: nothing has come for 12 s; is there a network?";
    assert!(
        last.starts_with(&format!("lab: cannot get packages of Debian's bookworm: {why}, and of")),
        "{last}"
    );
}

#[test]
fn a_package_that_cannot_be_had() {
    let machine = Machine::with_apt("package").unwrap();
    let fails =
        [("FAILS", "download --print-uris busybox"), ("SAYS", "Unable to locate package busybox-static")];
    let (status, said) = machine.boots("4.17", &fails).unwrap();
    let line = last_words(&said);
    assert_eq!(status, Some(2), "{said}");
    // The kernel was found: nobody is asked to bring it.
    assert!(line.starts_with(
        "cannot get packages of Debian's bookworm: E: Unable to locate package busybox-static; "
    ));
    assert!(line.contains("/lab/debs/bookworm: busybox-static ") && !line.contains("linux-image"), "{line}");
}

#[test]
fn the_lists_of_a_suite_are_asked_of_an_apt_of_our_own() {
    let machine = Machine::with_apt("own").unwrap();
    machine.boots("4.17", &[("FAILS", "download busybox"), ("SAYS", "enough")]).unwrap();
    let asked = machine.asked();
    let own = "config=/apt/bookworm/apt.conf";
    let calls = [
        // Where the archive is, and how a server is reached, is the machine's.
        "apt-get config= indextargets --format $(ORIGIN) $(CODENAME) $(REPO_URI) Created-By: Packages"
            .to_owned(),
        "apt-config config= dump".to_owned(),
        format!("apt-get {own} update"),
        format!("apt-cache {own} depends linux-image-amd64"),
        format!("apt-get {own} download --print-uris linux-image-6.1.0-50-amd64"),
        format!("apt-get {own} download linux-image-6.1.0-50-amd64"),
    ];
    assert_eq!(asked[..calls.len()], calls, "{asked:#?}");
    let rest = &asked[calls.len()..];
    assert!(
        !rest.is_empty() && rest.iter().all(|call| call.starts_with(&format!("apt-get {own} download "))),
        "{asked:#?}"
    );
    let apt = machine.0.join("lab/apt/bookworm");
    let sources = std::fs::read_to_string(apt.join("etc/sources.list.d/debian.sources")).unwrap();
    assert!(sources.contains("\nURIs: http://mirror/debian\nSuites: bookworm\n"), "{sources}");
    let settings = std::fs::read_to_string(apt.join("apt.conf")).unwrap();
    for line in ["Acquire::http::Proxy \"http://p:1\";", "APT::Update::Error-Mode \"any\";"] {
        assert!(settings.lines().any(|found| found == line), "{line}: {settings}");
    }
}

#[test]
fn a_mirror_that_is_named_or_is_none() {
    let sources = |machine: &Machine| {
        std::fs::read_to_string(machine.0.join("lab/apt/bookworm/etc/sources.list.d/debian.sources")).unwrap()
    };
    for (named, used) in [("", "http://mirror/debian"), ("http://other/debian/", "http://other/debian")] {
        let machine = Machine::with_apt("mirror").unwrap();
        machine.boots("4.17", &[("LAB_DEBIAN", named), ("FAILS", "update"), NO_NETWORK]).unwrap();
        assert!(sources(&machine).contains(&format!("\nURIs: {used}\n")), "{named:?}");
    }
    let machine = Machine::with_apt("mirror").unwrap();
    let (status, said) = machine.boots("4.17", &[("LAB_DEBIAN", "nonsense")]).unwrap();
    assert_eq!(status, Some(2), "{said}");
    assert!(
        last_words(&said).starts_with("LAB_DEBIAN is \"nonsense\", but takes the address of a mirror"),
        "{said}"
    );
}

#[test]
fn what_the_machine_lacks_is_reported_with_the_rest() {
    let machine = Machine::new("lacks", &["apt-get", "apt-cache", "apt-config"]).unwrap();
    let fails = [("FAILS", "download"), ("SAYS", "Could not resolve 'mirror'")];
    let (status, said) = machine.boots("4.17", &fails).unwrap();
    let line = last_words(&said);
    assert_eq!(status, Some(2), "{said}");
    assert!(
        line.starts_with("cannot get what this machine lacks (qemu-system-x86 ovmf): E: Could not resolve"),
        "{line}"
    );
    assert!(line.contains("; cannot get packages of Debian's bookworm: E: Could not resolve"), "{line}");
}

#[test]
fn without_apt() {
    let machine = Machine::new("noapt", &["apt-get"]).unwrap();
    let (status, said) = machine.boots("4.17", &[]).unwrap();
    assert_eq!((status, machine.asked().len()), (Some(2), 0), "{said}");
    let line = last_words(&said);
    assert!(line.starts_with("this machine has no apt: install QEMU"), "{line}");
    assert_eq!(line.matches("bookworm").count(), 1, "{line}");
    assert!(line.contains("/lab/debs/bookworm: linux-image-6.*-amd64 busybox-static "), "{line}");
    let machine = Machine::new("noapt", &["qemu-system-x86_64"]).unwrap();
    let (_, said) = machine.boots("4.20", &[]).unwrap();
    let line = last_words(&said);
    assert!(line.starts_with("this machine has no apt: put these packages"), "{line}");
    assert!(
        line.contains("/debs/bookworm: linux-image-6.*-amd64; ") && line.contains("/debs/trixie: "),
        "{line}"
    );
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there() {
    let machine = Machine::with_apt("temporary").unwrap();
    let (status, said) = machine.boots("4.17", &[("TMPDIR", "/nonexistent")]).unwrap();
    let line = last_words(&said);
    assert_eq!(status, Some(2), "{said}");
    assert!(line.contains("/nonexistent/lab-") && line.contains("No such file"), "{line}");
}

#[test]
fn what_an_older_version_left() {
    let machine = Machine::with_apt("older").unwrap();
    let left = machine.0.join("lab/vmlinuz");
    std::fs::write(&left, "a kernel").unwrap();
    machine.boots("4.17", &[("FAILS", "update"), NO_NETWORK]).unwrap();
    assert!(left.exists());
    std::fs::write(machine.0.join("lab/stamp"), "[\"busybox-static\", \"libc6\"] linux-image-amd64").unwrap();
    machine.boots("4.17", &[("FAILS", "update"), NO_NETWORK]).unwrap();
    assert!(!left.exists());
}

#[test]
fn a_lab_that_cannot_be_made() {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    let output = lab.arg("boot").env("LAB_HOME", Path::new("/proc/nowhere")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(last_words(&said).starts_with("/proc/nowhere: "), "{said}");
}
