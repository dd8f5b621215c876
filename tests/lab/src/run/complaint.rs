//! Finds what Xen says against the guest in its log.
//!
//! *What this is*: a guest may reach its verdict although Xen refused something on the way. A release Xen returns an error number
//! then and says at most one line. Any such line makes a run of the suite fail; `scripts/boot` shows it.
//!
//! *What is counted*: a line that names a domain other than the one that serves the guest, or has one of [`WORDS`], if it was said
//! when there could be a guest. Before that Xen talks of the machine: on 4.20 it warns of QEMU's processor. There can be a guest
//!
//! - as dom0, and on a shim, from [`MADE`] in that Xen's log on;
//! - as domU, from the moment dom0 says `up` in the file of events, just before it calls `xl create`. Xen itself says nothing when
//!   a domU is made. The two logs come by different ways, so what counts is what had arrived of Xen's when that file was last read
//!   without the word: a line that came meanwhile may be the guest's, and is counted.
//!
//! *What is not seen*: what a release Xen does not print at all.

use std::path::Path;

use anyhow::Result;

use crate::machine::options::{Mode, Options};
use tools::file;

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

/// Begins the making of dom0 in Xen's log, and of the guest in a shim's.
const MADE: &str = "*** Building a PV Dom";
/// Words Xen uses only when a domain did something it should not, or it did itself. A debug build begins much of it with the place
/// in its source. Each is needed: the test has a line of Xen's that no other word finds.
const WORDS: [&str; 16] = [
    "mm.c:",
    "emul-priv-op.c:",
    "Error mfn",
    "Bad type",
    "L1TF-vulnerable",
    "Could not get page",
    "Over-allocation",
    "Unhandled",
    "user mode with no user page tables",
    "Fault while reading",
    "domain_crash",
    "crashed on cpu#",
    "Xen BUG",
    "Xen WARN",
    "Assertion ",
    "Panic on CPU",
];

/// The complaints of a run, from the logs in its folder: those of a shim first. The first `before` lines of Xen's came before there could
/// be a domU.
///
/// # Errors
/// A log cannot be read.
pub(crate) fn of_run(out: &Path, options: &Options, before: usize) -> Result<Vec<String>> {
    let log = file::text(&out.join("xen.log"))?;
    let owned = |found: Vec<&str>| found.into_iter().map(str::to_owned).collect::<Vec<_>>();
    Ok(match (options.mode, options.shim) {
        (Mode::Dom0, _) => owned(complaints(&log, Xen::OfDom0, 0)),
        (Mode::DomU, false) => owned(complaints(&log, Xen::OfDomU, before)),
        (Mode::DomU, true) => {
            // A shim makes its guest as Xen makes dom0, and the guest is never d0.
            let shim = file::text(&out.join("shim.log"))?;
            let mut all = owned(complaints(&shim, Xen::OfDomU, 0));
            all.extend(owned(complaints(&log, Xen::BelowShim, before)));
            all
        }
    })
}

/// Words of complaints that a run of the probes must have, which have Xen refuse things on purpose. Others count there as anywhere.
pub(crate) fn of_probes(options: &Options) -> Vec<&'static str> {
    let mut words = vec!["Error mfn"];
    if options.shim {
        // Asked for memory that its domain does not get.
        words.extend(["failed to allocate", "Over-allocation"]);
    }
    if options.mode == Mode::DomU && options.cpu.contains("GenuineIntel") {
        // Said of an entry without a page.
        words.push("L1TF-vulnerable");
    }
    words
}

