//! The page of a ring.
//!
//! *What this is*: start_info names the rings by machine frames. Both are written to, so before one is used its frame
//! must be that of a page the domain builder took for a ring: a domU's builder puts them right after start_info (xen.h,
//! "Start-of-day memory layout", items e and f).
//!
//! *What must hold*: this is the only way from a ring's frame to its page. A page outside `allowed` is never returned.
//!
//! *What is not prevented*: a frame of another domain that has the same page number there. The P2M list shows that; see
//! [`check_listed`].

use start_info::{Pfn, PfnRange, Ring, RingName, StartInfoError};

use crate::{List, MachineToPhys, Memory, Translate};

/// Returns the page of a ring, which must be one of `allowed`.
///
/// # Errors
/// [`StartInfoError::RingElsewhere`] for any other frame.
pub fn ring_page(
    machine: &impl MachineToPhys,
    allowed: PfnRange,
    name: RingName,
    ring: Ring,
) -> Result<Pfn, StartInfoError> {
    let back = machine.machine_to_phys(ring.mfn);
    let page = back.and_then(|word| Pfn::try_new(word).ok()).filter(|&pfn| allowed.contains(pfn));
    page.ok_or(StartInfoError::RingElsewhere { ring: name, mfn: ring.mfn, back, allowed })
}

/// Checks that the list has the ring's frame at the ring's page.
///
/// # Errors
/// As [`ring_page`], and [`StartInfoError::RingNotListed`] when it has another frame.
pub fn check_listed<M: Memory + MachineToPhys>(
    machine: &M,
    list: &List,
    allowed: PfnRange,
    name: RingName,
    ring: Ring,
) -> Result<(), StartInfoError> {
    let pfn = ring_page(machine, allowed, name, ring)?;
    match list.entry(machine, pfn).ram() {
        Some(mfn) if mfn == ring.mfn => Ok(()),
        listed => Err(StartInfoError::RingNotListed { ring: name, mfn: ring.mfn, pfn, listed }),
    }
}
