//! The list of breaks. A break replaces one text in a file with another.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

use tools::paths;

const LIST: &str = "tests/mutations/list.txt";

/// One break.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mutation {
    pub(super) title: String,
    pub(super) file: String,
    pub(super) from: String,
    pub(super) to: String,
    /// Why no test notices it; such a break is listed, but does not fail the run.
    pub(super) uncaught: Option<String>,
}

/// Reads the list of this repository.
///
/// # Errors
/// It is missing or malformed.
pub(super) fn read() -> Result<Vec<Mutation>> {
    parse(&std::fs::read_to_string(paths::root().join(LIST)).context(LIST)?)
}

/// Reads the list.
///
/// # Errors
/// A misplaced line, or an incomplete entry.
fn parse(text: &str) -> Result<Vec<Mutation>> {
    enum Part {
        Head,
        From,
        To,
    }
    let mut list: Vec<Mutation> = Vec::new();
    let mut part = Part::Head;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(title) = line.strip_prefix("== ") {
            part = Part::Head;
            list.push(Mutation { title: title.into(), ..Mutation::default() });
        } else if line.starts_with("====") {
            // The head of a section; comments follow.
            part = Part::Head;
        } else if line == "-- from" {
            part = Part::From;
        } else if line == "-- to" {
            part = Part::To;
        } else {
            let last = list.last_mut();
            match (&part, last) {
                (Part::From, Some(mutation)) => add_line(&mut mutation.from, line),
                (Part::To, Some(mutation)) => add_line(&mut mutation.to, line),
                (Part::Head, _) if line.is_empty() || line.starts_with('#') => {}
                (Part::Head, Some(mutation)) if line.starts_with("file: ") => {
                    mutation.file = line["file: ".len()..].into();
                }
                (Part::Head, Some(mutation)) if line.starts_with("not caught: ") => {
                    mutation.uncaught = Some(line["not caught: ".len()..].into());
                }
                _ => bail!("{LIST}:{number}: what is {line:?}?"),
            }
        }
    }
    for mutation in &mut list {
        // Empty lines separate the entries.
        mutation.to.truncate(mutation.to.trim_end_matches('\n').len());
        mutation.from.truncate(mutation.from.trim_end_matches('\n').len());
        if mutation.file.is_empty() || mutation.from.is_empty() || mutation.from == mutation.to {
            bail!("{LIST}: {}: wants a file, a text, and another text for it", mutation.title);
        }
    }
    Ok(list)
}

fn add_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// The breaks of these files, the first of each file, then the second of each, and so on: time may run out.
pub(super) fn spread<'l>(list: &'l [Mutation], files: &BTreeSet<String>) -> Vec<&'l Mutation> {
    let mut ranks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut chosen: Vec<(usize, &Mutation)> = Vec::new();
    for mutation in list.iter().filter(|mutation| files.contains(&mutation.file)) {
        let rank = ranks.entry(&mutation.file).or_default();
        chosen.push((*rank, mutation));
        *rank += 1;
    }
    chosen.sort_by_key(|(rank, _)| *rank);
    chosen.into_iter().map(|(_, mutation)| mutation).collect()
}

/// Replaces a text that occurs exactly once.
pub(super) fn replaced(text: &str, from: &str, to: &str) -> Result<String> {
    match text.matches(from).count() {
        1 => Ok(text.replacen(from, to, 1)),
        count => bail!("stands there {count} times, not once:\n{from}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Mutation, parse, read, replaced, spread};
    use tools::paths;

    #[test]
    fn entries_of_the_list() {
        let text = "# about\n\n== one\nfile: a.rs\n-- from\n  x\n  y\n-- to\n\n== two\nfile: b.rs\n-- from\nx\n-- to\nz\n\n\
                    ==== section\n# about it\n\n== three\nfile: c.rs\nnot caught: nobody looks\n-- from\n1\n-- to\n2\n";
        let list = parse(text).unwrap();
        let entry = |title: &str, file: &str, from: &str, to: &str| {
            let [title, file, from, to] = [title, file, from, to].map(String::from);
            Mutation { title, file, from, to, uncaught: None }
        };
        let three = Mutation { uncaught: Some("nobody looks".into()), ..entry("three", "c.rs", "1", "2") };
        assert_eq!(list, [entry("one", "a.rs", "  x\n  y", ""), entry("two", "b.rs", "x", "z"), three]);
        for bad in ["x", "== a\n-- from\nx\n-- to\ny", "== a\nfile: f\n-- from\nx\n-- to\nx", "== a\nfile: f"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    /// The list goes stale as the sources change, and a full run takes too long to notice that.
    #[test]
    fn every_text_stands_in_its_file_exactly_once() {
        let list = read().unwrap();
        assert!(list.len() >= 16);
        for Mutation { title, file, from, to, .. } in &list {
            let source = std::fs::read_to_string(paths::root().join(Path::new(file))).unwrap();
            if let Err(error) = replaced(&source, from, to) {
                panic!("{title}: {file}: {error}");
            }
            assert_eq!(list.iter().filter(|other| other.title == *title).count(), 1, "{title}");
        }
    }

    #[test]
    fn breaks_of_changed_files_are_tried_file_by_file() {
        let entry = |title: &str, file: &str| {
            let [title, file] = [title, file].map(String::from);
            Mutation { title, file, ..Mutation::default() }
        };
        let list = [("1", "a"), ("2", "a"), ("3", "b"), ("4", "c"), ("5", "a"), ("6", "b")];
        let list = list.map(|(title, file)| entry(title, file));
        let chosen = |files: &[&str]| {
            let files = files.iter().map(|name| (*name).to_owned()).collect();
            spread(&list, &files).iter().map(|mutation| mutation.title.as_str()).collect::<Vec<_>>().concat()
        };
        assert_eq!(chosen(&["a", "b", "x"]), "13265");
        assert_eq!(chosen(&["c"]), "4");
        assert_eq!(chosen(&[]), "");
    }

    #[test]
    fn a_text_that_is_not_there_once() {
        assert_eq!(replaced("abc", "b", "x").unwrap(), "axc");
        assert!(replaced("abcb", "b", "x").is_err());
        assert!(replaced("ac", "b", "x").is_err());
    }
}
