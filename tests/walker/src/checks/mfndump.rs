//! `xen-mfndump` agrees on every frame, and so does the type Xen has for each.
//!
//! *What must hold*: the listing was made in the state that was dumped. Every frame of the P2M is a usable page of the
//! domain. A number that both published forms mark as identity is listed with that mark. Xen has a frame as a table
//! exactly if the walk reached it. A table that only Xen knows is a boot table that was not given back, or one pinned
//! and then forgotten.
//!
//! *What is not prevented*: tables that only map the linear list need not be pinned, so Xen may or may not have a type
//! for them.

use start_info::{Maddr, Pfn};

use crate::{
    DumpedType, Finding, MfnDump, MfnLine, WalkError,
    checks::published::{IDENTITY, Identity},
    report::{Findings, View},
    walk::Tables,
};

pub(crate) fn check(
    view: &View<'_>,
    identity: &Identity,
    listing: &MfnDump,
    found: &mut Findings,
) -> Result<(), WalkError> {
    let core = view.core;
    let expected = core.published().max_pfn;
    let lines = listing.lines.len() as u64;
    if listing.p2m_size != expected || lines != expected {
        found.push(Finding::MfndumpSize { found: listing.p2m_size, lines, expected });
    }
    let list_tables = list_tables(view)?;
    for (number, line) in (0..).zip(&listing.lines) {
        let expected = core.mfn(line.pfn);
        let agrees = match expected {
            Some(mfn) => line.mfn == mfn.get(),
            None if identity.contains(&number) => line.mfn == IDENTITY,
            None => line.mfn == u64::MAX,
        };
        if line.pfn != number || !agrees {
            found.push(Finding::MfndumpEntry { pfn: line.pfn, found: line.mfn, expected });
        } else {
            check_type(view, &list_tables, line, found);
        }
    }
    Ok(())
}

fn check_type(view: &View<'_>, list_tables: &Tables, line: &MfnLine, found: &mut Findings) {
    let (Ok(pfn), Some(mfn)) = (Pfn::try_new(line.pfn), view.core.mfn(line.pfn)) else { return };
    let walked = view.tables.level(mfn);
    let agrees = match line.kind {
        DumpedType::Plain => walked.is_none(),
        DumpedType::Table(level) => walked.or(list_tables.level(mfn)) == Some(level),
        DumpedType::NotUsable(_) => false,
    };
    if !agrees {
        found.push(Finding::MfndumpType { pfn, mfn, found: line.kind, walked });
    }
}

/// The tables of the linear list, if they are not the vCPUs'. `checks::published` reports what is wrong with them.
fn list_tables(view: &View<'_>) -> Result<Tables, WalkError> {
    let mut tables = Tables::default();
    if let Ok(root) = Maddr::try_new(view.core.published().p2m_cr3)
        && view.tables.level(root.mfn()).is_none()
        && view.core.pfn(root.mfn()).is_some()
    {
        tables.collect(view.core, root.mfn(), &mut Findings::default())?;
    }
    Ok(tables)
}
