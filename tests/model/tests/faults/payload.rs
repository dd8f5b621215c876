//! What a kernel may do once it runs, in any order, while Xen refuses a call now and then.

use kit::module::small_module;
use kit::random::{Random, repeat};
use mmu::Errno;
use p2m::{Frame, P2mEntry};
use start_info::{PageCount, Pfn, PfnRange};
use xen_guest::LoadError;
use xen_model::{Booted, GuestConfig, audit, toolstack};

struct Subject {
    booted: Booted,
    held: Vec<Frame>,
    /// Runs that were taken and never given back.
    spans: Vec<PfnRange>,
}

impl Subject {
    fn new(guest: &GuestConfig) -> Self {
        Self { booted: guest.build().unwrap().boot().unwrap(), held: Vec::new(), spans: Vec::new() }
    }

    /// Does one action and returns the line if it was refused.
    fn act(&mut self, random: &mut Random) -> Option<String> {
        let running = &mut self.booted.running;
        match random.below(11) {
            0..3 => match running.take_frame() {
                Ok(mut frame) => {
                    assert!(
                        !self.spans.iter().any(|span| span.contains(frame.pfn())),
                        "{frame:?} is in a run we hold"
                    );
                    let pfn = frame.pfn().get();
                    running.write(&mut frame, start_info::Index::FIRST, pfn);
                    self.held.push(frame);
                    None
                }
                Err(error) => Some(error.to_string()),
            },
            3 | 4 if !self.held.is_empty() => {
                let frame = self.held.swap_remove(random.index(self.held.len()));
                let machine = running.platform();
                let mfn = machine.built_mfn(frame.pfn().get()).unwrap();
                assert_eq!(
                    machine.peek(mfn, 0),
                    Some(frame.pfn().get()),
                    "somebody else wrote to a frame we hold"
                );
                running.give_frame(frame);
                None
            }
            5 => match running.take_span(PageCount::new(1 + random.below(9))) {
                Ok(span) => {
                    let range = span.range();
                    assert!(
                        !self.spans.iter().any(|other| other.overlaps(range)),
                        "{range} was taken before"
                    );
                    assert!(
                        !self.held.iter().any(|frame| range.contains(frame.pfn())),
                        "{range} has a frame we hold"
                    );
                    self.spans.push(range);
                    None
                }
                Err(error) => Some(error.to_string()),
            },
            6 => running.grow().err().map(|error| error.to_string()),
            7 => running.load_bytes("small", &small_module()).err().map(|error| error.to_string()),
            8 => match running.unload_module("small") {
                Ok(()) | Err(LoadError::NotLoaded) => None,
                Err(error) => Some(error.to_string()),
            },
            _ => {
                // A page of a hole becomes another domain's, then a hole again.
                let pfn = Pfn::new(HOLE.start + random.below(HOLE.end - HOLE.start));
                let foreign = P2mEntry::Foreign(running.platform().other_domains_frame());
                let entry = random.of(&[P2mEntry::Missing, foreign]);
                running.set_entry(pfn, entry).err().map(|error| error.to_string())
            }
        }
    }
}

const HOLE: std::ops::Range<u64> = 0x1a00..0x1e80;

#[test]
fn a_running_guest_stays_sound_whatever_is_done_and_refused() {
    let small = GuestConfig { image_start: 0x80, holes: vec![HOLE], ..GuestConfig::new(0x2345) };
    let lazy = GuestConfig { pages: (1 << 18) + 0x345, ..small.clone() }.with_command_line("map=lazy");
    let (mut refused, mut done) = (0_u64, 0_u64);
    repeat("payload", 30, |random| {
        let guest = if random.below(4) == 0 { &lazy } else { &small };
        let mut subject = Subject::new(guest);
        for _ in 0..80 {
            let machine = subject.booted.machine_mut();
            match random.below(8) {
                0 => machine.cut_at(1 + random.below(3), random.below(4) as usize, Errno::ENOMEM),
                1 => machine.deny_frame_at(1 + random.below(6)),
                _ => {}
            }
            let Some(line) = subject.act(random) else {
                done += 1;
                continue;
            };
            refused += 1;
            assert!(!line.contains('\n'), "{line:?}");
            audit::references(subject.booted.machine()).assert_none();
            audit::protection(subject.booted.machine(), 0..0).assert_none();
        }
        audit::references(subject.booted.machine()).assert_none();
        audit::protection(subject.booted.machine(), 0..0).assert_none();
        assert!(!toolstack::check(subject.booted.machine()).is_err_and(|line| line.starts_with("Bad mfn")));
        for frame in &subject.held {
            let pfn = frame.pfn().get();
            let mfn = subject.booted.machine().built_mfn(pfn).unwrap();
            assert_eq!(
                subject.booted.machine().peek(mfn, 0),
                Some(pfn),
                "somebody else wrote to pfn {pfn:#x}"
            );
        }
    });
    assert!(refused > 0 && done > 0, "{refused} refused, {done} done");
}
