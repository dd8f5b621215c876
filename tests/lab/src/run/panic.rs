//! Finds in Xen's lines why it panicked: the reason stands below the head of a panic, and what led to it often on the line above.

/// How the head of a panic begins.
const HEAD: &str = "Panic on CPU";

/// What Xen said last.
#[derive(Debug, Default)]
pub(crate) struct Panic {
    /// That was the head of a panic.
    is_next: bool,
    before: String,
}

/// Why Xen panicked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// In its words.
    pub(crate) said: String,
    /// What it had said before.
    pub(crate) before: String,
}

impl Panic {
    /// Takes a line of Xen's log; gives the reason of a panic if this is the one.
    pub(crate) fn take(&mut self, line: &str) -> Option<Reason> {
        let said = line.trim_start_matches("(XEN) ").trim();
        if said.starts_with(HEAD) {
            self.is_next = true;
        } else if std::mem::take(&mut self.is_next) {
            return Some(Reason { said: said.to_owned(), before: self.before.clone() });
        } else if !said.trim_matches('*').is_empty() {
            said.clone_into(&mut self.before);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Panic, Reason};

    #[test]
    fn the_line_below_the_head_and_the_one_above_the_stars() {
        let mut panic = Panic::default();
        for line in ["(XEN) no room", "(XEN) ", "(XEN) ****", "(XEN) Panic on CPU 0:"] {
            assert_eq!(panic.take(line), None, "{line}");
        }
        let reason = Reason { said: "Not enough RAM".to_owned(), before: "no room".to_owned() };
        assert_eq!(panic.take("(XEN) Not enough RAM\n"), Some(reason));
        assert_eq!(panic.take("(XEN) ****"), None);
    }
}
