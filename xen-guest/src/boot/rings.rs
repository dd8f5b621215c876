//! The rings of a domU: which of our pages each one is, and from when on the console's is written.
//!
//! *What this is*: what start_info says of the rings is compared with where a domain builder puts them, before a byte
//! is written to one.
//!
//! *What must hold*: the console is attached here and nowhere else, so only one of the two pages after start_info is
//! ever written.

use p2m::{List, SharedPage, ring_page};
use start_info::{BootFacts, Console, Pfn, PfnRange, Ring, RingName, StartInfoError};

use crate::{
    platform::Platform,
    ring::{consumer::Consumer, layout::CONSOLE_INPUT},
};

/// A ring of the domain's, where it is mapped for good.
#[derive(Debug)]
pub(crate) struct DomainRing {
    pub(crate) page: SharedPage,
    pub(crate) port: u32,
}

/// The rings that the running guest reads and writes. Its log is written by the platform.
#[derive(Debug)]
pub(crate) struct DomainRings {
    /// The console's, and how far its input was read.
    pub(crate) console: Option<(DomainRing, Consumer)>,
    #[cfg(feature = "xenstore")]
    pub(crate) xenstore: Option<DomainRing>,
}

impl DomainRings {
    /// Finds the rings as [`attach_console`] does.
    pub(crate) fn find<P: Platform>(
        platform: &mut P,
        facts: &BootFacts,
        allowed: impl Iterator<Item = PfnRange> + Clone,
        page_of: impl Fn(Pfn) -> Option<SharedPage>,
    ) -> Self {
        let find = |platform: &P, name, ring: Ring| {
            let pfn = ring_page_in(platform, allowed.clone(), name, ring).ok()?;
            Some(DomainRing { page: page_of(pfn)?, port: ring.port })
        };
        let console = match facts.console() {
            Console::Ring(ring) => find(platform, RingName::Console, ring),
            Console::Hypervisor { .. } => None,
        };
        let console = console.map(|ring| {
            let input = Consumer::attach(&platform.shared(&ring.page), CONSOLE_INPUT);
            (ring, input)
        });
        #[cfg(feature = "xenstore")]
        let xenstore = facts.xenstore().and_then(|ring| find(platform, RingName::Xenstore, ring));
        Self {
            console,
            #[cfg(feature = "xenstore")]
            xenstore,
        }
    }
}

/// Uses the console ring, if the domain has one, where `page_of` says its page is mapped. `allowed` are the pages for rings, by
/// the numbers they have at this moment.
///
/// # Errors
/// [`StartInfoError::RingElsewhere`] when its frame is not that of a page for rings. Then the page where it belongs is
/// used, so that the refusal can be read: it holds nothing else, and the console daemon may well read it.
pub(crate) fn attach_console<P: Platform>(
    platform: &mut P,
    facts: &BootFacts,
    allowed: impl Iterator<Item = PfnRange> + Clone,
    page_of: impl FnOnce(Pfn) -> Option<SharedPage>,
) -> Result<(), StartInfoError> {
    let Console::Ring(console) = facts.console() else { return Ok(()) };
    let checked = ring_page_in(platform, allowed.clone(), RingName::Console, console);
    let pfn = match checked {
        Ok(pfn) => Some(pfn),
        Err(_) => vacant(platform, facts, allowed),
    };
    if let Some(page) = pfn.and_then(page_of) {
        platform.attach_console(page, console.port);
    }
    checked.map(|_| ())
}

/// Returns the page of a ring, which must be in one of the ranges.
fn ring_page_in<P: Platform>(
    platform: &P,
    allowed: impl Iterator<Item = PfnRange>,
    name: RingName,
    ring: Ring,
) -> Result<Pfn, StartInfoError> {
    let mut result = ring_page(platform, PfnRange::EMPTY, name, ring);
    for allowed in allowed {
        if result.is_err() {
            result = ring_page(platform, allowed, name, ring);
        }
    }
    result
}

/// Uses the console ring of a refused start_info, if its frame belongs to one of the two pages in `allowed`.
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

/// Checks by Xen's M2P and by the builder's list that each ring's frame belongs to a page for rings.
///
/// # Errors
/// [`StartInfoError::RingElsewhere`], [`StartInfoError::RingNotListed`].
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

/// Returns the last page for rings that does not hold xenstore's.
fn vacant<P: Platform>(
    platform: &P,
    facts: &BootFacts,
    allowed: impl Iterator<Item = PfnRange> + Clone,
) -> Option<Pfn> {
    let store = facts
        .xenstore()
        .and_then(|ring| ring_page_in(platform, allowed.clone(), RingName::Xenstore, ring).ok());
    allowed.flat_map(PfnRange::iter).filter(|&pfn| Some(pfn) != store).last()
}
