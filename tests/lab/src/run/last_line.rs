//! The line of a guest that says most about its end.

/// Keeps a line in the place of the one before, unless that says more.
pub(crate) fn keep(said: &mut Option<String>, line: &str) {
    match said {
        // The message of a panic, as `core` shows it: on the line after its place.
        Some(said) if said.contains("panicked at ") && said.ends_with(':') => {
            *said = format!("{said} {}", line.trim());
            if !said.starts_with("fatal:") {
                said.insert_str(0, "fatal: ");
            }
        }
        // What comes after a fatal line (registers, addresses) says less than it.
        Some(said) if said.starts_with("fatal:") => {}
        said => *said = Some(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::keep;

    #[test]
    fn the_message_of_a_panic_is_kept_wherever_it_stands() {
        for (lines, kept) in [
            (
                &["fatal: panicked at a.rs:1:2: no room", "  backtrace: 0x1"][..],
                "fatal: panicked at a.rs:1:2: no room",
            ),
            (&["panicked at a.rs:1:2:", "no room", "note: x"], "fatal: panicked at a.rs:1:2: no room"),
            (&["fatal: page fault", "more:", "x"], "fatal: page fault"),
            (&["hello:", "world"], "world"),
        ] {
            let mut said = None;
            lines.iter().for_each(|line| keep(&mut said, line));
            assert_eq!(said.as_deref(), Some(kept));
        }
    }
}
