//! A hindered boot, and what must be true of it afterwards.

use mmu::layout::INIT_P2M;
use start_info::Mfn;
use xen_guest::Failure;
use xen_model::{Booted, Built, ModelMachine, audit, toolstack};

/// A boot that succeeded or failed.
pub(crate) struct Tried {
    pub(crate) result: Result<Booted, (Box<Built>, Failure)>,
    builders_root: Mfn,
}

/// Boots a copy of a guest after `spoil` changed it.
pub(crate) fn try_boot(built: &Built, spoil: impl FnOnce(&mut Built)) -> Tried {
    let mut built = built.clone();
    let builders_root = built.machine.root().unwrap();
    spoil(&mut built);
    Tried { result: built.boot(), builders_root }
}

impl Tried {
    pub(crate) fn machine(&self) -> &ModelMachine {
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

    /// Checks that Xen's rules and ours hold, however the boot ended.
    pub(crate) fn audit(&self) {
        let machine = self.machine();
        audit::references(machine).assert_none();
        audit::protection_of_tables(machine).assert_none();
        // The builder's mappings are writable and executable until its tables are gone, and GRUB's are for user mode; the
        // direct map never is. A list that stays is no longer for user mode when all has been given back.
        let gone = machine.record(self.builders_root).is_none_or(|record| record.table_level().is_none());
        let builders = INIT_P2M.as_u64()..u64::MAX;
        let users = if self.result.is_ok() { 0..0 } else { builders.clone() };
        audit::protection_but(machine, if gone { 0..0 } else { builders }, users).assert_none();
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
