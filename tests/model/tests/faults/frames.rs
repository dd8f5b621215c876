//! Frames denied: as if the allocator had none left.

use mmu::MmuError;
use xen_guest::Cause;

use crate::calls::over_holes;
use crate::guests::guests;
use crate::tried::try_boot;

#[test]
fn every_frame_denied_once_ends_the_boot_with_one_line_and_breaks_nothing() {
    for (name, guest) in guests().into_iter().chain(over_holes()) {
        let built = guest.build().unwrap();
        let asked = try_boot(&built, |_| {}).machine().frames_asked();
        assert!(asked >= 10, "{name}: {asked} frames are too few for a boot");
        // Most are L1 tables and leaves, all alike: of a large guest's a sample and both ends are denied.
        let step = (asked / 60).max(1) as usize;
        let middle = (20..asked.saturating_sub(20)).step_by(step);
        for n in (1..=asked.min(20)).chain(middle).chain(asked.saturating_sub(20).max(1)..=asked) {
            let tried = try_boot(&built, |built| built.machine.deny_frame_at(n));
            let line = tried.line().unwrap_or_else(|| panic!("{name}: frame {n} of {asked} was not missed"));
            let cause = tried.result.as_ref().unwrap_err().1.cause();
            assert!(matches!(cause, Cause::Mmu(MmuError::NoFrames { .. })), "{name}: {line}");
            assert!(line.contains("no free page left"), "{name}: {line}");
            assert_eq!(tried.machine().refused(), 0, "{name}: {line}");
            tried.audit();
        }
    }
}
