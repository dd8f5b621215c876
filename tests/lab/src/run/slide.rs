//! How far the image of a guest's kernel ran from where it was linked, by what its log says.
//!
//! *What this is*: a fact at entry says it, and each report of an end: as a field, and as a line if the image was
//! moved. Whoever looks an address up in the kernel's file takes so much off first.

/// What the line in a report begins with: the kernel prints it (`xen-guest/src/sys/slid.rs`).
const LINE: &str = "image slid by 0x";
/// The field of a fact, whatever else is in its line: a report may be cut off in the middle.
const FIELD: &str = "\"slide\":\"0x";

/// Finds how far the image slid; `None` if the log does not say. Of several boots in one log the last counts.
pub(crate) fn of(log: &str) -> Option<u64> {
    log.lines().rev().find_map(said)
}

fn said(line: &str) -> Option<u64> {
    let line = line.trim_start_matches('\r');
    let digits = match line.strip_prefix("@fact {") {
        Some(fact) => fact.split_once(FIELD)?.1.split_once('"')?.0,
        None => line.trim().strip_prefix(LINE)?,
    };
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_fact_at_entry_the_report_and_its_line_say_it() {
        for (log, slide) in [
            ("hello\n@fact {\"fact\":\"kaslr\",\"slide\":\"0x1234000\",\"bases\":9}\n", Some(0x123_4000)),
            ("\r@fact {\"fact\":\"kaslr\",\"slide\":\"0x0\"}", Some(0)),
            ("fatal: x\n  image slid by 0x7000\r\n  last hypercalls", Some(0x7000)),
            // The message that ends it may be what failed.
            ("@fact {\"fact\":\"fatal\",\"slide\":\"0x8000\",\"panicked\":\"a.rs", Some(0x8000)),
            ("  image slid by 0x1000\n@fact {\"fact\":\"kaslr\",\"slide\":\"0x2000\"}\n", Some(0x2000)),
            ("@fact {\"fact\":\"kaslr\",\"slide\":\"0x", None),
            ("@fact {\"fact\":\"fatal\",\"message\":\"\\\"slide\\\":\\\"0x9000\\\"\"}", None),
            (
                " @fact {\"fact\":\"kaslr\",\"slide\":\"0x9000\"}\nan image slid by 0x1\nimage slid by 1000\n",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(of(log), slide, "{log}");
        }
    }
}
