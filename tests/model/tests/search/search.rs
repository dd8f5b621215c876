//! All sequences of calls up to a length, and long random ones.
//!
//! *What this is*: a depth-first search. A guest cannot be copied, because what its payload owns cannot; so each state
//! is made anew by booting and repeating its calls. The search does not go on after a call that changed nothing, or
//! from a state reached before with as many calls left: machine, layer and payload are compared whole.
//!
//! *What must hold*: an action is deterministic.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::mem::discriminant;
use std::panic::{AssertUnwindSafe, catch_unwind};

use xen_model::Built;

use crate::action::{Action, Alphabet};
use crate::guests::Shape;
use crate::invariant::{check, drain};
use crate::ledger::Ledger;
use crate::payload::{Outcome, Payload};

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Count {
    /// Sequences of calls made, each checked at its end.
    pub(crate) sequences: u64,
    /// How many of those ended with a call that was not refused.
    pub(crate) done: u64,
    /// How many of those changed nothing.
    pub(crate) idle: u64,
    /// How many of those led to a known state.
    pub(crate) known: u64,
    /// Boots.
    pub(crate) boots: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequences, done, idle, known, boots } = self;
        write!(
            f,
            "{sequences} sequences ({done} end with a call that was done; {idle} change nothing, {known} lead "
        )?;
        write!(f, "to a state that was known), {boots} boots")
    }
}

/// A sequence of calls, and what was wrong after it.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) actions: Vec<Action>,
    pub(crate) line: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nafter", self.line)?;
        self.actions.iter().try_for_each(|action| write!(f, " {action};"))
    }
}

/// The search of one guest.
pub(crate) struct Search {
    shape: Shape,
    built: Built,
    ledger: Ledger,
    alphabet: Alphabet,
    /// Whether all frames are taken at the end of each sequence.
    drains: bool,
    seen: HashMap<u64, usize>,
    pub(crate) count: Count,
}

/// Runs something, and turns a panic into an error.
fn caught<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

impl Search {
    /// Boots the guest once, and opens the ledger.
    pub(crate) fn of(shape: Shape, alphabet: Alphabet, drains: bool) -> Self {
        let mut built = shape.guest.build().unwrap();
        built.image.drawn = shape.drawn;
        let mut payload = Payload::booted(&shape, &built);
        let mut ledger = Ledger::of(&built, payload.subject.machine(), &payload.heap);
        let owners = check(&ledger, &payload).unwrap();
        ledger.own = drain(&ledger, &mut payload, owners).unwrap();
        Self { shape, built, ledger, alphabet, drains, seen: HashMap::new(), count: Count::default() }
    }

    pub(crate) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn boot(&mut self) -> Payload {
        self.count.boots += 1;
        Payload::booted(&self.shape, &self.built)
    }

    /// Boots and repeats earlier calls.
    pub(crate) fn repeat(&mut self, actions: &[Action]) -> Payload {
        let mut payload = self.boot();
        for &action in actions {
            let _ = payload.act(action);
        }
        payload
    }

    /// Makes all sequences of up to `depth` calls.
    ///
    /// # Errors
    /// The first finding.
    pub(crate) fn exhaust(&mut self, depth: usize) -> Result<(), Finding> {
        let mut path = Vec::new();
        let payload = self.boot();
        self.seen.clear();
        self.seen.insert(state(&payload), depth);
        let actions = payload.actions(self.alphabet);
        self.below(&mut path, &actions, depth)
    }

    fn below(&mut self, path: &mut Vec<Action>, actions: &[Action], depth: usize) -> Result<(), Finding> {
        let mut kept: Option<(Payload, u64)> = None;
        for &action in actions {
            let (mut payload, before) = match kept.take() {
                Some(kept) => kept,
                None => {
                    let payload = self.repeat(path);
                    let before = state(&payload);
                    (payload, before)
                }
            };
            path.push(action);
            self.count.sequences += 1;
            let found = |line| Finding { actions: path.clone(), line };
            let Some(outcome) = caught(|| Ok(payload.act(action))).map_err(found)? else {
                panic!("{action} was to be tried in vain");
            };
            self.count.done += u64::from(outcome == Outcome::Done);
            let after = state(&payload);
            if after == before {
                self.count.idle += 1;
                kept = Some((payload, before));
            } else if self.seen.get(&after).is_some_and(|&searched| searched >= depth) {
                self.count.known += 1;
            } else {
                self.seen.insert(after, depth);
                let actions = payload.actions(self.alphabet);
                caught(|| self.judge(payload)).map_err(|line| Finding { actions: path.clone(), line })?;
                if depth > 1 {
                    self.below(path, &actions, depth - 1)?;
                }
            }
            path.pop();
        }
        Ok(())
    }

