//! Every file that a page of the documentation names is there. `NOUN` stands for any name.

#![expect(clippy::unwrap_used, reason = "helpers of tests end the test")]

use std::path::Path;
use std::process::Command;

use tools::paths;

/// How a path of this repository begins.
const ROOTS: [&str; 7] = ["start_info/", "p2m/", "mmu/", "xen-guest/", "tests/", "docs/", "scripts/"];

fn pages() -> Vec<String> {
    let output = Command::new("git").args(["ls-files", "*.md"]).current_dir(paths::root()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What stands in backquotes and looks like a path of this repository: `mmu/src/hv.rs`, `tests/model/`.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.filter(|word| {
        let plain = word.chars().all(|sign| sign.is_ascii_alphanumeric() || "/._-".contains(sign));
        plain && !word.contains("NOUN") && ROOTS.iter().any(|root| word.starts_with(root))
    })
}

/// Targets of links that are no addresses: `[boot.md](boot.md)`.
fn linked(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.split('#').next().unwrap_or(target)).filter(|target| {
        !target.is_empty() && !target.contains("://") && !target.contains(char::is_whitespace)
    })
}

#[test]
fn every_file_that_is_named_exists() {
    let root = paths::root();
    let mut missing = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(root.join(&page)).unwrap();
        missing.extend(
            named(&text).filter(|path| !root.join(path).exists()).map(|path| format!("{page}: {path}")),
        );
        let folder = root.join(&page).parent().map(Path::to_path_buf).unwrap();
        missing.extend(
            linked(&text).filter(|path| !folder.join(path).exists()).map(|path| format!("{page}: ({path})")),
        );
    }
    assert!(missing.is_empty(), "not there: {missing:#?}");
}

#[test]
fn paths_and_links_are_found() {
    let text = "see `mmu/src/hv.rs` and `Entry::new`, `tests/*/x`, [a](b.md#c) [d](https://e) `xen-guest/`";
    assert_eq!(named(text).collect::<Vec<_>>(), ["mmu/src/hv.rs", "xen-guest/"]);
    assert_eq!(linked(text).collect::<Vec<_>>(), ["b.md"]);
}
