//! Takes apart what comes out of the machine's serial port: Xen's lines and dom0's.
//!
//! dom0's text reaches the port as dom0 writes it, so a line of Xen may begin in the middle of one of dom0's, which then
//! goes on behind it. Xen's last line before it halts has no end.

const XEN: &str = "(XEN) ";

/// One whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Said by Xen; with its prefix.
    Xen(String),
    /// Said by dom0.
    Dom0(String),
}

/// What has arrived and is no whole line yet.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    rest: Vec<u8>,
    /// The part of dom0's line that came before Xen spoke.
    interrupted: String,
    /// A line of Xen was given out before its end had come: what follows up to the end of line is Xen's too.
    unfinished: bool,
}

impl Splitter {
    /// Takes what arrived and gives the lines it completes.
    pub(crate) fn take(&mut self, arrived: &[u8]) -> Vec<Line> {
        self.rest.extend_from_slice(arrived);
        let mut lines = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(&line, &mut lines);
        }
        lines
    }

    /// Gives what is left as a line, when nothing more comes for a while.
    pub(crate) fn idle(&mut self, end: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.rest.starts_with(XEN.as_bytes()) || end {
            let line = std::mem::take(&mut self.rest);
            if !line.is_empty() {
                self.unfinished = false;
                self.line(&line, &mut lines);
                self.unfinished = !end;
            }
        }
        if end && !self.interrupted.is_empty() {
            lines.push(Line::Dom0(std::mem::take(&mut self.interrupted)));
        }
        lines
    }

    fn line(&mut self, line: &[u8], lines: &mut Vec<Line>) {
        let text = String::from_utf8_lossy(line);
        // A shim's console ends its lines the other way round.
        let text = text.trim_matches(['\n', '\r']);
        if std::mem::take(&mut self.unfinished) && !text.contains(XEN) {
            lines.push(Line::Xen(format!("{XEN}… {text}")));
            return;
        }
        match text.find(XEN) {
            Some(at) => {
                self.interrupted.push_str(&text[..at]);
                lines.push(Line::Xen(text[at..].to_owned()));
            }
            None => lines.push(Line::Dom0(std::mem::take(&mut self.interrupted) + text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Splitter};

    fn xen(text: &str) -> Line {
        Line::Xen(text.to_owned())
    }

    fn dom0(text: &str) -> Line {
        Line::Dom0(text.to_owned())
    }

    #[test]
    fn a_countdown_of_xen_stays_xens() {
        let mut splitter = Splitter::default();
        assert!(splitter.take(b"(XEN) 3... ").is_empty());
        assert_eq!(splitter.idle(false), [xen("(XEN) 3... ")]);
        assert_eq!(splitter.take(b"2... 1... \nhello\n"), [xen("(XEN) … 2... 1... "), dom0("hello")]);
    }

    #[test]
    fn lines_in_pieces() {
        let mut splitter = Splitter::default();
        assert!(splitter.take(b"(XEN) he").is_empty());
        assert_eq!(splitter.take(b"llo\r\nguest\r\n"), [xen("(XEN) hello"), dom0("guest")]);
        assert_eq!(
            splitter.take(b"(XEN) a\n\r(XEN) b\n\rguest\n"),
            [xen("(XEN) a"), xen("(XEN) b"), dom0("guest")]
        );
    }

    #[test]
    fn xen_interrupts() {
        let mut splitter = Splitter::default();
        let lines = splitter.take(b"verdict: (XEN) a\n(XEN) b\nSUCCESS\nnext\n");
        assert_eq!(lines, [xen("(XEN) a"), xen("(XEN) b"), dom0("verdict: SUCCESS"), dom0("next")]);
    }

    #[test]
    fn the_line_without_an_end() {
        let mut splitter = Splitter::default();
        assert!(splitter.take(b"(XEN) Hardware Dom0 halted: halting machine").is_empty());
        assert_eq!(splitter.idle(false), [xen("(XEN) Hardware Dom0 halted: halting machine")]);
        assert!(splitter.take(b"half a line of dom0").is_empty());
        assert!(splitter.idle(false).is_empty());
        assert_eq!(splitter.idle(true), [dom0("half a line of dom0")]);
    }
}
