//! Both published forms of the P2M equal the one that the toolstack read.
//!
//! *What must hold*: shared_info names a three-level list by MFN and a linear one by CR3 and address. Every leaf is the
//! guest's own page. An entry without a page is all ones or, in both forms alike, an identity mark: the number means
//! the machine frame of the same number. The rest of the last leaf is all ones. The linear list starts at a multiple of
//! 1 GiB: elsewhere the tools trim equal tails wrongly (xg_core_x86.c, xc_core_arch_map_p2m_list_rw).
//!
//! *What is not prevented*: `xl` prefers the linear form, so that one agrees by construction unless the two walks
//! differ. The three-level form and the direct map are the independent witnesses. Only the machine's memory map tells
//! which numbers may be marked, and a core has none: the caller compares [`crate::Summary::identity`] with what it
//! knows.

use std::collections::BTreeSet;

use start_info::{ENTRIES, MAX_FRAMES, Maddr, Mfn, PAGE_SIZE, Pfn};
use x86_64::VirtAddr;

use crate::{CoreFile, ExpectedTables, Finding, ListForm, ListPart, WalkError, report::Findings, walk};

const GIB: u64 = 1 << 30;
const NO_FRAME: u64 = u64::MAX;
/// An identity entry, for the machine frame of the same number: bit 62, and nothing else.
pub(crate) const IDENTITY: u64 = 1 << 62;

/// The numbers that a form marks as identity.
pub(crate) type Identity = BTreeSet<u64>;

/// Checks both forms; returns the numbers they mark as identity.
pub(crate) fn check(
    core: &CoreFile,
    expected: &ExpectedTables,
    found: &mut Findings,
) -> Result<Identity, WalkError> {
    let published = core.published();
    if !published.p2m_generation.is_multiple_of(2) {
        found.push(Finding::Generation { found: published.p2m_generation });
    }
    let max_pfn = published.max_pfn;
    if max_pfn < core.pfn_end() || max_pfn == 0 || max_pfn > MAX_FRAMES {
        found.push(Finding::MaxPfn { found: max_pfn, pages_end: core.pfn_end() });
        return Ok(Identity::new());
    }
    // The form that the tools read decides which numbers are marked; the other must agree.
    let mut marks = Marks::default();
    check_linear(core, expected, &mut marks, found)?;
    marks.settled = marks.read;
    if expected.own_list {
        check_tree(core, &mut marks, found)?;
    } else if published.frame_list_list != NO_FRAME {
        // There is no such form, and nothing may look like one.
        let (form, part, mfn) = (ListForm::Tree, ListPart::Top, published.frame_list_list);
        found.push(Finding::ListPage { form, part, mfn });
    }
    Ok(marks.identity)
}

/// The marks of the form that is read first, for comparison with the other.
#[derive(Debug, Default)]
struct Marks {
    identity: Identity,
    /// A form has been read.
    read: bool,
    /// No more marks are accepted.
    settled: bool,
}

impl Marks {
    /// What an entry without a page must be.
    fn due(&mut self, number: u64, entry: u64) -> u64 {
        self.read = true;
        if !self.settled && entry == IDENTITY {
            self.identity.insert(number);
        }
        if self.identity.contains(&number) { IDENTITY } else { NO_FRAME }
    }
}

fn check_tree(core: &CoreFile, marks: &mut Marks, found: &mut Findings) -> Result<(), WalkError> {
    let form = ListForm::Tree;
    let published = core.published();
    let Some(top) = read_page(core, form, ListPart::Top, published.frame_list_list, found)? else {
        return Ok(());
    };
    let leaves = published.max_pfn.div_ceil(ENTRIES);
    // The list ends at 512 GiB (xg_sr_save_x86_pv.c, map_p2m_tree); larger guests have the linear form only.
    for (number, mid) in (0..leaves.div_ceil(ENTRIES)).zip(top) {
        let Some(mid) = read_page(core, form, ListPart::Mid(number), mid, found)? else { continue };
        for (leaf, mfn) in (number * ENTRIES..leaves).zip(mid) {
            if let Some(entries) = read_page(core, form, ListPart::Leaf(leaf), mfn, found)? {
                compare(core, form, leaf, &entries, marks, found);
            }
        }
    }
    Ok(())
}

