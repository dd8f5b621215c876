//! Lists of raw actions on page tables, compared with a second statement of the rules.
//!
//! *What this is*: a few pages, and random stores, mappings, pins and updates of entries. The oracle keeps no counts:
//! an action is legal if the result is consistent, worked out from all pins each time. The model keeps counts as Xen
//! does. They must agree on every action.

use kit::random::{Random, repeat};
use mmu::Errno;
use xen_model::{GuestConfig, ModelMachine, PageType, Pte, audit};

/// The pages used.
const PAGES: std::ops::Range<u64> = 0x100..0x10c;
const NO_EXECUTE: u64 = 1 << 63;
const PIN_L1: u32 = 0;
const UNPIN: u32 = 4;

/// How the boot mapping maps a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mapped {
    Not,
    Read,
    Write,
}

struct Subject {
    machine: ModelMachine,
    mapped: [Mapped; 12],
    pinned: [Option<u8>; 12],
}

#[derive(Clone, Copy, Debug)]
enum Action {
    /// Page, index, value.
    Store(u64, u64, u64),
    Map(u64, Mapped),
    Pin(u64, u8),
    Unpin(u64),
    Update(u64, u64, u64),
}

fn place(page: u64) -> usize {
    (page - PAGES.start) as usize
}

/// The slots that are used; others stay empty.
fn slots() -> impl Iterator<Item = u64> {
    [0, 1, 2, 255].into_iter().chain(256..=272).chain([511])
}

impl Subject {
    fn new() -> Self {
        let mut machine = GuestConfig::new(64 << 8).build().unwrap().machine;
        for page in PAGES {
            (0..512).for_each(|slot| machine.write(address(page) + slot * 8, 0).unwrap());
        }
        Self { machine, mapped: [Mapped::Write; 12], pinned: [None; 12] }
    }

    fn maddr(&self, page: u64) -> u64 {
        self.machine.built_mfn(page).unwrap().maddr().get()
    }

    fn value(&self, random: &mut Random) -> u64 {
        let flags = random.of(&[
            0x67,
            0x67,
            0x67,
            0x61 | NO_EXECUTE,
            0x61 | NO_EXECUTE,
            0x63 | NO_EXECUTE,
            0x61,
            0x63,
            0xe7,
            0x62,
            0x167,
        ]);
        match random.below(12) {
            0 | 1 => 0,
            2 => self.machine.other_domains_frame().maddr().get() | flags,
            3 => self.machine.device_frame().maddr().get() | flags,
            4 => self.machine.free_frame().maddr().get() | flags,
            5 => self.maddr(0x1002) | flags,
            _ => self.maddr(PAGES.start + random.below(12)) | flags,
        }
    }

    fn action(&self, random: &mut Random) -> Action {
        let page = PAGES.start + random.below(12);
        let slot = random.of(&[0, 1, 2, 255, 256, 271, 272, 511]);
        match random.below(16) {
            0..4 => Action::Store(page, slot, self.value(random)),
            4 | 5 => Action::Map(page, Mapped::Write),
            6..9 => Action::Map(page, Mapped::Read),
            9 => Action::Map(page, Mapped::Not),
            10 | 11 => Action::Pin(page, random.of(&[1, 1, 2, 2, 3, 4])),
            12 => Action::Unpin(page),
            _ => Action::Update(page, slot, self.value(random)),
        }
    }

    fn carry_out(&mut self, action: Action) -> Result<(), Errno> {
        let machine = &mut self.machine;
        let maddr = |machine: &ModelMachine, page| machine.built_mfn(page).unwrap().maddr().get();
        match action {
            Action::Store(page, slot, value) => machine.write(address(page) + slot * 8, value),
            Action::Map(page, mapped) => {
                let entry = match mapped {
                    Mapped::Not => 0,
                    Mapped::Read => maddr(machine, page) | 0x61 | NO_EXECUTE,
                    Mapped::Write => maddr(machine, page) | 0x63 | NO_EXECUTE,
                };
                machine.update_address(address(page), entry)
            }
            Action::Pin(page, level) => {
                let mfn = maddr(machine, page) / 4096;
                machine
                    .extended_operations(&[(PIN_L1 + u32::from(level) - 1, mfn, 0)])
                    .map_err(|stopped| stopped.errno)
            }
            Action::Unpin(page) => {
                let mfn = maddr(machine, page) / 4096;
                machine.extended_operations(&[(UNPIN, mfn, 0)]).map_err(|stopped| stopped.errno)
            }
            Action::Update(page, slot, value) => {
                let target = maddr(machine, page) + slot * 8;
                machine.update_entries(&[(target, value)]).map_err(|stopped| stopped.errno)
            }
        }
    }

