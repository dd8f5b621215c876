//! Audits of the machine that trust no other code.
//!
//! *What this is*: reference counts counted again from all tables, and the rules for an address space. Tests call it
//! after a boot, finished or not.
//!
//! *What must hold*: it uses no code of the boot layer, and none of the code that takes and drops references.

use std::fmt;
use std::ops::Range;

use start_info::Mfn;

use crate::frames::{FrameIndex, Frames, Owner, PageInfo, PageType};
use crate::machine::ModelMachine;
use crate::pte::Pte;
use crate::types::XEN_SLOTS;

/// The most complaints that are kept.
const MOST: usize = 20;

/// What is wrong; empty if nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaints {
    lines: Vec<String>,
    more: usize,
}

impl Complaints {
    /// Adds a complaint.
    pub fn add(&mut self, line: impl FnOnce() -> String) {
        if self.lines.len() < MOST {
            self.lines.push(line());
        } else {
            self.more += 1;
        }
    }

    /// Tells whether nothing is wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Fails the test if something is wrong.
    ///
    /// # Panics
    /// With all complaints.
    pub fn assert_none(&self) {
        assert!(self.is_empty(), "{self}");
    }
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        if self.more > 0 { writeln!(f, "and {} more", self.more) } else { Ok(()) }
    }
}

/// Counts all references again and compares.
#[must_use]
pub fn references(machine: &ModelMachine) -> Complaints {
    let mut complaints = Complaints::default();
    let counted = count(machine, &mut complaints);
    for frame in machine.frames.all() {
        let (kept, counted) = (machine.frames.get(frame), counted.get(frame));
        let mfn = machine.frames.mfn(frame);
        if kept.count() != counted.count() || kept.references() != counted.references() {
            complaints.add(|| format!("mfn {mfn} has {kept:?}, but {counted:?} were counted"));
        }
        if counted.count() > 0 && kept.kind() != counted.kind() {
            complaints.add(|| format!("mfn {mfn} is {kept:?}, but is used as {counted:?}"));
        }
        let used = kept.references() > 0 || kept.is_pinned();
        if used && !matches!(kept.owner(), Owner::Guest | Owner::Lent) {
            complaints.add(|| format!("mfn {mfn} is not the guest's and is used: {kept:?}"));
        }
    }
    complaints
}

/// Walks every table and counts what it leads to.
fn count(machine: &ModelMachine, complaints: &mut Complaints) -> Frames {
    let len = machine.frames.len() as u64;
    let mut counted = Frames::new(machine.shuffle.base(), len);
    let mut count = |mfn: Mfn, kind: Option<PageType>| match machine.frame(mfn) {
        None if machine.has_device(mfn) => {}
        None => complaints.add(|| format!("mfn {mfn} is mapped and is no memory of the guest")),
        Some(frame) => {
            let held = counted.get(frame).held_once_more();
            counted.set(frame, kind.map_or(held, |kind| used(held, kind)));
        }
    };
    count(machine.shared_info(), Some(PageType::Writable));
    for root in [machine.root, machine.user_root].into_iter().flatten() {
        count(machine.frames.mfn(root), Some(PageType::Table(4)));
    }
    machine.gdt().for_each(|mfn| count(mfn, Some(PageType::Descriptors)));
    for frame in machine.frames.all() {
        let record = machine.frames.get(frame);
        let Some(level) = record.table_level() else { continue };
        if record.is_pinned() {
            count(machine.frames.mfn(frame), Some(PageType::Table(level)));
        }
        for pte in entries(machine, frame, level) {
            let kind = match level {
                1 => pte.is_writable().then_some(PageType::Writable),
                _ => Some(PageType::Table(level - 1)),
            };
            count(pte.mfn(), kind);
        }
    }
    counted
}

fn used(record: PageInfo, kind: PageType) -> PageInfo {
    if record.count() == 0 { record.used_once_as(kind) } else { record.used_once_more() }
}

fn entries(machine: &ModelMachine, table: FrameIndex, level: u8) -> impl Iterator<Item = Pte> {
    let words = machine.contents.words(table);
    (0..words.len())
        .filter(move |slot| level < 4 || !XEN_SLOTS.contains(slot))
        .map(move |slot| Pte(words[slot]))
        .filter(|pte| pte.is_present())
}

/// Checks every leaf of the live address space: nothing writable and executable, by one mapping or by two; no table
/// writable; no page for user mode. Leaves in `except` may be writable and executable, as the builder made them.
#[must_use]
pub fn protection(machine: &ModelMachine, except: Range<u64>) -> Complaints {
    protection_but(machine, except, 0..0)
}

/// As [`protection`], where leaves in `users` may also be for user mode, as GRUB makes them.
#[must_use]
pub fn protection_but(machine: &ModelMachine, except: Range<u64>, users: Range<u64>) -> Complaints {
    let mut complaints = protection_of_tables(machine);
    let Some(root) = machine.root() else { return complaints };
    let mut executable = Vec::new();
    machine.each_leaf(root, |leaf| {
        let (address, pte) = (leaf.address, leaf.pte);
        if leaf.executable && !except.contains(&address) {
            executable.push(pte.mfn());
            if pte.is_writable() {
                complaints.add(|| format!("{address:#x} is writable and executable"));
            }
        }
        if pte.0 & crate::pte::GUEST_KERNEL == 0 && !users.contains(&address) {
            complaints.add(|| format!("{address:#x} is a page for user mode: {:#x}", pte.0));
        }
    });
    for mfn in executable {
        let record = machine.record(mfn);
        if record.is_some_and(|record| record.kind() == PageType::Writable && record.count() > 0) {
            complaints.add(|| format!("mfn {mfn} is executable and has a writable mapping: {record:?}"));
        }
    }
    complaints
}

/// Checks that no live table has a writable mapping in the live address space.
#[must_use]
pub fn protection_of_tables(machine: &ModelMachine) -> Complaints {
    let mut complaints = Complaints::default();
    if let Some(root) = machine.root() {
        machine.each_leaf(root, |leaf| {
            let record = machine.record(leaf.pte.mfn());
            if let Some(level) = record.and_then(PageInfo::table_level)
                && leaf.pte.is_writable()
            {
                complaints.add(|| format!("{:#x} maps a live L{level} table writable", leaf.address));
            }
        });
    }
    complaints
}

/// Checks that entries changed and not flushed do no harm. Between two calls of a payload a processor may still hold
/// one kind of old translation: a writable one of a page that is a table now. Nobody can write through it, because
/// nobody holds the page any longer.
#[must_use]
pub fn stale(machine: &ModelMachine) -> Complaints {
    let mut complaints = Complaints::default();
    for (table, index, old) in machine.stale.all() {
        let now = Pte(machine.contents.word(table, index));
        let is_table = machine.record(old.mfn()).is_some_and(|record| record.table_level().is_some());
        if !is_table || now.mfn() != old.mfn() || now.is_writable() {
            let table = machine.frames.mfn(table);
            complaints
                .add(|| format!("entry {index} of mfn {table} was {old:?}, is {now:?}, and was not flushed"));
        }
    }
    complaints
}

/// Returns every table that is in use, with its level.
pub fn tables(machine: &ModelMachine) -> impl Iterator<Item = (Mfn, u8)> {
    machine.frames.tables().map(|(frame, level)| (machine.frames.mfn(frame), level))
}
