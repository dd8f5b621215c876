//! A running guest, and actions on it that Xen refuses.
//!
//! *What this is*: a [`Deed`] is done once unhindered, which shows how many hypercalls, requests and frames it takes.
//! Then it is done on fresh guests with each of them refused, cut or denied; with each call that undoes it refused as
//! well; with a frame denied and a call refused.
//!
//! *What must hold*: one line says why. At once Xen's rules hold and every page has an owner. After what waits was
//! tried again, frames, addresses and modules are as before the deed or as after it, and the deed can be done.

use std::collections::HashSet;

use mmu::{Errno, MmuError, Refused, Region};
use p2m::Frame;
use start_info::Pfn;
use xen_guest::LoadError;
use xen_model::{Booted, GuestConfig, ModelMachine, audit, toolstack};

use crate::account::{Account, drain};
use crate::calls::requests;

/// A guest that runs.
pub(crate) struct Subject {
    pub(crate) booted: Booted,
    /// Frames that are used elsewhere until the account is made.
    pub(crate) held: Vec<Frame>,
}

/// What must be the same before and after.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State {
    free: u64,
    mapped: u64,
    window: Vec<Region>,
    modules: Vec<String>,
    entry: p2m::P2mEntry,
}

impl Subject {
    pub(crate) fn booted(guest: &GuestConfig) -> Self {
        Self { booted: guest.build().unwrap().boot().unwrap(), held: Vec::new() }
    }

    pub(crate) fn machine(&self) -> &ModelMachine {
        self.booted.machine()
    }

    pub(crate) fn state(&self) -> State {
        let running = &self.booted.running;
        State {
            free: running.free(),
            mapped: running.mapped().get(),
            window: running.parts().window.taken().collect(),
            modules: running.modules().loaded().iter().map(|module| module.name().to_owned()).collect(),
            entry: running.entry(WATCHED),
        }
    }

    pub(crate) fn waits(&self) -> bool {
        self.booted.running.parts().window.leaving().next().is_some()
            || self.booted.running.parts().map.pending_pages(self.machine()).next().is_some()
    }

    /// Tries again what was refused, until nothing waits; returns how often.
    fn tidy(&mut self) -> usize {
        let mut times = 0;
        while self.waits() {
            let (machine, parts) = self.booted.running.parts_mut();
            let tried =
                parts.window.undo_pending(machine, &mut parts.map).and(parts.map.undo_pending(machine));
            assert!(tried.is_err() || !self.waits(), "nothing was refused, and it waits");
            self.audit();
            times += 1;
            assert!(times < 9, "what waits is never given back");
        }
        times
    }

    pub(crate) fn audit(&self) {
        let machine = self.machine();
        audit::references(machine).assert_none();
        audit::protection(machine, 0..0).assert_none();
        if self.booted.running.parts().publication.is_some() {
            match toolstack::check(machine) {
                // The one page with a changed entry is not as it was built.
                Err(line) => assert!(line.contains(" for pfn 0x900,") && self.is_changed(), "{line}"),
                Ok(()) => assert!(!self.is_changed()),
            }
        }
    }

    fn is_changed(&self) -> bool {
        matches!(self.booted.running.entry(WATCHED), p2m::P2mEntry::Foreign(_))
    }

    /// Ends the guest: every page that was not given away must have an owner. A large guest's pages are only counted:
    /// `fixed` is how many kept their use.
    fn account(mut self, fixed: u64, what: &str) {
        if self.machine().pages() > LARGE {
            assert_eq!(self.fixed(), fixed, "pages that are not accounted for {what}");
            return self.audit();
        }
        self.booted.machine_mut().hinder_no_more();
        for frame in self.held.drain(..).rev() {
            self.booted.running.give_frame(frame);
        }
        let free = drain(&mut self.booted);
        let away = |pfn: &u64| self.booted.running.entry(Pfn::new(*pfn)).ram().is_none();
        let mut lost = Account::of(&self.booted).nobodys(self.machine(), &free);
        lost.retain(|pfn| !away(pfn));
        assert!(lost.is_empty(), "nobody's {} pages {what}: {:x?}", lost.len(), &lost[..lost.len().min(8)]);
        self.audit();
    }
}

