//! Files that import each other in a ring: to understand one, a reader has to read all.
//!
//! *What this is*: which file of a crate names things of which other, by `use` and by paths that begin with `crate`,
//! `self` or `super`, and the rings this makes. A `pub use` in a file with others below it only passes a name on; a use
//! of the name counts for the file it comes from. Tests are left out.
//!
//! *What is not seen*: a ring by methods, which name no file; a path inside a macro; a name passed on by a
//! module that was itself imported (`use crate::d; d::E`); a file with others below it that
//! uses one of them through a name it passes on itself. A module inside a file counts as the file: `super` in it may
//! lead one level too high.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

use tools::{file, paths};

/// The crates of the boot code.
const CRATES: [&str; 4] = ["start_info", "p2m", "mmu", "xen-guest"];
/// The most files in a ring.
const MOST: usize = 3;

/// The path of a module from the root of its crate.
type Module = Vec<String>;

/// A file of a crate.
#[derive(Debug, Default)]
struct Source {
    /// Paths it names, as they are written.
    paths: Vec<Vec<String>>,
    /// Names it passes on, and where each is from.
    passed: BTreeMap<String, Vec<String>>,
    has_below: bool,
}

/// Fails when too many files import each other in a ring.
///
/// # Errors
/// A file cannot be read or is not Rust.
pub(crate) fn circles() -> Result<ExitCode> {
    let mut largest = 0;
    let mut code = ExitCode::SUCCESS;
    for name in CRATES {
        let files = read(&paths::root().join(name).join("src"))?;
        for ring in rings(&edges(&files)) {
            largest = largest.max(ring.len());
            if ring.len() > MOST {
                let files: Vec<String> = ring.iter().map(|module| module.join("/")).collect();
                tools::say!(
                    "{name}: {} files import each other in a ring, {MOST} may: {}",
                    ring.len(),
                    files.join(", ")
                );
                code = ExitCode::FAILURE;
            }
        }
    }
    tools::say!("circles: the largest ring has {largest} files, {MOST} may be");
    Ok(code)
}

/// Reads the files of a crate, except those of tests and programs.
fn read(folder: &Path) -> Result<BTreeMap<Module, Source>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(folder.to_path_buf(), Module::new())];
    while let Some((folder, module)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if matches!(stem.as_str(), "tests" | "bin") {
                continue;
            }
            let below = || module.iter().cloned().chain([stem.clone()]).collect();
            if path.is_dir() {
                folders.push((path, below()));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let is_root = matches!(stem.as_str(), "lib" | "mod");
                let text = file::text(&path)?;
                let source = Source::of(&text, is_root).with_context(|| path.display().to_string())?;
                files.insert(if is_root { module.clone() } else { below() }, source);
            }
        }
    }
    Ok(files)
}

impl Source {
    fn of(text: &str, has_below: bool) -> Result<Self> {
        let file = syn::parse_file(text).map_err(|error| anyhow!("{error}"))?;
        let mut source = Self { has_below, ..Self::default() };
        source.visit_file(&file);
        Ok(source)
    }

