//! The published P2M as the toolstack reads it.
//!
//! *What this is*: `map_p2m_tree` and `map_p2m_list` of tools/libs/guest/xg_sr_save_x86_pv.c: shared_info, then machine
//! frames only.
//!
//! *What must hold*: what real tools would refuse is refused here with the tool's reason. A page's frame is looked up
//! in the M2P: the guest may have given frames back and taken others.

use std::collections::HashSet;

use start_info::{ENTRIES, Mfn};

use crate::machine::ModelMachine;
use crate::platform::{FRAME_LIST_LIST, MAX_PFN, P2M_CR3, P2M_GENERATION, P2M_VADDR};
use crate::pte::Pte;
use crate::walk::index;

/// The mark of an identity entry: the page stands for the machine frame of the same number.
const IDENTITY: u64 = 1 << 62;
/// The most pages the three-level form describes.
const THREE_LEVEL_REACH: u64 = ENTRIES * ENTRIES * ENTRIES;

/// Compares both published forms with the frames the guest has, entry by entry.
///
/// # Errors
/// The first thing the toolstack would refuse, in words.
pub fn check(machine: &ModelMachine) -> Result<(), String> {
    let info = |word: usize| machine.peek(machine.shared_info(), word).unwrap_or_default();
    let max_pfn = info(MAX_PFN);
    if max_pfn != machine.pages_now() {
        return Err(format!("max_pfn is {max_pfn:#x}, the guest has {:#x} pages", machine.pages_now()));
    }
    if info(P2M_GENERATION) % 2 != 0 {
        return Err("p2m_generation is odd: a change is going on".into());
    }
    three_levels(machine, info(FRAME_LIST_LIST))?;
    linear(machine, info(P2M_CR3), info(P2M_VADDR), u64::MAX)
}

fn three_levels(machine: &ModelMachine, top: u64) -> Result<(), String> {
    let pages = machine.pages_now();
    if pages > THREE_LEVEL_REACH {
        // The guest is too large for it: it must not look valid.
        return if top == u64::MAX {
            Ok(())
        } else {
            Err(format!("Bad mfn {top:#x} for p2m frame list list"))
        };
    }
    let top = frame(machine, top, "frame list list")?;
    let mut known = Known::new();
    for number in 0..pages.div_ceil(ENTRIES) {
        let middle = machine.peek(top, (number / ENTRIES) as usize).unwrap_or_default();
        let middle = frame(machine, middle, "frame list")?;
        let leaf = machine.peek(middle, (number % ENTRIES) as usize).unwrap_or_default();
        let leaf = frame(machine, leaf, "leaf")?;
        leaf_is_right(machine, &mut known, leaf, number, u64::MAX)?;
    }
    Ok(())
}

/// Checks what is published of a list that stayed at `at`, where the builder put it: its linear form if the tools can read that,
/// and else nothing.
///
/// # Errors
/// As [`check`].
pub fn check_left(machine: &ModelMachine, at: u64) -> Result<(), String> {
    let info = |word: usize| machine.peek(machine.shared_info(), word).unwrap_or_default();
    let (cr3, list) = (info(P2M_CR3), info(FRAME_LIST_LIST));
    if list != u64::MAX {
        return Err(format!("a frame list at {list:#x} of a list that stayed"));
    }
    let root = machine.root().map_or(0, Mfn::get) << 12;
    // What is in the builder's list after its last entry is not defined.
    match (cr3, linear(machine, root, at, machine.pages_now())) {
        (0, Err(_)) => Ok(()),
        (0, Ok(())) => Err(format!("the tools could read the list at {at:#x}, which is not published")),
        (_, could) if cr3 == root && info(P2M_VADDR) == at => could,
        _ => Err(format!("the list at {at:#x} is published at {:#x} by {cr3:#x}", info(P2M_VADDR))),
    }
}

/// Returns how many entries of a list the tools read. They cut off equal L1 tables at the end, and take the last for one of
/// those unless its number among the tables of the list is also its place in the L2 table (`xg_core_x86.c`,
/// `xc_core_arch_map_p2m_list_rw`; `xg_sr_save_x86_pv.c`, `map_p2m_list`).
fn pages_read(start: u64, pages: u64) -> u64 {
    let last = start + pages.div_ceil(ENTRIES) * 4096 - 1;
    let tables = (last >> 21) - (start >> 21);
    let place = index(start, 2) as u64 + tables;
    let kept = if tables == place { tables + 1 } else { tables };
    pages.min(kept << 18)
}

/// Compares the words of pages below `end` with what the guest has.
fn linear(machine: &ModelMachine, cr3: u64, start: u64, end: u64) -> Result<(), String> {
    let pages = machine.pages_now();
    let leaves = pages.div_ceil(ENTRIES);
    let last = start + leaves * 4096 - 1;
    if start <= 0xffff_87ff_ffff_ffff && last >= 0xffff_8000_0000_0000 {
        return Err(format!("Bad virtual p2m address range {start:#x}..{last:#x}"));
    }
    let read = pages_read(start, pages);
    if read < pages {
        return Err(format!("the tools read {read:#x} of {pages:#x} entries of a list at {start:#x}"));
    }
    let root = frame(machine, cr3 >> 12, "p2m_cr3")?;
    let mut known = Known::new();
    for number in 0..leaves {
        let address = start + number * 4096;
        let mut mfn = root;
        for level in (1..=4).rev() {
            let word = machine.peek(mfn, index(address, level)).unwrap_or_default();
            mfn = Pte(word).mfn();
            if mfn.get() == 0 {
                return Err(format!("Bad mfn 0 during page table walk for {address:#x} at level {level}"));
            }
        }
        let leaf = frame(machine, mfn.get(), "leaf of the linear list")?;
        leaf_is_right(machine, &mut known, leaf, number, end)?;
    }
    Ok(())
}

/// Confirms that a number is a frame the guest owns, known to the M2P.
fn frame(machine: &ModelMachine, number: u64, what: &str) -> Result<Mfn, String> {
    Mfn::try_new(number)
        .ok()
        .filter(|&mfn| machine.held_pfn(mfn).is_some())
        .ok_or_else(|| format!("Bad mfn {number:#x} for {what}"))
}

/// Leaves without memory, with what they say about their pages: one leaf of a tree stands for many runs of pages.
type Known = HashSet<(Mfn, bool)>;

fn leaf_is_right(
    machine: &ModelMachine,
    known: &mut Known,
    leaf: Mfn,
    number: u64,
    end: u64,
) -> Result<(), String> {
    let first = number * ENTRIES;
    let alike = machine.device_run_end(first) >= first + ENTRIES
        && machine.held(first..first + ENTRIES).next().is_none();
    let kind = (leaf, machine.is_device(first));
    if alike && known.contains(&kind) {
        return Ok(());
    }
    for offset in 0..ENTRIES.min(end - first) {
        let pfn = first + offset;
        let found = machine.peek(leaf, offset as usize).unwrap_or_default();
        let expected = machine.held_mfn(pfn);
        let right = match expected {
            Some(mfn) => found == mfn.get(),
            // The tools compare whole words with the largest frame; an identity mark makes one larger than that.
            None => found == u64::MAX || (found == IDENTITY && machine.is_device(pfn)),
        };
        if !right {
            return Err(format!(
                "leaf {number:#x} (mfn {leaf}) has {found:#x} for pfn {pfn:#x}, not {expected:?}"
            ));
        }
    }
    if alike {
        known.insert(kind);
    }
    Ok(())
}
