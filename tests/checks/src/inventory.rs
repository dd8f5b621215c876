//! Counts what is unsafe in the tree and compares it with the table in `docs/xen-contract.md`.
//!
//! Each use must be listed there with its reason, and may stand only where the project allows it. The sources are read
//! as tokens, so a comment or a string about unsafe code is not counted. Not seen: code made by a macro of another
//! crate.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use tools::{folder, paths};

const TABLE: &str = "docs/xen-contract.md";
const HEAD: &str = "| file | unsafe blocks |";
/// Where unsafe code may stand; a module needs it for its entry point and its calls into the kernel, a test guest for
/// hypercalls that the layer does not make.
const ALLOWED: [&str; 4] = ["xen-guest/src/sys/", "examples/", "tests/modules/", "tests/guests/"];
const SKIPPED: [&str; 2] = ["target", ".git"];

/// What is unsafe in one file, printed as in the table's second column: `3`, or `3, 1 fn, 2 asm`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    blocks: u32,
    functions: u32,
    impls: u32,
    traits: u32,
    externs: u32,
    attributes: u32,
    asm: u32,
}

impl Count {
    fn of(source: &str) -> Result<Self> {
        let tokens: TokenStream = source.parse().map_err(|error| anyhow!("{error}"))?;
        let mut count = Self::default();
        count.tokens(tokens);
        Ok(count)
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let name = match token {
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    continue;
                }
                TokenTree::Ident(name) => name.to_string(),
                _ => continue,
            };
            match (name.as_str(), tokens.peek()) {
                ("unsafe", Some(TokenTree::Group(group))) => match group.delimiter() {
                    Delimiter::Brace => self.blocks += 1,
                    _ => self.attributes += 1,
                },
                ("unsafe", Some(TokenTree::Ident(next))) => match next.to_string().as_str() {
                    "impl" => self.impls += 1,
                    "trait" => self.traits += 1,
                    "extern" => self.externs += 1,
                    _ => self.functions += 1,
                },
                ("asm" | "global_asm" | "naked_asm", Some(TokenTree::Punct(mark)))
                    if mark.as_char() == '!' =>
                {
                    self.asm += 1;
                }
                _ => {}
            }
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.blocks)?;
        let others = [
            (self.functions, "fn"),
            (self.impls, "impl"),
            (self.traits, "trait"),
            (self.externs, "extern"),
            (self.attributes, "attribute"),
            (self.asm, "asm"),
        ];
        others
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, kind)| write!(f, ", {count} {kind}"))
    }
}

/// Compares the tree with the table and prints every difference.
///
/// # Errors
/// A source cannot be read.
pub(crate) fn inventory() -> Result<ExitCode> {
    let root = paths::root();
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found)?;
    let table = listed(&std::fs::read_to_string(root.join(TABLE)).unwrap_or_default());
    let differences = differences(&found, &table);
    for difference in &differences {
        tools::say!("{difference}");
    }
    if differences.is_empty() {
        let blocks: u32 = found.values().map(|count| count.blocks).sum();
        tools::say!("inventory: {blocks} unsafe blocks in {} files, all listed in {TABLE}", found.len());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn differences(found: &BTreeMap<String, Count>, table: &BTreeMap<String, String>) -> Vec<String> {
    let mut differences = Vec::new();
    for (file, count) in found {
        if !ALLOWED.iter().any(|folder| file.starts_with(folder)) {
            differences.push(format!("{file}: unsafe code ({count}) outside {}", ALLOWED.join(", ")));
        } else if table.get(file).is_none_or(|text| *text != count.to_string()) {
            let says = table.get(file).map_or("no row", String::as_str);
            differences.push(format!("{TABLE}: has {says:?} where the tree has: | {file} | {count} | … |"));
        }
    }
    let gone = table.keys().filter(|file| !found.contains_key(*file));
    differences.extend(gone.map(|file| format!("{TABLE}: lists {file}, which holds nothing unsafe")));
    differences
}

/// The rows of the table: file and count.
fn listed(text: &str) -> BTreeMap<String, String> {
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with(HEAD))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
        let (_, file, count) = (cells.next()?, cells.next()?, cells.next()?);
        Some((file.to_owned(), count.to_owned()))
    })
    .collect()
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Count>) -> Result<()> {
    for path in folder::entries(folder)? {
        let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, found)?;
            }
            continue;
        }
        let count = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => Count::of(&std::fs::read_to_string(&path)?).with_context(|| name.clone())?,
            Some("S" | "s") => Count { asm: 1, ..Count::default() },
            _ => continue,
        };
        if !count.is_empty() {
            found.insert(name, count);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Count, differences, listed};

    #[test]
    fn every_kind_is_counted_and_nothing_else() {
        let source = r##"
            //! unsafe { in a comment }
            #[unsafe(no_mangle)]
            unsafe extern "C" { fn f(); }
            unsafe impl Send for X {}
            const TEXT: &str = "unsafe { }";
            /// unsafe fn in words
            unsafe fn g() { unsafe { asm!("nop") } }
            fn h<'a>() { let c = '"'; unsafe { f() }; mac!(unsafe { f() }) }
            global_asm!("");
        "##;
        let count = Count::of(source).unwrap();
        assert_eq!(count.to_string(), "3, 1 fn, 1 impl, 1 extern, 1 attribute, 2 asm");
        assert!(Count::of("fn safe() {}").unwrap().is_empty());
    }

    const TEXT: &str = "\
# Contract
| file | unsafe blocks | what |
|---|---|---|
| `xen-guest/src/sys/a.rs` | 2 | maps |
| xen-guest/src/sys/b.rs | 1, 1 asm | calls |

| other | table |
";

    #[test]
    fn the_table_is_read() {
        let table = listed(TEXT);
        assert_eq!(table.len(), 2);
        assert_eq!(table["xen-guest/src/sys/b.rs"], "1, 1 asm");
        assert!(listed("nothing").is_empty());
    }

    #[test]
    fn every_difference_is_told() {
        let two = Count { blocks: 2, ..Count::default() };
        let mut found = BTreeMap::from([("xen-guest/src/sys/a.rs".to_owned(), two)]);
        let table = listed(TEXT);
        assert_eq!(differences(&found, &table).len(), 1);
        found.insert("xen-guest/src/sys/b.rs".to_owned(), Count { blocks: 1, asm: 1, ..Count::default() });
        assert!(differences(&found, &table).is_empty());
        found.insert("mmu/src/lib.rs".to_owned(), Count { blocks: 1, ..Count::default() });
        assert!(differences(&found, &table)[0].contains("outside"));
    }
}
