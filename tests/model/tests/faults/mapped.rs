//! The payload's own pages, while Xen refuses to map, protect or unmap them, and no frame is free for a table.
//!
//! *What must hold*: at once nothing is writable and executable, and no old translation does harm. The pages are with
//! their owner, or wait and become free memory. What was refused can be tried again, and nothing is lost.

use mmu::{Access, Errno, MappedPages, MmuError, layout::Bases};
use p2m::{Mapped, Span};
use start_info::PageCount;
use xen_model::{Booted, GuestConfig, Pte, audit};

use crate::calls::requests;

const PAGES: u64 = 5;
const ALL: [Access; 3] = [Access::Read, Access::ReadWrite, Access::Execute];

/// What is done.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Map(Access),
    Protect(Access, Access),
    Unmap(Access),
}

struct Case {
    booted: Booted,
    span: Option<Span<Mapped>>,
    pages: Option<MappedPages<Span<Mapped>>>,
    /// Frames that are free while nothing is mapped and the run is taken.
    free: u64,
}

impl Case {
    /// A guest that has a run of pages, mapped if the deed needs it. If it is not the first mapping, the tables that
    /// stay are there.
    fn prepared(deed: Deed, is_first: bool) -> Self {
        let guest = GuestConfig { image_start: 0x80, ..GuestConfig::new(0x1233) };
        let mut booted = guest.build().unwrap().boot().unwrap();
        if !is_first {
            let frame = booted.running.take_frame().unwrap();
            let pages = booted.running.map(frame, Access::Read).unwrap();
            let frame = booted.running.unmap(pages).unwrap();
            booted.running.give_frame(frame);
        }
        let span = booted.running.take_span(PageCount::new(PAGES)).unwrap();
        let free = booted.running.free();
        let mut case = Self { booted, span: Some(span), pages: None, free };
        if let Deed::Protect(access, _) | Deed::Unmap(access) = deed {
            case.act(Deed::Map(Access::ReadWrite)).unwrap();
            let pages = case.pages.as_mut().unwrap();
            case.booted.running.write_bytes(pages, 4094, b"text").unwrap();
            case.act(Deed::Protect(access, access)).unwrap();
        }
        case
    }

    fn act(&mut self, deed: Deed) -> Result<(), MmuError> {
        let running = &mut self.booted.running;
        match deed {
            Deed::Map(access) => match running.map(self.span.take().unwrap(), access) {
                Ok(pages) => {
                    self.pages = Some(pages);
                    Ok(())
                }
                Err((span, error)) => {
                    self.span = span;
                    Err(error)
                }
            },
            Deed::Protect(_, access) => running.protect(self.pages.as_mut().unwrap(), access),
            Deed::Unmap(_) => match running.unmap(self.pages.take().unwrap()) {
                Ok(span) => {
                    self.span = Some(span);
                    Ok(())
                }
                Err((pages, error)) => {
                    self.pages = pages;
                    Err(error)
                }
            },
        }
    }

    fn audit(&self, is_flushed: bool) {
        let machine = self.booted.machine();
        audit::references(machine).assert_none();
        audit::protection(machine, 0..0).assert_none();
        if is_flushed {
            audit::stale(machine).assert_none();
        }
    }

    /// Checks what the owner may do after a refusal.
    fn check_refused(&mut self, what: &str) {
        let running = &mut self.booted.running;
        match (&mut self.pages, &self.span) {
            (Some(pages), None) => {
                let mut text = [0; 4];
                let read = running.read_bytes(pages, 4094, &mut text);
                let written = running.write_bytes(pages, 4094, b"next");
                match pages.access() {
                    None => assert!(written.is_err(), "{what}"),
                    Some(access) => assert_eq!(written.is_ok(), access == Access::ReadWrite, "{what}"),
                }
                match read {
                    Ok(()) => assert_eq!(&text, b"text", "{what}"),
                    Err(error) => assert!(matches!(error, MmuError::Torn { .. }), "{what}: {error}"),
                }
            }
            (None, _) => {}
            (Some(_), Some(_)) => panic!("{what}: the pages are here and there"),
        }
    }