impl Subject {
    /// Counts the mapped pages that are not free, held, a table, a module's or waiting.
    fn fixed(&self) -> u64 {
        let (machine, running) = (self.machine(), &self.booted.running);
        let mapped = running.mapped().get();
        let memory = (0..mapped).filter(|&pfn| machine.built_mfn(pfn).is_some()).count() as u64;
        let pfn = |mfn| machine.built_pfn(mfn).unwrap();
        let mut used: HashSet<Pfn> = audit::tables(machine).map(|(mfn, _)| pfn(mfn)).collect();
        used.extend(running.parts().window.pending_pages().chain(running.parts().map.pending_pages(machine)));
        for address in running.parts().window.taken().flat_map(|region| region.addresses()) {
            used.extend(machine.live_leaf(address.as_u64()).ok().map(|leaf| pfn(leaf.pte.mfn())));
        }
        memory - (running.free() + self.held.len() as u64 + used.len() as u64)
    }
}

/// The most pages that are drained in every case.
const LARGE: u64 = 0x8000;

/// The page whose entry is watched.
pub(crate) const WATCHED: Pfn = Pfn::new(0x900);

/// What Xen and the allocator refuse to a deed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hindrance {
    /// Which call from now on, after how many of its requests, and why.
    pub(crate) calls: Vec<(u64, usize, Errno)>,
    pub(crate) frame: Option<u64>,
}

/// The state a refused deed leaves, once nothing waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// As before it.
    Before,
    /// As after it: it is done.
    After,
    /// As before, but the direct map may have grown.
    Grown,
}

/// An action on a guest.
pub(crate) struct Deed<'d> {
    pub(crate) name: &'d str,
    pub(crate) guest: &'d GuestConfig,
    pub(crate) prepare: &'d dyn Fn(&mut Subject),
    pub(crate) act: &'d dyn Fn(&mut Subject) -> Result<(), LoadError>,
    pub(crate) leaves: Leaves,
}