    /// Tells whether an action is legal, and notes its effect.
    fn expect(&mut self, action: Action) -> bool {
        let (mapped, pinned) = (self.mapped, self.pinned);
        let legal = match action {
            Action::Store(page, ..) => mapped[place(page)] == Mapped::Write,
            Action::Map(page, how) => {
                self.mapped[place(page)] = how;
                self.levels(None).is_some()
            }
            Action::Pin(page, level) => {
                self.pinned[place(page)] = Some(level);
                pinned[place(page)].is_none() && self.levels(None).is_some()
            }
            Action::Unpin(page) => self.pinned[place(page)].take().is_some(),
            // The new entry's references are taken before the old one's are dropped: both count.
            Action::Update(page, slot, value) => match self.levels(None).unwrap()[place(page)] {
                None => false,
                Some(4) if (256..272).contains(&slot) => false,
                Some(_) => self.levels(Some((page, value))).is_some(),
            },
        };
        if !legal {
            (self.mapped, self.pinned) = (mapped, pinned);
        }
        legal
    }

    /// Returns each page's level as a table, or nothing if the rule is broken; `added` is one more entry of a page.
    fn levels(&self, added: Option<(u64, u64)>) -> Option<[Option<u8>; 12]> {
        let mut levels = [None; 12];
        let mut written: [bool; 12] = std::array::from_fn(|place| self.mapped[place] == Mapped::Write);
        let mut open: Vec<(u64, u8)> =
            PAGES.filter_map(|page| self.pinned[place(page)].map(|level| (page, level))).collect();
        while let Some((page, level)) = open.pop() {
            match levels[place(page)].replace(level) {
                Some(before) if before == level => continue,
                Some(_) => return None,
                None => {}
            }
            let mfn = self.machine.built_mfn(page).unwrap();
            let words = slots()
                .filter(|slot| level < 4 || !(256..272).contains(slot))
                .map(|slot| self.machine.peek(mfn, slot as usize).unwrap());
            for word in words.chain(added.filter(|added| added.0 == page).map(|added| added.1)) {
                match self.target(level, word)? {
                    Some(below) if level > 1 => open.push((below, level - 1)),
                    Some(below) if PAGES.contains(&below) => written[place(below)] |= word & 2 != 0,
                    _ => {}
                }
            }
        }
        (0..12).all(|place| levels[place].is_none() || !written[place]).then_some(levels)
    }

    /// Returns the page that a word of a table of `level` leads to; nothing if the word is not allowed.
    fn target(&self, level: u8, word: u64) -> Option<Option<u64>> {
        if word & 1 == 0 {
            return (word == 0).then_some(None);
        }
        let forbidden = if level == 1 { 0x98 } else { 0x198 };
        if word & forbidden != 0 || (level == 1 && word & 2 != 0 && word & NO_EXECUTE == 0) {
            return None;
        }
        let page = self.machine.built_pfn(Pte(word).mfn())?.get();
        // The builder maps the guest's other pages writable.
        (level == 1 || PAGES.contains(&page)).then_some(Some(page))
    }

    fn check(&self) {
        audit::references(&self.machine).assert_none();
        audit::protection_of_tables(&self.machine).assert_none();
        let levels = self.levels(None).unwrap();
        for page in PAGES {
            let record = self.machine.record(self.machine.built_mfn(page).unwrap()).unwrap();
            assert_eq!(record.table_level(), levels[place(page)], "{page:#x}: {record:?}");
            assert_eq!(record.is_pinned(), self.pinned[place(page)].is_some(), "{page:#x}");
            let written = record.kind() == PageType::Writable && record.count() > 0;
            assert!(written || self.mapped[place(page)] != Mapped::Write, "{page:#x}: {record:?}");
        }
    }
}

fn address(page: u64) -> u64 {
    ModelMachine::virt_base() + page * 4096
}

#[test]
fn the_model_agrees_with_the_rule_on_every_action() {
    let fresh = Subject::new();
    let (mut done, mut refused, mut tall) = (0_u64, 0_u64, 0_u64);
    repeat("tables", 300, |random| {
        let mut subject = Subject { machine: fresh.machine.clone(), ..fresh };
        let mut history = Vec::new();
        for _ in 0..150 {
            let action = subject.action(random);
            history.push(action);
            let legal = subject.expect(action);
            let result = subject.carry_out(action);
            assert_eq!(result.is_ok(), legal, "{result:?}; the last of {history:x?}");
            if legal { done += 1 } else { refused += 1 }
        }
        subject.check();
        tall += u64::from(subject.levels(None).unwrap().iter().flatten().any(|&level| level > 1));
    });
    assert!(
        done > 0 && refused > 0 && tall > 0,
        "{done} done, {refused} refused, {tall} with tables of tables"
    );
}
