//! One file with two programs.
//!
//! *What this is*: of two adjacent lines, `//~ TWIN` marks the one that only the twin has and `//~ FAIL code` the one
//! that only the broken program has. Each program gets an empty line for the other's, so line numbers are those of the
//! file. Braces are balanced in each line, because the inventory of unsafe code reads the files as they are; for the
//! same reason no program has an unsafe block. A line `//@ inside mmu` makes the programs modules of that crate,
//! because some of what they misuse is not public outside it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/programs");

/// What a program is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The machine the tests run on.
    Host,
    /// A machine without an operating system; `Guest` and `entry!` exist only there.
    Bare,
}

/// A rule's broken program and its twin.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    source: String,
    code: String,
    /// The crate the program is a module of, if it is not a crate of its own, as usual.
    inside: Option<String>,
    /// The number of the line that breaks the rule, counted from 1.
    line: usize,
    /// The number of the line the twin has instead.
    twin_line: usize,
}

impl Program {
    /// Takes a file apart; `name` is its path in `programs/` without the extension.
    ///
    /// # Errors
    /// When there is not one line of each mark, one below the other, or no comment that states the rule.
    pub(crate) fn parse(name: &str, source: &str) -> Result<Self> {
        let (mut fail, mut twin) = (None, None);
        for (line, text) in (1_usize..).zip(source.lines()) {
            let Some((_, mark)) = text.split_once("//~ ") else { continue };
            let second = match mark.trim().split_once(' ') {
                Some(("FAIL", code)) => fail.replace((line, code.trim().to_owned())).is_some(),
                None if mark.trim() == "TWIN" => twin.replace(line).is_some(),
                _ => bail!("{name}:{line}: no such mark: {mark}"),
            };
            ensure!(!second, "{name}:{line}: a second mark of its kind");
        }
        let (line, code) = fail.with_context(|| format!("{name}: no line is marked FAIL"))?;
        let twin_line = twin.with_context(|| format!("{name}: no line is marked TWIN"))?;
        ensure!(line.abs_diff(twin_line) == 1, "{name}: the marked lines are not one below the other");
        let inside = source.lines().find_map(|line| line.strip_prefix("//@ inside ")).map(str::to_owned);
        let program =
            Self { name: name.to_owned(), source: source.to_owned(), code, inside, line, twin_line };
        ensure!(!program.rule().is_empty(), "{name}: the first line must state the rule, after `//! `");
        Ok(program)
    }

    /// Returns the path in `programs/`, without the extension.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the rule, the file's first line.
    pub(crate) fn rule(&self) -> &str {
        self.source.lines().next().and_then(|line| line.strip_prefix("//! ")).unwrap_or_default()
    }

    /// Returns the code of the error, or the name of the lint, that the broken program must be refused with.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Returns the crate that the program is a module of, for rules between the modules of one crate.
    pub(crate) fn inside(&self) -> Option<&str> {
        self.inside.as_deref()
    }

    /// Returns the number of the line that must be refused.
    pub(crate) const fn line(&self) -> usize {
        self.line
    }

    /// Returns what the programs are built for.
    pub(crate) fn target(&self) -> Target {
        if self.name.starts_with("kernel/") { Target::Bare } else { Target::Host }
    }

    /// Returns the program that breaks the rule.
    pub(crate) fn broken(&self) -> String {
        without(&self.source, self.twin_line)
    }

    /// Returns the program that keeps it.
    pub(crate) fn twin(&self) -> String {
        without(&self.source, self.line)
    }
}

/// Returns all programs, by name.
///
/// # Errors
/// When a file cannot be read or taken apart.
pub(crate) fn all() -> Result<Vec<Program>> {
    let mut files = Vec::new();
    collect(Path::new(FOLDER), &mut files)?;
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(FOLDER)?.with_extension("");
            Program::parse(&name.to_string_lossy(), &fs::read_to_string(path)?)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn without(source: &str, number: usize) -> String {
    (1..)
        .zip(source.lines())
        .map(|(line, text)| if line == number { "\n".into() } else { format!("{text}\n") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_programs_differ_in_one_line() {
        let program = Program::parse("a", "//! Rule.\nx\nkept //~ TWIN\nbroken //~ FAIL E0001\ny\n").unwrap();
        assert_eq!(program.broken(), "//! Rule.\nx\n\nbroken //~ FAIL E0001\ny\n");
        assert_eq!(program.twin(), "//! Rule.\nx\nkept //~ TWIN\n\ny\n");
        assert_eq!((program.code(), program.line(), program.rule()), ("E0001", 4, "Rule."));
    }

    #[test]
    fn a_program_inside_a_crate_says_so_in_a_line_of_its_own() {
        let inside = |source: &str| Program::parse("a", source).unwrap().inside().map(str::to_owned);
        let marks = "x //~ TWIN\ny //~ FAIL E0001\n";
        assert_eq!(inside(&format!("//! Rule.\n\n//@ inside mmu\n{marks}")), Some("mmu".to_owned()));
        assert_eq!(inside(&format!("//! Rule, //@ inside mmu\n{marks}")), None);
    }

    #[test]
    fn marks_that_say_nothing_are_refused() {
        for source in [
            "//! Rule.\nx //~ TWIN\n",
            "//! Rule.\nx //~ FAIL E0001\n",
            "//! Rule.\nx //~ TWIN\n\ny //~ FAIL E0001\n",
            "//! Rule.\nx //~ TWIN\ny //~ FAIL E0001\nz //~ FAIL E0002\n",
            "//! Rule.\nx //~ TWINS\ny //~ FAIL E0001\n",
            "//! Rule.\nx //~ TWIN\ny //~ FAIL\n",
            "x //~ TWIN\ny //~ FAIL E0001\n",
        ] {
            assert!(Program::parse("a", source).is_err(), "{source}");
        }
    }
}
