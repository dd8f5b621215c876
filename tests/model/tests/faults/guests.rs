//! The guests that things are refused to, and what must be true of them afterwards.

use mmu::layout::INIT_P2M;
use start_info::Mfn;
use xen_guest::Failure;
use xen_model::{Booted, Built, Guest, Machine, Ramdisk, audit, toolstack};

fn ramdisk() -> Ramdisk {
    Ramdisk::of((0..0x5432_u32).map(|i| (i * 5) as u8).collect())
}

/// Guests that differ in what their boots do. The lazy one has a second chunk that the boot does not map.
pub(crate) fn guests() -> [(&'static str, Guest); 8] {
    let low = |guest: Guest| Guest { image_start: 0x80, ..guest };
    let by_pfn = Guest { ramdisk_by_pfn: true, ..low(Guest::new(0x1357)) };
    [
        ("domU", low(Guest::new(0x1000))),
        ("domU of an odd size", low(Guest::new(0x1233)).with_ramdisk(ramdisk())),
        ("ramdisk by pfn", by_pfn.with_ramdisk(ramdisk())),
        ("dom0", low(Guest::dom0(0x1a01)).with_ramdisk(ramdisk())),
        ("dom0 with the notes", low(Guest::dom0(0x1fff)).with_notes().with_ramdisk(ramdisk())),
        ("lazy", low(Guest::new((1 << 18) + 0x2345)).with_command_line("map=lazy")),
        ("revector=off", low(Guest::new(0x1201)).with_command_line("revector=off")),
        ("INIT_P2M, revector=off", low(Guest::new(0x1201)).with_notes().with_command_line("revector=off")),
    ]
}

/// A boot that ended one way or the other.
pub(crate) struct Tried {
    pub(crate) result: Result<Booted, (Box<Built>, Failure)>,
    builders_root: Mfn,
}

/// Boots a copy of a guest, to which `spoil` was done first.
pub(crate) fn try_boot(built: &Built, spoil: impl FnOnce(&mut Built)) -> Tried {
    let mut built = built.clone();
    let builders_root = built.machine.root().unwrap();
    spoil(&mut built);
    Tried { result: built.boot(), builders_root }
}

impl Tried {
    pub(crate) fn machine(&self) -> &Machine {
        match &self.result {
            Ok(booted) => booted.machine(),
            Err((built, _)) => &built.machine,
        }
    }

    /// Returns the line of a boot that failed.
    pub(crate) fn line(&self) -> Option<String> {
        let (_, failure) = self.result.as_ref().err()?;
        let line = failure.to_string();
        assert!(!line.contains('\n'), "{line:?} is more than a line");
        assert!(line.starts_with(&format!("{}: ", failure.stage())), "{line:?} does not name its stage");
        Some(line)
    }

    /// Checks that Xen's rules and ours hold, whatever became of the boot.
    pub(crate) fn audit(&self) {
        let machine = self.machine();
        audit::references(machine).assert_none();
        audit::protection_of_tables(machine).assert_none();
        // What the builder's tables map is writable and executable until they are gone; the direct map never is.
        let gone = machine.record(self.builders_root).is_none_or(|record| record.table_level().is_none());
        audit::protection(machine, if gone { 0..0 } else { INIT_P2M.as_u64()..u64::MAX }).assert_none();
        if machine.root() != Some(self.builders_root) {
            machine.each_leaf(machine.root().unwrap(), |leaf| {
                assert!(!(leaf.writable && leaf.executable), "{leaf:?} after the switch");
            });
        }
        if let Ok(booted) = &self.result
            && booted.running.parts().publication.is_some()
        {
            toolstack::check(machine).unwrap();
        }
    }
}
