//! Public types with the same name: a reader has to ask which one is meant.
//!
//! *What this is*: every `pub` struct, enum, union, trait and type alias in the Rust files of the workspace. A type
//! under a `cfg` and its twin under the opposite are in one file and count as one.
//!
//! *What is not seen*: a type that a macro writes, two of one name in one file, a new name given by `pub use … as`.
//!
//! *What is left out*: tests inside a file, the programs of `tests/compile_fail` and the modules of `tests/modules`,
//! which are not part of the workspace; types inside a function; what is only `pub(crate)` or less.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Visibility};

use tools::paths;

use crate::changed::{git, names as files};

/// What is not part of the workspace.
const OUTSIDE: [&str; 2] = ["tests/compile_fail/programs/", "tests/modules/"];

/// Fails when two public types have the same name.
///
/// # Errors
/// A file cannot be read or is not Rust; git does not answer.
pub(crate) fn names() -> Result<ExitCode> {
    let listed = git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.rs"])?;
    let mut found = Found::default();
    for name in files(&listed) {
        let path = paths::root().join(&name);
        // A deleted file is still listed until that is committed.
        if OUTSIDE.iter().any(|outside| name.starts_with(outside)) || !path.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| name.clone())?;
        found.add(&name, &text).with_context(|| name.clone())?;
    }
    let twice = found.twice();
    twice.iter().for_each(|line| tools::say!("{line}"));
    tools::say!("names: {} public types, {} names of more than one", found.0.len(), twice.len());
    Ok(if twice.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Names of public types, and the files that define each.
#[derive(Debug, Default)]
struct Found(BTreeMap<String, BTreeSet<String>>);

impl Found {
    fn add(&mut self, name: &str, text: &str) -> Result<()> {
        let file = syn::parse_file(text).map_err(|error| anyhow!("{error}"))?;
        let mut types = Types::default();
        types.visit_file(&file);
        for found in types.0 {
            self.0.entry(found).or_default().insert(name.to_owned());
        }
        Ok(())
    }

    fn twice(&self) -> Vec<String> {
        let more = self.0.iter().filter(|(_, files)| files.len() > 1);
        more.map(|(name, files)| {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            format!("{name}: a public type in each of {}", files.join(", "))
        })
        .collect()
    }
}

/// The public types of a file.
#[derive(Debug, Default)]
struct Types(Vec<String>);

fn is_test(attributes: &[Attribute]) -> bool {
    let test = |attribute: &Attribute| {
        attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    };
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && test(attribute))
}

impl<'a> Visit<'a> for Types {
    fn visit_item(&mut self, item: &'a Item) {
        let (visibility, name) = match item {
            Item::Mod(module) if is_test(&module.attrs) => return,
            Item::Struct(item) => (&item.vis, &item.ident),
            Item::Enum(item) => (&item.vis, &item.ident),
            Item::Union(item) => (&item.vis, &item.ident),
            Item::Trait(item) => (&item.vis, &item.ident),
            Item::Type(item) => (&item.vis, &item.ident),
            item => return visit::visit_item(self, item),
        };
        if matches!(visibility, Visibility::Public(_)) {
            self.0.push(name.to_string());
        }
    }

    /// A type inside a function has no name elsewhere.
    fn visit_block(&mut self, _: &'a syn::Block) {}
}

#[cfg(test)]
mod tests {
    use super::Found;

    fn twice(files: &[(&str, &str)]) -> Vec<String> {
        let mut found = Found::default();
        files.iter().for_each(|(name, text)| found.add(name, text).unwrap());
        found.twice()
    }

    #[test]
    fn two_public_types_of_one_name() {
        let lines = twice(&[("a.rs", "pub struct Entry;"), ("b.rs", "mod inner { pub enum Entry {} }")]);
        assert_eq!(lines, ["Entry: a public type in each of a.rs, b.rs"]);
        for text in ["pub trait Entry {}", "pub type Entry = u64;", "pub union Entry { a: u8 }"] {
            assert_eq!(twice(&[("a.rs", "pub struct Entry;"), ("b.rs", text)]).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_nobody_outside_can_name_is_left_out() {
        for text in [
            "struct Entry;",
            "pub(crate) struct Entry;",
            "#[cfg(test)] mod tests { pub struct Entry; }",
            "fn f() { pub struct Entry; }",
            "pub fn entry() {}",
            "pub struct Other;",
        ] {
            assert!(twice(&[("a.rs", "pub struct Entry;"), ("b.rs", text)]).is_empty(), "{text}");
        }
        // A type and its twin for another target.
        assert!(twice(&[("a.rs", "#[cfg(unix)] pub struct A; #[cfg(not(unix))] pub struct A;")]).is_empty());
    }
}
