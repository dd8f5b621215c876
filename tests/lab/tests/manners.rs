//! Manners of the scripts: help without a build, readers that go away, two lines for what cannot be meant.
//!
//! *What is not tried*: a tree that cannot be written to, which root can always write to.

use std::io::Result;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The scripts that have a help text; the program of `tests/lab` has the first seven.
const SCRIPTS: [&str; 9] =
    ["boot", "test", "bench", "build", "setup", "check-notes", "explain", "check", "mutations"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lab with some words.
fn lab(words: &[&str]) -> Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(words).output()
}

/// A script on a machine without cargo.
fn script(name: &str, words: &[&str]) -> Result<Output> {
    let mut script = Command::new(root().join("scripts").join(name));
    script.args(words).env("PATH", "/usr/bin:/bin").env_remove("CARGO_TARGET_DIR").output()
}

#[test]
fn help_needs_no_build_and_is_the_programs_own() {
    for name in SCRIPTS {
        let text = std::fs::read_to_string(root().join(format!("scripts/help/{name}.txt"))).unwrap();
        assert!(text.starts_with(&format!("usage: scripts/{name}")), "{name}");
        for word in ["--help", "-h"] {
            let shown = script(name, &[word]).unwrap();
            assert!(shown.status.success() && shown.stderr.is_empty(), "{name}: {shown:?}");
            assert_eq!(String::from_utf8_lossy(&shown.stdout), text, "{name}");
            if SCRIPTS[..7].contains(&name) {
                assert_eq!(String::from_utf8_lossy(&lab(&[name, word]).unwrap().stdout), text, "{name}");
            }
        }
    }
    // After the name of an option that takes a value, the word is that.
    for (words, is_help) in [
        (&["-v", "--help"][..], true),
        (&["--efi", "dom0", "-h"], true),
        (&["--help", "--efi"], true),
        (&["--cmdline", "--help"], false),
        (&["--through", "--help"], false),
    ] {
        let read = script("boot", words).unwrap();
        assert_eq!(String::from_utf8_lossy(&read.stdout).starts_with("usage: "), is_help, "{read:?}");
    }
}

#[test]
fn what_cannot_be_meant_takes_two_lines() {
    for (words, wrong, instead) in [
        (&["boot", "--memory", "64"][..], "boot: --memory: 64 bytes, or 64M?", "scripts/boot --memory 64M; "),
        (&["boot", "--frobnicate"], "boot: invalid option '--frobnicate'", "scripts/boot "),
        (&["boot", "domx"], "boot: unexpected argument \"domx\"", "scripts/boot "),
        (&["boot", "--kernel", "/no/such"], "boot: there is no file /no/such", "scripts/boot "),
        (&["test", "xenn"], "test: there is no group or run xenn", "scripts/test [unit|"),
        (&["bench", "some"], "bench: it takes the word all, or nothing, not some", "scripts/bench"),
        (&["build", "it"], "build: it takes no arguments, not it", "scripts/build"),
        (&["setup", "-v"], "setup: it takes no arguments, not -v", "scripts/setup"),
        (&[], "lab: no command", "scripts/setup, "),
    ] {
        let output = lab(words).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        let [first, second] = said.lines().collect::<Vec<_>>()[..] else { panic!("not two lines: {said}") };
        assert!(first == wrong && second.starts_with(&format!("type: {instead}")), "{said}");
    }
    let said = script("check", &["it"]).unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said, "check: it takes no arguments, not it\ntype: scripts/check\n");
}

/// A reader that has gone away before the first line, as `head` may.
#[test]
fn a_reader_that_has_gone_away_is_no_panic() {
    for words in [
        &["boot", "--help"][..],
        &["test", "list"],
        &["test", "--help"],
        &["bench", "--help"],
        &["boot", "-x"],
    ] {
        for is_error in [false, true] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
            lab.args(words);
            if is_error {
                lab.stderr(writer)
            } else {
                lab.stdout(writer)
            };
            let output = lab.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.code().is_some_and(|code| code <= 2),
                "{words:?}: {:?} {said}",
                output.status
            );
            assert!(!said.contains("panicked"), "{words:?}: {said}");
        }
    }
}
