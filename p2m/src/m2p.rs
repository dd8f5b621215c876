//! The check of the P2M against Xen's own table, the M2P.
//!
//! *What this is*: Xen keeps the PFN of every machine frame in a table the guest may read (`xen.h`,
//! MACH2PHYS_VIRT_START). A P2M entry is right when the M2P leads back to it.
//!
//! *What must hold*: the M2P entry of a foreign frame holds the owner's number, so only entries marked as own RAM are
//! compared.

use core::fmt;

use start_info::{ENTRIES, Mfn, PageCount, Pfn, PfnRange};

use crate::{Memory, P2mEntry, Translate};

/// Xen's machine to pseudo-physical table.
pub trait MachineToPhys {
    /// Returns the table's word for `mfn`, or `None` where the table has no page there.
    fn machine_to_phys(&self, mfn: Mfn) -> Option<u64>;

    /// Returns the PFN that the table holds for `mfn`, if the word is a PFN.
    fn pfn_of(&self, mfn: Mfn) -> Option<Pfn> {
        self.machine_to_phys(mfn).and_then(|word| Pfn::try_new(word).ok())
    }
}

/// How many entries of each kind a P2M had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Entries for own memory, each confirmed by the M2P.
    pub ram: u64,
    /// Entries without a page.
    pub missing: u64,
    /// Identity entries.
    pub identity: u64,
    /// Foreign entries.
    pub foreign: u64,
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ram, missing, identity, foreign } = self;
        write!(
            f,
            "{ram} pages confirmed by the M2P, {missing} missing, {identity} identity, {foreign} foreign"
        )
    }
}

/// A page on which the P2M and the M2P disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the P2M gives pfn {pfn} the frame {mfn}, {}", in_m2p(*.back))]
pub struct Mismatch {
    /// The page.
    pub pfn: Pfn,
    /// What the P2M holds for it.
    pub mfn: Mfn,
    /// What the M2P holds for that frame; `None` where the M2P has no page there.
    pub back: Option<u64>,
}

/// Describes what the M2P has for a frame.
fn in_m2p(back: Option<u64>) -> impl fmt::Display {
    fmt::from_fn(move |f| match back {
        Some(back) => write!(f, "but Xen's M2P gives that frame to pfn {back:#x}"),
        None => f.write_str("for which Xen's M2P has no entry"),
    })
}

/// Compares the entries of the first `pages` pages with the M2P.
///
/// # Errors
/// [`Mismatch`] for the first page on which they disagree.
pub fn audit<M: Memory + MachineToPhys>(
    p2m: &impl Translate,
    machine: &M,
    pages: PageCount,
) -> Result<Audit, Mismatch> {
    let mut audit = Audit::default();
    let mut rest = PfnRange::first(pages);
    while let Some(pfn) = rest.iter().next() {
        // At the start of each leaf, skip a long gap without memory.
        if pfn.get().is_multiple_of(ENTRIES) {
            let gap = p2m.without_memory(machine, pfn).intersection(rest);
            let count = match p2m.entry(machine, pfn) {
                P2mEntry::Missing => Some(&mut audit.missing),
                P2mEntry::Identity => Some(&mut audit.identity),
                P2mEntry::Ram(_) | P2mEntry::Foreign(_) => None,
            };
            if let Some(count) = count.filter(|_| !gap.is_empty()) {
                *count += gap.len().get();
                rest = rest.from(gap.end());
                continue;
            }
        }
        rest = rest.from(pfn.plus(1));
        match p2m.entry(machine, pfn) {
            P2mEntry::Ram(mfn) => match machine.machine_to_phys(mfn) {
                Some(back) if back == pfn.get() => audit.ram += 1,
                back => return Err(Mismatch { pfn, mfn, back }),
            },
            P2mEntry::Missing => audit.missing += 1,
            P2mEntry::Identity => audit.identity += 1,
            P2mEntry::Foreign(_) => audit.foreign += 1,
        }
    }
    Ok(audit)
}
