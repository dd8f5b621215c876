//! What nobody can mean is refused in one line, with status 2, before anything is fetched or built.

use std::process::Command;

/// Runs the lab; returns its exit status and what it said on standard error.
fn refused(arguments: &[&str]) -> std::io::Result<(Option<i32>, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_lab")).args(arguments).output()?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn a_release_that_there_is_not() {
    for arguments in [["boot", "--xen-release", "4.16"], ["test", "--xen-release", "4.16"]] {
        let (status, said) = refused(&arguments).unwrap();
        assert_eq!(status, Some(2), "{said}");
        assert!(said.starts_with("lab: --xen-release is one of 4.14, 4.17, 4.20, not \"4.16\""), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_shim_below_dom0() {
    let (status, said) = refused(&["boot", "dom0", "--shim"]).unwrap();
    assert_eq!((status, said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("--shim needs a domu"), "{said}");
}

/// A reader that has gone away before the first line, as `head` may.
#[test]
fn help_for_nobody() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    let output = lab.args(["boot", "--help"]).stdout(writer).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
}