impl Deed<'_> {
    fn prepared(&self) -> Subject {
        let mut subject = Subject::booted(self.guest);
        (self.prepare)(&mut subject);
        subject
    }

    /// Does it unhindered; returns the state afterwards, the number of requests of each hypercall, and how many frames
    /// it takes.
    fn unhindered(&self) -> (State, Vec<usize>, u64) {
        let mut subject = self.prepared();
        let fixed = subject.fixed();
        let (calls, frames) = (subject.machine().calls(), subject.machine().frames_asked());
        (self.act)(&mut subject).unwrap();
        let machine = subject.machine();
        let lens = (calls..machine.calls()).map(|call| requests(machine, call)).collect();
        let frames = machine.frames_asked() - frames;
        let after = subject.state();
        subject.account(fixed, &format!("after {}, not hindered", self.name));
        (after, lens, frames)
    }

    /// Does it hindered, and returns how often what waited had to be tried again.
    fn hindered(&self, after: &State, hindrance: &Hindrance) -> usize {
        let what = format!("{} with {hindrance:?}", self.name);
        let hinder = || {
            let mut subject = self.prepared();
            let before = (subject.state(), subject.fixed());
            let machine = subject.booted.machine_mut();
            hindrance.calls.iter().for_each(|&(call, done, errno)| machine.cut_at(call, done, errno));
            hindrance.frame.into_iter().for_each(|frame| machine.deny_frame_at(frame));
            let result = (self.act)(&mut subject);
            subject.audit();
            (subject, before, result)
        };
        let (mut subject, (before, fixed), result) = hinder();
        if let Err(error) = &result {
            let line = error.to_string();
            assert!(!line.contains('\n'), "{what}: {line:?}");
            let first = hindrance.calls.first();
            match error {
                LoadError::Mmu(error) | LoadError::Lingers { error, .. } => match error {
                    MmuError::Refused(Refused { errno, .. }) => {
                        assert!(first.is_some_and(|first| first.2 == *errno), "{what}: {line}");
                        assert!(line.contains(&errno.to_string()), "{what}: {line:?}");
                    }
                    MmuError::NoFrames { .. } => assert!(hindrance.frame.is_some(), "{what}: {line}"),
                    _ => panic!("{what}: {line}"),
                },
                _ => panic!("{what}: {line}"),
            }
        }
        if subject.waits() {
            hinder().0.account(fixed, &format!("while some wait, {what}"));
        } else if result.is_err() && self.leaves == Leaves::Before {
            assert_eq!(subject.state(), before, "{what}: at once");
        }
        let times = subject.tidy();
        match (&result, self.leaves) {
            (Ok(()), _) | (Err(_), Leaves::After) => assert_eq!(&subject.state(), after, "{what}"),
            (Err(_), Leaves::Before) => assert_eq!(subject.state(), before, "{what}"),
            (Err(_), Leaves::Grown) => {}
        }
        if result.is_err() && self.leaves != Leaves::After {
            // Refusals of later calls may be left over.
            let again = (0..4).map(|_| (self.act)(&mut subject)).find(Result::is_ok);
            assert_eq!(again, Some(Ok(())), "{what}: again");
            subject.tidy();
            let now = subject.state();
            assert!(now == *after || self.leaves == Leaves::Grown, "{what}: again {now:?}, not {after:?}");
            assert_eq!(now.window, after.window, "{what}: again");
        }
        subject.account(fixed, &format!("after {what}"));
        times
    }

    /// Refuses and cuts every hypercall of it, then also each call that undoes it.
    pub(crate) fn refuse_calls(&self) {
        let (after, lens, _) = self.unhindered();
        assert!(!lens.is_empty(), "{} makes no hypercall", self.name);
        let mut waited = 0;
        for (call, &len) in (1..).zip(&lens) {
            let refuse = |calls: Vec<_>| self.hindered(&after, &Hindrance { calls, frame: None });
            for errno in [Errno::EINVAL, Errno::EBUSY] {
                refuse(vec![(call, 0, errno)]);
            }
            let mut cuts: Vec<usize> =
                [0, 1, len / 2, len - 1].into_iter().filter(|&done| done < len).collect();
            cuts.dedup();
            for done in cuts {
                let first = (call, done, Errno::ENOMEM);
                refuse(vec![first]);
                waited += refuse(vec![first, (call + 1, 0, Errno::ENOMEM)]);
                waited += refuse(vec![first, (call + 1, 1, Errno::ENOMEM)]);
            }
            for back in 2..=5 {
                waited += refuse(vec![(call, len / 2, Errno::ENOMEM), (call + back, 0, Errno::ENOMEM)]);
            }
            waited += refuse((call..call + 4).map(|call| (call, len / 2, Errno::ENOMEM)).collect());
        }
        let undone_at_once = matches!(lens[..], [1]);
        assert!(waited > 0 || undone_at_once, "{}: the way back was never refused", self.name);
    }

    /// Denies every frame of it, then also refuses each call of it and each that undoes it.
    pub(crate) fn deny_frames(&self) {
        let (after, lens, frames) = self.unhindered();
        assert!(frames > 0, "{} takes no frame", self.name);
        // Of many alike, a sample and both ends.
        let all =
            (1..=frames).filter(|frame| frames < 9 || *frame <= 3 || *frame == frames || frame % 251 == 0);
        for frame in all {
            self.hindered(&after, &Hindrance { calls: Vec::new(), frame: Some(frame) });
            for call in 1..=lens.len() as u64 + 3 {
                let calls = vec![(call, 0, Errno::ENOMEM)];
                self.hindered(&after, &Hindrance { calls, frame: Some(frame) });
            }
        }
    }
}
