//! The rings of a domU: which page of ours each is, and when the console's is written to.
//!
//! *What this is*: what start_info says of the rings, held against where a builder puts them, before a byte is stored to one.
//!
//! *What must hold*: the console is attached here and nowhere else, so no page is ever written to but one of the two behind start_info.

use p2m::{List, SharedPage, ring_page};
use start_info::{BootFacts, Console, Pfn, PfnRange, Ring, RingName, StartInfoError};

use crate::platform::Platform;

/// Uses the console ring, if the domain has one, where `page_of` says its page is mapped.
///
/// # Errors
/// [`Error::RingElsewhere`] when its frame is not that of a page for rings. The page where it belongs is used then, so that the refusal
/// can be read: nothing else is in it, and the daemon may well be right.
pub(crate) fn attach_console<P: Platform>(
    platform: &mut P,
    facts: &BootFacts,
    page_of: impl FnOnce(Pfn) -> Option<SharedPage>,
) -> Result<(), StartInfoError> {
    let Console::Ring(console) = facts.console() else { return Ok(()) };
    let checked = ring_page(platform, facts.ring_pages(), RingName::Console, console);
    let pfn = match checked {
        Ok(pfn) => Some(pfn),
        Err(_) => vacant(platform, facts),
    };
    if let Some(page) = pfn.and_then(page_of) {
        platform.attach_console(page, console.port);
    }
    checked.map(|_| ())
}

/// Uses the console ring of a start_info that was refused, if its frame is that of one of the two pages in `allowed`.
pub(crate) fn attach_raw_console<P: Platform>(
    platform: &mut P,
    allowed: PfnRange,
    console: Ring,
    page_of: impl FnOnce(Pfn) -> Option<SharedPage>,
) {
    let page = ring_page(platform, allowed, RingName::Console, console).ok().and_then(page_of);
    if let Some(page) = page {
        platform.attach_console(page, console.port);
    }
}

/// Checks that each ring's frame is that of a page for rings, by Xen's M2P and by the builder's list.
///
/// # Errors
/// [`Error::RingElsewhere`], [`Error::RingNotListed`].
pub(crate) fn check_listed<P: Platform>(
    platform: &P,
    facts: &BootFacts,
    list: &List,
) -> Result<(), StartInfoError> {
    rings(facts)
        .try_for_each(|(name, ring)| p2m::check_listed(platform, list, facts.ring_pages(), name, ring))
}

fn rings(facts: &BootFacts) -> impl Iterator<Item = (RingName, Ring)> + use<> {
    let console = match facts.console() {
        Console::Ring(ring) => Some((RingName::Console, ring)),
        Console::Hypervisor { .. } => None,
    };
    console.into_iter().chain(facts.xenstore().map(|ring| (RingName::Xenstore, ring)))
}

/// Returns the last page for rings that xenstore's is not in.
fn vacant<P: Platform>(platform: &P, facts: &BootFacts) -> Option<Pfn> {
    let allowed = facts.ring_pages();
    let store = facts.xenstore().and_then(|ring| ring_page(platform, allowed, RingName::Xenstore, ring).ok());
    allowed.iter().rev().find(|&pfn| Some(pfn) != store)
}
