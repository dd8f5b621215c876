//! Finds what Xen says against the guest in its log.
//!
//! A guest may reach its verdict although Xen refused something on the way: a release Xen returns an error number and at
//! most one line. Any such line makes a run of the suite fail; `scripts/boot` shows it. Not seen here: what a release Xen does not print at all.

/// What a Xen is to the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Xen {
    /// The guest is its dom0, and answers for everything.
    OfDom0,
    /// The guest is a domU. It is never d0: what is said about d0 is said to the Linux that serves the guest.
    OfDomU,
    /// The guest runs on a shim in a domain of this one, which tells much of such a domain's state. Only words of complaint count.
    BelowShim,
}

/// Begins the making of dom0 in Xen's log, and of the guest in a shim's. Xen warns of the processor before: on 4.20 in xstate.c of QEMU's.
const MADE: &str = "*** Building a PV Dom";
/// Words Xen uses only when a domain did something it should not.
const WORDS: [&str; 19] = [
    "mm.c:",
    "Error mfn",
    "Error getting mfn",
    "Bad ",
    "L1TF-vulnerable",
    "domain_crash",
    "Unhandled",
    "non-privileged",
    "general protection fault",
    "Attempt to create linear",
    "Could not get page",
    "Over-allocation",
    "user mode with no user page tables",
    "Fault while reading",
    "emul-priv-op.c",
    "Xen BUG",
    "Xen WARN",
    "Assertion ",
    "Panic on CPU",
];

/// The lines of Xen's log that complain about the guest, in order: those since there can be one. In a log that does not tell since
/// when, every line counts.
pub(crate) fn complaints(log: &str, xen: Xen) -> Vec<&str> {
    let made = log.lines().position(|line| line.contains(MADE)).unwrap_or(0);
    log.lines().skip(made).filter(|line| complains(line, xen)).collect()
}

fn complains(line: &str, xen: Xen) -> bool {
    let Some(said) = line.strip_prefix("(XEN) ") else { return false };
    let domain = domain(said);
    if xen != Xen::OfDom0 && domain == Some(0) {
        return false;
    }
    domain.is_some() && xen != Xen::BelowShim || WORDS.iter().any(|word| said.contains(word))
}

/// The domain a line is about: its first word is `dN:`, or it names a virtual CPU as `dNvM`.
fn domain(said: &str) -> Option<u32> {
    let first = said.split_once(':').and_then(|(first, _)| first.strip_prefix('d')?.parse().ok());
    if first.is_some() {
        return first;
    }
    said.split(|sign: char| !sign.is_ascii_alphanumeric()).find_map(|word| {
        let (domain, cpu) = word.strip_prefix('d')?.split_once('v')?;
        cpu.parse::<u32>().ok()?;
        domain.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::{Xen, complaints};

    const LOG: &str = "\
(XEN) d0 has maximum 208 PIRQs
(XEN) NX (Execute Disable) protection active
(XEN) d0v0 Error mfn 1ee18: rd=d0 od=NULL caf=c00000000000000 taf=040000010007ffff
hello d1v0
(XEN) arch/x86/mm.c:2940:d1v0 Bad type (saw e400000000000001 != exp 2000000000000000) for mfn 1ee1d
(XEN) d1v0 Unhandled: vec 14, #PF[0001]
(XEN) domain_crash called from arch/x86/traps.c
(XEN) *** Serial input to DOM0 (type 'CTRL-a' three times to switch input)
(d1) verdict: SUCCESS
";

    #[test]
    fn a_line_that_starts_with_the_domain() {
        let log = "(XEN) d1: Forcing read-only access to MFN fed00\n";
        assert_eq!(complaints(log, Xen::OfDomU).len(), 1);
        assert!(complaints(&log.replace("d1", "d0"), Xen::OfDomU).is_empty());
    }

    #[test]
    fn what_was_said_before_there_was_a_guest() {
        let warning = "(XEN) Xen WARN at arch/x86/xstate.c:652\n";
        let made = "(XEN) *** Building a PV Dom0 ***\n";
        assert!(complaints(&format!("{warning}{made}"), Xen::OfDom0).is_empty());
        assert_eq!(complaints(&format!("{made}{warning}"), Xen::OfDomU).len(), 1);
        assert_eq!(complaints(warning, Xen::OfDomU).len(), 1);
    }

    #[test]
    fn the_state_of_a_pvh_domain_is_no_complaint() {
        let log =
            "(XEN) HVM d1v0 save: CPU\n(XEN) d1v0: upcall vector f1\n(XEN) domain_crash called from x\n";
        assert_eq!(complaints(log, Xen::BelowShim), ["(XEN) domain_crash called from x"]);
    }

    #[test]
    fn a_domu_answers_for_itself_only() {
        let found = complaints(LOG, Xen::OfDomU);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|line| !line.contains("d0")));
    }

    #[test]
    fn dom0_answers_for_everything() {
        assert_eq!(complaints(LOG, Xen::OfDom0).len(), 4);
    }

    #[test]
    fn a_quiet_log_has_none() {
        let quiet =
            "(XEN) Xen version 4.17.7\n(XEN) Dom0 has maximum 1 VCPUs\n(XEN) Freed 656kB init memory\n";
        assert!(complaints(quiet, Xen::OfDom0).is_empty());
    }
}
