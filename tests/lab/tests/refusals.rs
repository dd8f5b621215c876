//! What nobody can mean is refused in two lines, what is wrong and what to type, with status 2, before anything is fetched or built.

use std::process::Command;

/// Runs the lab; returns its exit status and what it said on standard error.
fn refused(arguments: &[&str]) -> std::io::Result<(Option<i32>, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_lab")).args(arguments).output()?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn a_release_that_there_is_not() {
    for script in ["boot", "test"] {
        let (status, said) = refused(&[script, "--xen-release", "4.16"]).unwrap();
        assert_eq!(status, Some(2), "{said}");
        let begins = format!(
            "{script}: --xen-release is one of 4.14, 4.17, 4.20, not \"4.16\"\ntype: scripts/{script} "
        );
        assert!(said.starts_with(&begins), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}

#[test]
fn a_shim_below_dom0() {
    let (status, said) = refused(&["boot", "dom0", "--shim"]).unwrap();
    assert_eq!((status, said.lines().count()), (Some(2), 2), "{said}");
    assert!(said.contains("--shim needs a domu"), "{said}");
}