    fn imports(&mut self, tree: &UseTree, before: &[String], passes: bool) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.imports(&path.tree, &with(&path.ident), passes),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.imports(tree, before, passes)),
            UseTree::Name(name) => self.import(with(&name.ident), name.ident.to_string(), passes),
            UseTree::Rename(name) => self.import(with(&name.ident), name.rename.to_string(), passes),
            _ => self.paths.push(before.to_vec()),
        }
    }

    fn import(&mut self, path: Vec<String>, name: String, passes: bool) {
        if passes {
            self.passed.insert(name, path);
        } else {
            self.paths.push(path);
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

impl<'a> Visit<'a> for Source {
    fn visit_item(&mut self, item: &'a Item) {
        match item {
            Item::Mod(module) if is_test(&module.attrs) => {}
            Item::Use(used) if is_test(&used.attrs) => {}
            item => visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, used: &'a ItemUse) {
        let passes = self.has_below && !matches!(used.vis, Visibility::Inherited);
        self.imports(&used.tree, &[], passes);
    }

    /// `pub(super)` names a module but uses nothing in it.
    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_path(&mut self, path: &'a syn::Path) {
        // A single word is a variable, or was imported.
        if path.segments.len() > 1 {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}

/// Returns which module a path that is written in `from` leads into.
fn module_of(files: &BTreeMap<Module, Source>, from: &Module, path: &[String]) -> Option<Module> {
    let mut rest = path;
    let mut at = match path.first()?.as_str() {
        "crate" => Module::new(),
        "self" => from.clone(),
        "super" => from.split_last()?.1.to_vec(),
        first => {
            let below: Module = from.iter().cloned().chain([first.to_owned()]).collect();
            if !files.get(from)?.has_below || !files.contains_key(&below) {
                return None;
            }
            from.clone()
        }
    };
    if matches!(path.first()?.as_str(), "crate" | "self" | "super") {
        rest = &path[1..];
    }
    while let [first, behind @ ..] = rest {
        if first == "super" {
            at.pop()?;
        } else {
            let below: Module = at.iter().cloned().chain([first.clone()]).collect();
            if !files.contains_key(&below) {
                break;
            }
            at = below;
        }
        rest = behind;
    }
    let passed = rest.first().and_then(|name| files.get(&at)?.passed.get(name));
    match passed {
        Some(path) => module_of(files, &at, path),
        None => Some(at),
    }
}

fn edges(files: &BTreeMap<Module, Source>) -> BTreeMap<&Module, BTreeSet<Module>> {
    let of = |(module, source): (_, &Source)| {
        let used = source.paths.iter().filter_map(|path| module_of(files, module, path));
        (module, used.filter(|used| used != module && files.contains_key(used)).collect())
    };
    files.iter().map(of).collect()
}

/// Returns the rings, each as the files that lead to each other.
fn rings(edges: &BTreeMap<&Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    let reach = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = next.pop() {
            for used in edges.get(&module).into_iter().flatten() {
                if seen.insert(used.clone()) {
                    next.push(used.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        edges.keys().map(|&module| (module, reach(module))).collect();
    let mut rings: Vec<Vec<Module>> = Vec::new();
    for (&module, there) in &reached {
        let is_known = rings.iter().any(|ring| ring.contains(module));
        if there.contains(module) && !is_known {
            let back = |other: &&Module| reached.get(*other).is_some_and(|there| there.contains(module));
            rings.push(there.iter().filter(back).cloned().collect());
        }
    }
    rings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> BTreeMap<Module, Source> {
        let module =
            |name: &str| name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let is_root = |name: &str| texts.iter().any(|(other, _)| *other != name && other.starts_with(name));
        texts.iter().map(|(name, text)| (module(name), Source::of(text, is_root(name)).unwrap())).collect()
    }

    fn found(texts: &[(&str, &str)]) -> Vec<String> {
        let files = files(texts);
        rings(&edges(&files))
            .iter()
            .map(|ring| ring.iter().map(|module| module.join("/")).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn a_ring_is_found_however_a_file_is_named() {
        assert_eq!(
            found(&[("", "mod a; mod b;"), ("a", "use crate::b::B;"), ("b", "fn f() { super::a::f(); }")]),
            ["a b"]
        );
        let passed =
            [("", "mod a; mod b; pub use b::B;"), ("a", "use crate::{B, x};"), ("b", "use crate::a;")];
        assert_eq!(found(&passed), ["a b"]);
        let deep = [
            ("", "mod d;"),
            ("d", "pub(crate) mod e; pub use self::e::E;"),
            ("d/e", "use super::super::f::F;"),
            ("f", "use crate::d::E;"),
        ];
        assert_eq!(found(&deep), ["d/e f"]);
    }

    #[test]
    fn what_is_no_ring_is_none() {
        assert!(
            found(&[("", "mod a; mod b;"), ("a", "use crate::b::B;"), ("b", "use core::fmt;")]).is_empty()
        );
        let tested = "#[cfg(test)] mod tests { use crate::a::A; } #[cfg(test)] use crate::a::B;";
        assert!(found(&[("", "mod a; mod b;"), ("a", "use crate::b::B;"), ("b", tested)]).is_empty());
        assert!(
            found(&[
                ("", "mod d;"),
                ("d", "mod e; use e::E;"),
                ("d/e", "pub(super) struct E; pub(in crate::d) struct F;")
            ])
            .is_empty()
        );
        assert!(
            found(&[("", "mod d;"), ("d", "mod e; fn f(e: u8) -> u8 { e }"), ("d/e", "use crate::d::f;")])
                .is_empty()
        );
        // Passing names on does not use them.
        assert!(found(&[("", "mod a; pub use a::A;"), ("a", "use crate::C;")]).is_empty());
    }
}