fn check_linear(
    core: &CoreFile,
    expected: &ExpectedTables,
    marks: &mut Marks,
    found: &mut Findings,
) -> Result<(), WalkError> {
    let form = ListForm::Linear;
    let published = core.published();
    let root = match Maddr::try_new(published.p2m_cr3) {
        Ok(maddr) if maddr.get().is_multiple_of(PAGE_SIZE) && core.pfn(maddr.mfn()).is_some() => maddr.mfn(),
        _ => {
            let mfn = published.p2m_cr3 / PAGE_SIZE;
            found.push(Finding::ListPage { form, part: ListPart::Top, mfn });
            return Ok(());
        }
    };
    let base = published.p2m_vaddr;
    // Of a list that stayed where the builder put it, the tools may read all at another address too: they have made this dump.
    let border = if expected.own_list { GIB } else { PAGE_SIZE };
    if VirtAddr::try_new(base).is_err() || !base.is_multiple_of(border) {
        found.push(Finding::ListAddress { va: base });
    }
    if let Some(expected) = expected.linear_p2m.filter(|expected| expected.as_u64() != base) {
        found.push(Finding::ListElsewhere { va: base, expected });
    }
    for leaf in 0..published.max_pfn.div_ceil(ENTRIES) {
        let va = VirtAddr::new_truncate(base.wrapping_add(leaf * PAGE_SIZE));
        match walk::translate(core, root, va)? {
            Some(mapped) => {
                let mfn = mapped.mfn.get();
                if let Some(entries) = read_page(core, form, ListPart::Leaf(leaf), mfn, found)? {
                    let used = entries_due(expected, published.max_pfn, leaf, &entries);
                    compare(core, form, leaf, used, marks, found);
                }
            }
            None => {
                if let Ok(pfn) = Pfn::try_new(leaf * ENTRIES) {
                    found.push(Finding::ListUnmapped { va, pfn });
                }
            }
        }
    }
    Ok(())
}

/// Reads a page of a published form by its published number.
fn read_page(
    core: &CoreFile,
    form: ListForm,
    part: ListPart,
    mfn: u64,
    found: &mut Findings,
) -> Result<Option<Vec<u64>>, WalkError> {
    let page = match Mfn::try_new(mfn) {
        Ok(mfn) => core.read_frame(mfn)?,
        Err(_) => None,
    };
    if page.is_none() {
        found.push(Finding::ListPage { form, part, mfn });
    }
    Ok(page)
}

/// The entries of a page that are in use.
fn entries_due<'e>(expected: &ExpectedTables, max_pfn: u64, leaf: u64, entries: &'e [u64]) -> &'e [u64] {
    let used = max_pfn.saturating_sub(leaf * ENTRIES).min(ENTRIES) as usize;
    if expected.own_list { entries } else { entries.get(..used).unwrap_or(entries) }
}

fn compare(
    core: &CoreFile,
    form: ListForm,
    leaf: u64,
    entries: &[u64],
    marks: &mut Marks,
    found: &mut Findings,
) {
    let max_pfn = core.published().max_pfn;
    for (number, entry) in (leaf * ENTRIES..).zip(entries) {
        let Ok(pfn) = Pfn::try_new(number) else { return };
        let expected = core.mfn(number);
        if number >= max_pfn {
            if *entry != NO_FRAME {
                found.push(Finding::ListTail { form, pfn, found: *entry });
            }
            continue;
        }
        let due = expected.map_or_else(|| marks.due(number, *entry), Mfn::get);
        if *entry != due {
            found.push(Finding::ListEntry { form, pfn, found: *entry, expected });
        }
    }
}
