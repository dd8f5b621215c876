//! What might have been overwritten: the P2M, lent bytes, what the payload and its modules hold.

use p2m::P2mEntry;
use start_info::{Mfn, Pfn};
use xen_model::{ModelMachine, NotMapped, Pte};

use crate::invariant::{Checked, PAGE, PARTS};
use crate::ledger::{Ledger, agrees};
use crate::payload::Payload;

/// Checks what might have been overwritten: the P2M, lent bytes, the payload's frames.
///
/// # Errors
/// What is wrong, in a line.
pub(crate) fn contents(ledger: &Ledger, payload: &Payload) -> Checked {
    let machine = payload.subject.machine();
    payload.read_back()?;
    p2m(ledger, payload)?;
    lent(machine)?;
    for start in payload.modules.into_iter().flatten() {
        for ((byte, ..), page) in PARTS.into_iter().zip(0..) {
            let found = machine.read(start + page * PAGE);
            if byte != 0 && found != Ok(u64::from_le_bytes([byte; 8])) {
                return Err(format!("page {page} of the module at {start:#x} begins with {found:x?}"));
            }
        }
    }
    Ok(())
}

/// Checks both forms of the P2M that the toolstack reads, word by word, and what the layer says about changed entries.
fn p2m(ledger: &Ledger, payload: &Payload) -> Checked {
    let machine = payload.subject.machine();
    for (&pfn, &entry) in &payload.changes {
        if !agrees(machine, ledger, pfn, entry) {
            return Err(format!("the payload could set pfn {pfn:#x} to {entry:?}, and the M2P disagrees"));
        }
        let said = payload.subject.entry(Pfn::new(pfn));
        if said != entry {
            return Err(format!("pfn {pfn:#x} was set to {entry:?} and is {said:?}"));
        }
    }
    let top = machine.published().map_or(0, |published| published.frame_list_list);
    let frame = |mfn: Mfn, index: u64| Mfn::try_new(machine.peek(mfn, index as usize)?).ok();
    let listed = |leaf: u64| frame(frame(Mfn::try_new(top).ok()?, leaf / 512)?, leaf % 512);
    let mut last = None;
    let linear = payload.subject.bases().linear_p2m().as_u64();
    for leaf in 0..ledger.pages().div_ceil(512) {
        let at = linear + leaf * PAGE;
        let linear = machine.live_leaf(at).map(|leaf| leaf.pte.mfn());
        let listed = listed(leaf);
        if listed.is_none() || linear.ok() != listed {
            return Err(format!(
                "leaf {leaf:#x} of the P2M is {linear:?} at {at:#x} and {listed:?} in the list"
            ));
        }
        let mut expected = ledger.leaf(leaf).to_vec();
        for (pfn, entry) in payload.changes.range(leaf * 512..leaf * 512 + 512) {
            expected[(pfn % 512) as usize] = entry.encode();
        }
        // Neighbours may share a leaf.
        if last.as_ref() == Some(&(listed, expected.clone())) {
            continue;
        }
        let words = listed.and_then(|mfn| machine.peek_page(mfn)).unwrap_or([0; 512]);
        if let Some(place) = (0..512).find(|&place| words[place] != expected[place]) {
            let (pfn, found) = (leaf * 512 + place as u64, P2mEntry::decode(words[place]));
            return Err(format!(
                "pfn {pfn:#x} is {found:?} in the P2M, not {:?}",
                P2mEntry::decode(expected[place])
            ));
        }
        last = Some((listed, expected));
    }
    Ok(())
}

/// Checks the bytes that were lent, where they were lent.
fn lent(machine: &ModelMachine) -> Checked {
    let Some(at) = machine.lent() else { return Ok(()) };
    for (bytes, page) in machine.ramdisk_as_built().as_chunks::<4096>().0.iter().zip(0..) {
        let address = at + page * PAGE;
        let leaf =
            machine.live_leaf(address).map_err(|why: NotMapped| format!("lent bytes are gone: {why}"))?;
        let words = machine.peek_page(Pte::mfn(leaf.pte)).unwrap_or([0; 512]);
        let as_lent = bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        if !as_lent.eq(words) {
            return Err(format!("page {page} of the bytes that were lent has changed"));
        }
    }
    Ok(())
}
