//! The template of `cargo generate` is `examples/hello`, which the suite boots, with two words left open.

use tools::{file, paths};

/// What `cargo generate` fills in.
const OPEN: [(&str, &str); 2] = [("{{project-name}}", "hello"), ("{{xen_guest}}", "../..")];

#[test]
fn the_template_filled_in_is_the_example() {
    let root = paths::root();
    for name in ["Cargo.toml", "src/main.rs", ".cargo/config.toml"] {
        let template = file::text(&root.join("template").join(name)).unwrap();
        let filled = OPEN.iter().fold(template, |text, (word, value)| text.replace(word, value));
        let example = file::text(&root.join("examples/hello").join(name)).unwrap();
        assert_eq!(filled, example, "template/{name}");
        assert!(!filled.contains("{{"), "template/{name} leaves something open");
    }
}

#[test]
fn what_it_asks_for_is_what_it_uses() {
    let asked = file::text(&paths::root().join("template/cargo-generate.toml")).unwrap();
    assert!(asked.contains("[placeholders.xen_guest]"));
    assert_eq!(asked.matches("[placeholders.").count(), 1);
}