    /// Gives everything back; then as many frames are free as before.
    fn end(mut self, stay: u64, what: &str) {
        self.booted.machine_mut().hinder_no_more();
        if self.pages.is_some() {
            self.act(Deed::Unmap(Access::Read)).unwrap();
        }
        if self.booted.running.parts().payload.pending_pages().next().is_some() {
            // The next mapping tries again first.
            let frame = self.booted.running.take_frame().unwrap();
            let pages = self.booted.running.map(frame, Access::Read).unwrap();
            assert_eq!(self.booted.running.parts().payload.pending_pages().count(), 0, "{what}");
            let frame = self.booted.running.unmap(pages).unwrap();
            self.booted.running.give_frame(frame);
        }
        let (machine, parts) = self.booted.running.parts_mut();
        parts.payload.undo_pending(machine, &mut parts.map).unwrap();
        assert_eq!(parts.payload.taken().count() + parts.payload.pending_pages().count(), 0, "{what}");
        match self.span.take() {
            Some(span) => self.booted.running.give_span(span),
            None => assert_eq!(self.booted.running.free() + stay, self.free + PAGES, "{what}: not free"),
        }
        assert_eq!(self.booted.running.free() + stay, self.free + PAGES, "{what}");
        self.audit(true);
    }
}

/// Does it with calls refused: from which on, after how many requests of the first, and how many after it.
fn hindered(deed: Deed, is_first: bool, (call, done, more): (u64, usize, u64)) {
    let what = format!("{deed:?}, first: {is_first}, call {call} after {done}, {more} more");
    let mut case = Case::prepared(deed, is_first);
    let machine = case.booted.machine_mut();
    machine.cut_at(call, done, Errno::ENOMEM);
    (1..=more).for_each(|next| machine.cut_at(call + next, 0, Errno::EBUSY));
    let result = case.act(deed);
    // A flush that was refused comes with the next change.
    case.audit(more == 0 && !matches!(&result, Err(error) if error.to_string().contains("flush")));
    let Err(error) = result else { panic!("{what}: nothing was refused") };
    assert!(matches!(error, MmuError::Refused(_)), "{what}: {error}");
    case.check_refused(&what);
    case.booted.machine_mut().hinder_no_more();
    if !matches!((deed, &case.span), (Deed::Map(_), None)) {
        case.act(deed).unwrap();
        case.audit(true);
        if let (Deed::Map(access) | Deed::Protect(_, access), Some(pages)) = (deed, &case.pages) {
            for address in pages.region().addresses() {
                let leaf = case.booted.machine().live_leaf(address.as_u64()).unwrap();
                let may = (leaf.writable, leaf.executable);
                assert_eq!(may, (access == Access::ReadWrite, access == Access::Execute), "{what}");
            }
        }
    }
    // The first mapping makes three tables, and the lowest goes with it.
    let slot = (Bases::FIXED.payload().as_u64() >> 39) as usize % 512;
    let root = case.booted.machine().root().unwrap();
    let stays = is_first && case.booted.machine().peek(root, slot) != Some(0);
    case.end(if stays { 2 } else { 0 }, &what);
}

fn each_refusal(deed: Deed, is_first: bool) {
    let mut case = Case::prepared(deed, is_first);
    let before = case.booted.machine().calls();
    case.act(deed).unwrap();
    let machine = case.booted.machine();
    let lens: Vec<usize> = (before..machine.calls()).map(|call| requests(machine, call)).collect();
    assert!(!lens.is_empty());
    for (call, &len) in (1..).zip(&lens) {
        for done in 0..len.max(1) {
            // A second refusal loses the upper tables (`mmu/src/direct_map/open.rs`).
            for more in 0..if is_first { 1 } else { 4 } {
                hindered(deed, is_first, (call, done, more));
            }
        }
    }
}

