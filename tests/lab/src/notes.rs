//! `scripts/check-notes`, and the look that `scripts/boot` takes at a kernel before anything is fetched or started.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use kernel_notes::{Builder, Examination};

use tools::file;
use tools::usage::Usage;

const USAGE: &str = include_str!("../../../scripts/help/check-notes.txt");

/// Does what `scripts/check-notes` was asked to.
///
/// # Errors
/// The file cannot be read, or is no PV kernel.
pub(crate) fn check(arguments: &[OsString]) -> Result<ExitCode> {
    let [kernel] = arguments else { return Err(wrong("check-notes", "ELF", "one file", arguments).into()) };
    if kernel == "--help" || kernel == "-h" {
        tools::say!("{}", USAGE.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let kernel = from_where_one_stands(kernel);
    let found = examine(&kernel)?;
    tools::say!("{}", shown(&kernel, &found).trim_end());
    Ok(ExitCode::from(u8::from(!found.contradictions.is_empty())))
}

/// The usage error of a script that takes files.
pub(crate) fn wrong(script: &'static str, takes: &str, files: &str, given: &[OsString]) -> Usage {
    let words: Vec<String> = given.iter().map(|word| word.display().to_string()).collect();
    let given = if words.is_empty() { "nothing".to_owned() } else { words.join(" ") };
    Usage {
        script,
        wrong: format!("it takes {files}, not {given}"),
        instead: format!("scripts/{script} {takes}"),
    }
}

/// A path as the person meant it, who may stand elsewhere.
pub(crate) fn from_where_one_stands(path: &OsString) -> PathBuf {
    std::env::var_os("LAB_FROM").map_or_else(|| path.into(), |from| PathBuf::from(from).join(path))
}

/// Refuses a kernel that contradicts itself, or that who is to start it cannot start.
///
/// # Errors
/// Why, and what to do.
pub(crate) fn confirm(kernel: &Path, builder: Builder, unchecked: bool) -> Result<()> {
    let found = examine(kernel)?;
    let places = found.places.iter().filter(|place| place.builder == builder);
    let missing = places.flat_map(|place| &place.missing).map(|what| format!("{builder} misses {what}"));
    let mut wrong = found.contradictions.iter().cloned().chain(missing);
    let (Some(first), false) = (wrong.next(), unchecked) else { return Ok(()) };
    let others = match wrong.count() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    bail!(
        "{}: {first}{others}; scripts/check-notes shows all, --unchecked boots it all the same",
        kernel.display()
    )
}

fn examine(kernel: &Path) -> Result<Examination> {
    kernel_notes::examine(&file::bytes(kernel)?).map_err(|error| anyhow!("{}: {error}", kernel.display()))
}

/// What was found, for people.
fn shown(kernel: &Path, found: &Examination) -> String {
    let mut text = format!("{}: {}\n", kernel.display(), found.kind);
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a text does not fail.
        let _written = writeln!(text, "{words}");
    };
    for words in &found.lines {
        line(format_args!("  {words}"));
    }
    for place in &found.places {
        match &place.missing[..] {
            [] => line(format_args!("{}: nothing is missing", place.builder)),
            missing => line(format_args!("{}: missing {}", place.builder, missing.join(", "))),
        }
    }
    for words in &found.remarks {
        line(format_args!("remark: {words}"));
    }
    for words in &found.contradictions {
        line(format_args!("contradiction: {words}"));
    }
    if found.contradictions.is_empty() {
        line(format_args!("nothing contradicts itself"));
    }
    text
}

#[cfg(test)]
mod tests {
    use kernel_notes::Builder;
    use kit::elf::xen_note;
    use kit::kernel::KernelFile;

    use super::{confirm, examine, shown};

    #[test]
    fn a_boot_takes_what_is_right_and_refuses_the_rest_with_what_to_do() {
        let path = std::env::temp_dir().join(format!("lab-notes-{}", std::process::id()));
        let by = |builder, bytes: &[u8], unchecked| {
            std::fs::write(&path, bytes).unwrap();
            confirm(&path, builder, unchecked).map_err(|error| error.to_string())
        };
        let with = |bytes: &[u8], unchecked| by(Builder::Xl, bytes, unchecked);
        let good = KernelFile::good();
        assert_eq!(with(&good.bytes(), false), Ok(()));
        let mut odd = good.clone();
        odd.segments[0].flags = 7;
        let refused = with(&odd.bytes(), false).unwrap_err();
        assert!(refused.contains("writable and executable") && !refused.contains("more)"), "{refused}");
        odd.segments[1].flags = 7;
        let refused = with(&odd.bytes(), false).unwrap_err();
        assert!(refused.contains("writable and executable") && refused.contains("(and 1 more)"), "{refused}");
        assert!(refused.contains("--unchecked"), "{refused}");
        assert_eq!(with(&odd.bytes(), true), Ok(()));
        let text = shown(&path, &examine(&path).unwrap());
        assert!(text.lines().filter(|line| line.starts_with("contradiction: ")).count() == 2, "{text}");
        let mut dom0 = good;
        dom0.notes.extend(xen_note(10, b"!dom0\0\0\0"));
        let refused = by(Builder::Xl, &dom0.bytes(), false).unwrap_err();
        assert!(refused.contains("domU (xl) misses FEATURES without !dom0;"), "{refused}");
        assert_eq!(by(Builder::Xl, &dom0.bytes(), true), Ok(()));
        assert_eq!(by(Builder::Xen, &dom0.bytes(), false), Ok(()));
        for unchecked in [false, true] {
            assert!(with(b"text", unchecked).unwrap_err().contains("no ELF file: starts with 74 65 78 74"));
        }
        std::fs::remove_file(path).unwrap();
    }
}