/// The lines of a Xen's log that complain about the guest, in order: those since there can be one, and none of the first `before`. In a log
/// that does not tell since when, every other line counts.
fn complaints(log: &str, xen: Xen, before: usize) -> Vec<&str> {
    let made = log.lines().position(|line| line.contains(MADE)).unwrap_or(0);
    log.lines().skip(made.max(before)).filter(|line| complains(line, xen)).collect()
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
    use super::{WORDS, Xen, complaints, of_probes, of_run};
    use crate::machine::options::{Mode, Options};

    /// What Xen says with each word, as 4.14 to 4.20 print it; those with a place in the source only a debug build.
    const SAID: [(&str, &str); WORDS.len()] = [
        ("mm.c:", "arch/x86/mm.c:988:d1v0 pg_owner d1 l1e_owner d1, but real_pg_owner d0"),
        ("emul-priv-op.c:", "arch/x86/pv/emul-priv-op.c:1197:d1v0 Domain attempted WRMSR 0000001b"),
        ("Error mfn", "d1v0 Error mfn 1ee18: rd=d1 od=NULL caf=c00000000000000 taf=040000010007ffff"),
        ("Bad type", "Bad type in validate_page 5 t=c000000000000001 c=c000000000000002"),
        ("L1TF-vulnerable", "d1 L1TF-vulnerable L1e 0000000012345678 - Shadowing"),
        ("Could not get page", "include/asm/mm.h:417:d1v0 Could not get page ref for mfn 1ee1d"),
        ("Over-allocation", "d1v0 Over-allocation for d1: 16641 > 16640"),
        ("Unhandled", "d1v0 Unhandled: vec 14, #PF[0001]"),
        ("user mode with no user page tables", "d1v0 Guest switching to user mode with no user page tables"),
        ("Fault while reading", "d1v0 Fault while reading IRET context from guest stack"),
        ("domain_crash", "domain_crash called from arch/x86/pv/iret.c:73"),
        ("crashed on cpu#", "Domain 1 (vcpu#0) crashed on cpu#0:"),
        ("Xen BUG", "Xen BUG at arch/x86/xstate.c:652"),
        ("Xen WARN", "Xen WARN at arch/x86/xstate.c:652"),
        ("Assertion ", "Assertion 'page->count_info' failed at common/page_alloc.c:1"),
        ("Panic on CPU", "Panic on CPU 0:"),
    ];

    #[test]
    fn every_word_finds_a_line_that_no_other_finds() {
        for (word, said) in SAID {
            let found: Vec<&str> = WORDS.into_iter().filter(|word| said.contains(word)).collect();
            assert_eq!(found, [word], "{said}");
            // Below a shim only words count, and elsewhere they count as well.
            let log = format!("(XEN) *** Building a PV Dom0 ***\n(XEN) {said}\n");
            for xen in [Xen::BelowShim, Xen::OfDomU, Xen::OfDom0] {
                assert_eq!(complaints(&log, xen, 0).len(), 1, "{xen:?} {said}");
            }
            assert!(complaints(said, Xen::OfDomU, 0).is_empty(), "not said by Xen: {said}");
        }
    }

    /// What Xen says without anything being wrong.
    const USUAL: [&str; 9] = [
        "Found a d1vga in slot 2",
        "Xen version 4.17.5 (Debian 4.17.5+72-g01140da4e8-1)",
        "Dom0 has maximum 1 VCPUs",
        "d0 has maximum 208 PIRQs",
        "Freed 656kB init memory",
        "*** Serial input to DOM0 (type 'CTRL-a' three times to switch input)",
        "PCI add device 0000:00:00.0",
        "Hardware Dom0 halted: halting machine",
        "Domain 1 reported crashed by domain 0 on cpu#0:",
    ];

    #[test]
    fn what_must_not_count() {
        for said in USUAL {
            let log = format!("(XEN) *** Building a PV Dom0 ***\n(XEN) {said}\n");
            for xen in [Xen::BelowShim, Xen::OfDomU, Xen::OfDom0] {
                assert_eq!(complaints(&log, xen, 0), Vec::<&str>::new(), "{xen:?}");
            }
        }
        let below = "(XEN) HVM d1v0 save: CPU\n(XEN) d1v0: upcall vector f1\n";
        assert!(complaints(below, Xen::BelowShim, 0).is_empty());
        // The same from a Xen that has no reason to.
        assert_eq!(complaints(below, Xen::OfDomU, 0).len(), 2);
    }

    #[test]
    fn a_domu_answers_for_itself_only() {
        let about = |domain: u32| {
            format!("(XEN) d{domain}: Forcing read-only access to MFN fed00\n(XEN) mm.c:1:d{domain}v0 Bad\n")
        };
        assert_eq!(complaints(&about(1), Xen::OfDomU, 0).len(), 2);
        assert!(complaints(&about(0), Xen::OfDomU, 0).is_empty());
        assert!(complaints(&about(0), Xen::BelowShim, 0).is_empty());
        assert_eq!(complaints(&about(0), Xen::OfDom0, 0).len(), 2);
        assert_eq!(complaints(&about(1), Xen::OfDom0, 0).len(), 2);
    }

    #[test]
    fn what_was_said_before_there_was_a_guest() {
        let (warning, made) =
            ("(XEN) Xen WARN at arch/x86/xstate.c:652\n", "(XEN) *** Building a PV Dom0 ***\n");
        let (early, late) = (format!("{warning}{made}"), format!("{made}{warning}"));
        for xen in [Xen::OfDom0, Xen::OfDomU, Xen::BelowShim] {
            assert!(complaints(&early, xen, 0).is_empty());
            assert_eq!(complaints(&late, xen, 0).len(), 1);
            assert_eq!(complaints(warning, xen, 0).len(), 1);
        }
        // dom0 was there for a while, and then the domU.
        let log = format!("{late}{warning}");
        assert_eq!(complaints(&log, Xen::OfDomU, 2).len(), 1);
        assert_eq!(complaints(&log, Xen::OfDomU, 3).len(), 0);
        assert_eq!(complaints(&early, Xen::OfDomU, 1).len(), 0);
    }

    #[test]
    fn what_probes_have_xen_say_and_only_they() {
        let mut options = Options::new(Mode::Dom0);
        assert_eq!(of_probes(&options), ["Error mfn"]);
        options.cpu = "vendor=GenuineIntel,family=6".to_owned();
        assert_eq!(of_probes(&options), ["Error mfn"]);
        options.mode = Mode::DomU;
        assert_eq!(of_probes(&options), ["Error mfn", "L1TF-vulnerable"]);
        (options.cpu, options.shim) = (String::new(), true);
        assert_eq!(of_probes(&options), ["Error mfn", "failed to allocate", "Over-allocation"]);
        options.shim = false;
        assert_eq!(of_probes(&options), ["Error mfn"]);
    }

    #[test]
    fn each_run_has_the_complaints_of_its_own_xens() {
        let out = std::env::temp_dir().join(format!("lab-complaints-{}", std::process::id()));
        std::fs::create_dir_all(&out).unwrap();
        let line = |said: &str| format!("(XEN) {said}\n");
        let xen = ["*** Building a PV Dom0 ***", "Xen WARN at a", "d1v0 about it", "Xen BUG at b"].map(line);
        std::fs::write(out.join("xen.log"), xen.concat()).unwrap();
        let shim = ["Xen WARN at c", "*** Building a PV Dom1 ***", "d1v0 its own", "Xen BUG at d"].map(line);
        std::fs::write(out.join("shim.log"), shim.concat()).unwrap();
        let mut options = Options::new(Mode::Dom0);
        let ends = |options: &Options, before| {
            let found = of_run(&out, options, before).unwrap();
            found.iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ends(&options, 2), "a it b");
        options.mode = Mode::DomU;
        assert_eq!(ends(&options, 0), "a it b");
        assert_eq!(ends(&options, 2), "it b");
        options.shim = true;
        assert_eq!(ends(&options, 0), "own d a b");
        assert_eq!(ends(&options, 2), "own d b");
        std::fs::remove_file(out.join("shim.log")).unwrap();
        let error = format!("{:#}", of_run(&out, &options, 0).unwrap_err());
        assert!(error.contains("shim.log: No such file"), "{error}");
        std::fs::remove_dir_all(out).unwrap();
    }
}