#[test]
fn a_mapping_that_is_refused_or_cut_gives_the_pages_back() {
    for access in ALL {
        each_refusal(Deed::Map(access), false);
    }
    each_refusal(Deed::Map(Access::Execute), true);
}

#[test]
fn a_change_of_protection_that_is_refused_or_cut_can_be_made_again() {
    for from in ALL {
        for to in ALL {
            each_refusal(Deed::Protect(from, to), false);
        }
    }
}

#[test]
fn an_unmapping_that_is_refused_or_cut_can_be_made_again() {
    for access in ALL {
        each_refusal(Deed::Unmap(access), false);
    }
}

#[test]
fn a_mapping_without_a_frame_for_a_table_gives_the_pages_back() {
    for (is_first, tables) in [(true, 3), (false, 1)] {
        for denied in 1..=tables {
            let deed = Deed::Map(Access::Execute);
            let mut case = Case::prepared(deed, is_first);
            case.booted.machine_mut().deny_frame_at(denied);
            let error = case.act(deed).unwrap_err();
            assert!(matches!(error, MmuError::NoFrames { .. }), "{denied}: {error}");
            assert!(case.span.is_some());
            assert_eq!(case.booted.running.free(), case.free);
            case.audit(true);
            case.act(deed).unwrap();
            case.end(if is_first { 2 } else { 0 }, &format!("frame {denied}"));
        }
    }
}

/// A table whose mapping was refused, and a later one for the same addresses: both come back with the mapping that waited.
#[test]
fn a_table_that_was_never_hooked_and_its_successor_both_come_back() {
    let mut case = Case::prepared(Deed::Map(Access::Read), false);
    let free = case.booted.running.free();
    // The table is frozen and not hooked, and stays so.
    case.booted.machine_mut().cut_at(1, 1, Errno::ENOMEM);
    case.booted.machine_mut().cut_at(2, 0, Errno::EBUSY);
    case.act(Deed::Map(Access::Read)).unwrap_err();
    assert_eq!(case.booted.running.parts().payload.pending_pages().count(), 1);
    assert_eq!(case.booted.running.free() + 1, free);
    // The next mapping there needs a table of its own, which must stay while that one waits.
    case.booted.machine_mut().hinder_no_more();
    case.booted.machine_mut().cut_at(1, 0, Errno::EBUSY);
    case.act(Deed::Map(Access::Read)).unwrap();
    case.act(Deed::Unmap(Access::Read)).unwrap();
    assert_eq!(case.booted.running.parts().payload.pending_pages().count(), 1);
    let (machine, parts) = case.booted.running.parts_mut();
    parts.payload.undo_pending(machine, &mut parts.map).unwrap();
    assert_eq!(case.booted.running.free(), free);
    case.end(0, "two tables");
}

/// A page that the direct map lacks cannot come back. Then the mapping is gone too, and the others are free memory.
#[test]
fn an_unmapping_that_loses_a_page_gives_the_mapping_away() {
    let deed = Deed::Unmap(Access::Read);
    let mut case = Case::prepared(deed, false);
    let pages = case.pages.as_ref().unwrap().region();
    let lost = case.booted.running.lookup(pages.start() + 2 * 4096_u64).unwrap().page.unwrap().pfn.unwrap();
    let address = Bases::FIXED.direct_map().as_u64() + lost.get() * 4096;
    let machine = case.booted.machine_mut();
    let index = |level: u32| (address >> (12 + 9 * (level - 1))) as usize % 512;
    let table = [4, 3, 2]
        .into_iter()
        .fold(machine.root().unwrap(), |table, level| Pte(machine.peek(table, index(level)).unwrap()).mfn());
    machine.poke(table, index(1), 0);
    assert_eq!(case.act(deed), Err(MmuError::NoMemory { pfn: lost }));
    assert!(case.pages.is_none() && case.span.is_none());
    assert_eq!(case.booted.running.parts().payload.taken().count(), 0);
    assert_eq!(case.booted.running.free(), case.free + PAGES - 1);
}