    /// Checks a state, and consumes it.
    fn judge(&self, mut payload: Payload) -> Result<(), String> {
        let owners = check(&self.ledger, &payload)?;
        if !self.drains {
            return Ok(());
        }
        let changes = payload.changes.len();
        let own = drain(&self.ledger, &mut payload, owners)?;
        // A change of the P2M may take an inner page. A page that Xen refused to unmap waits, and may no longer be in a
        // table.
        let most = self.ledger.own + changes;
        if own > most && !payload.refused {
            return Err(format!("{own} pages are nobody's, not at most {most}"));
        }
        Ok(())
    }

    /// Runs a sequence from the start, checks after each call, and returns the first failure. Calls without a handle
    /// are left out.
    pub(crate) fn run(&mut self, actions: &[Action]) -> Result<(), Finding> {
        let mut payload = self.boot();
        for (number, &action) in actions.iter().enumerate() {
            let ledger = &self.ledger;
            let acted = caught(|| {
                let _ = payload.act(action);
                check(ledger, &payload).map(drop)
            });
            acted.map_err(|line| Finding { actions: actions[..=number].to_vec(), line })?;
        }
        caught(|| self.judge(payload)).map_err(|line| Finding { actions: actions.to_vec(), line })
    }

    /// Makes `len` calls, each chosen by `choose` from all that are possible.
    ///
    /// # Errors
    /// The first finding, not shrunk.
    pub(crate) fn wander(
        &mut self,
        len: usize,
        mut choose: impl FnMut(usize) -> usize,
    ) -> Result<(), Finding> {
        let mut payload = self.boot();
        let mut path = Vec::new();
        for _ in 0..len {
            let actions = payload.actions(self.alphabet);
            let action = of_any_kind(&actions, &mut choose);
            path.push(action);
            self.count.sequences += 1;
            let ledger = &self.ledger;
            let acted = caught(|| {
                let outcome = payload.act(action);
                check(ledger, &payload)?;
                Ok(outcome)
            });
            let outcome = acted.map_err(|line| Finding { actions: path.clone(), line })?;
            self.count.done += u64::from(outcome == Some(Outcome::Done));
        }
        caught(|| self.judge(payload)).map_err(|line| Finding { actions: path, line })
    }

    /// Leaves out of a sequence each call that it fails without.
    pub(crate) fn shrunk(&mut self, finding: Finding) -> Finding {
        let mut shortest = finding;
        let mut at = 0;
        while at < shortest.actions.len() {
            let mut fewer = shortest.actions.clone();
            fewer.remove(at);
            match self.run(&fewer) {
                Err(finding) => shortest = finding,
                Ok(()) => at += 1,
            }
        }
        shortest
    }
}

/// Chooses a kind of call, then one of that kind: some kinds have many more calls.
fn of_any_kind(actions: &[Action], mut choose: impl FnMut(usize) -> usize) -> Action {
    let mut kinds: Vec<_> = actions.iter().map(discriminant).collect();
    kinds.dedup();
    let kind = kinds[choose(kinds.len())];
    let those: Vec<Action> = actions.iter().copied().filter(|action| discriminant(action) == kind).collect();
    those[choose(those.len())]
}

/// Returns a number for the whole state: the machine, the layer, the payload.
fn state(payload: &Payload) -> u64 {
    let mut text = Text { hash: payload.subject.machine().fingerprint(), skips: false };
    // Hashing never fails.
    let _ = payload.write_state(&mut text);
    text.hash
}

/// Hashes text, except the count of frames ever taken.
struct Text {
    hash: u64,
    skips: bool,
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        const COUNTER: &str = "taken";
        if self.skips && part != ": " {
            self.skips = part == COUNTER;
            if part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Ok(());
            }
        }
        self.skips |= part == COUNTER;
        let (chunks, rest) = part.as_bytes().as_chunks::<8>();
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        for &chunk in chunks.iter().chain([&last]) {
            let mixed =
                (self.hash.rotate_left(23) ^ u64::from_le_bytes(chunk)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.hash = mixed ^ mixed >> 29;
        }
        Ok(())
    }
}
