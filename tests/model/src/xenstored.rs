//! xenstored, at the other end of the guest's ring.
//!
//! *What this is*: the daemon of docs/misc/xenstore.txt and xenstore-ring.txt: it takes requests from the ring, answers
//! each, and sends the events of watches. It runs when it is notified, and when the guest gives way.
//!
//! *What must hold*: a request has the form of the protocol; anything else is a bug of the guest's and fails the test.
//! A test can have it lie: [`StoreLie`].

use std::collections::{BTreeSet, VecDeque};

use start_info::Mfn;

use crate::machine::ModelMachine;
use crate::store_lie::StoreLie;
use crate::store_tree::{GUEST, HOME, StoreResult, StoreTree};

/// `struct xenstore_domain_interface`.
const RING_LEN: u32 = 1024;
const REQUEST_CONSUMER: u16 = 2048;
const REQUEST_PRODUCER: u16 = 2052;
const ANSWER_CONSUMER: u16 = 2056;
pub(crate) const ANSWER_PRODUCER: u16 = 2060;
const FEATURES: u16 = 2064;
const CONNECTION: u16 = 2068;
const RECONNECTION: u32 = 1;
/// The head of a message, and the most that may follow.
const HEAD: usize = 16;
const MAX_PAYLOAD: usize = 4096;

// Kinds of messages (public/io/xs_wire.h).
const DIRECTORY: u32 = 1;
const READ: u32 = 2;
const GET_PERMS: u32 = 3;
const WATCH: u32 = 4;
const UNWATCH: u32 = 5;
const TRANSACTION_START: u32 = 6;
const TRANSACTION_END: u32 = 7;
const WRITE: u32 = 11;
const MKDIR: u32 = 12;
const RM: u32 = 13;
pub(crate) const WATCH_EVENT: u32 = 15;
pub(crate) const ERROR: u32 = 16;
const RESET_WATCHES: u32 = 21;

/// A watch of the guest's: as it asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GuestWatch {
    path: String,
    token: String,
}

/// The daemon.
#[derive(Clone, Debug)]
pub(crate) struct Xenstored {
    tree: StoreTree,
    watches: Vec<GuestWatch>,
    input: Vec<u8>,
    output: VecDeque<u8>,
    /// How many bytes it takes or gives before the guest must let it run again.
    bite: u32,
    /// The events of a request are sent before its answer.
    events_first: bool,
    /// Which answer is a lie, counted from 1.
    pub(crate) lie: Option<(u64, StoreLie)>,
    pub(crate) answered: u64,
    /// It does nothing any more.
    pub(crate) silent: bool,
    /// How many commits are preceded by a change of dom0's, and of what.
    interference: Option<(u32, String)>,
    features: u32,
}

impl Xenstored {
    pub(crate) fn new() -> Self {
        Self {
            tree: StoreTree::new(),
            watches: Vec::new(),
            input: Vec::new(),
            output: VecDeque::new(),
            bite: u32::MAX,
            events_first: false,
            lie: None,
            answered: 0,
            silent: false,
            interference: None,
            features: RECONNECTION,
        }
    }

    fn request(
        &mut self,
        kind: u32,
        transaction: u32,
        body: &[u8],
    ) -> (StoreResult<Vec<u8>>, BTreeSet<String>) {
        let mut changed = BTreeSet::new();
        let result = self.carried_out(kind, transaction, body, &mut changed);
        if transaction != 0 && kind != TRANSACTION_END || result.is_err() {
            changed.clear();
        }
        (result, changed)
    }

    fn carried_out(
        &mut self,
        kind: u32,
        transaction: u32,
        body: &[u8],
        changed: &mut BTreeSet<String>,
    ) -> StoreResult<Vec<u8>> {
        let end = body.iter().position(|&byte| byte == 0).ok_or("EINVAL")?;
        let path = std::str::from_utf8(&body[..end]).map_err(|_| "EINVAL")?;
        let rest = &body[end + 1..];
        let full = || StoreTree::absolute(path);
        let ok = || b"OK\0".to_vec();
        match kind {
            READ => self.tree.get(transaction, &full()?),
            DIRECTORY => {
                let children = self.tree.children(transaction, &full()?)?;
                Ok(children.into_iter().flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect())
            }
            GET_PERMS => match self.tree.owner(transaction, &full()?)? {
                0 => Ok(format!("n0\0r{GUEST}\0").into_bytes()),
                owner => Ok(format!("n{owner}\0").into_bytes()),
            },
            WRITE => {
                self.tree.put(GUEST, transaction, &full()?, rest)?;
                changed.insert(full()?);
                Ok(ok())
            }
            MKDIR => {
                if self.tree.make(GUEST, transaction, &full()?)? {
                    changed.insert(full()?);
                }
                Ok(ok())
            }
            RM => {
                if self.tree.remove(GUEST, transaction, &full()?)? {
                    changed.insert(full()?);
                }
                Ok(ok())
            }
            WATCH | UNWATCH => self.watch(kind == WATCH, path, rest).map(|()| ok()),
            TRANSACTION_START if transaction == 0 => Ok(format!("{}\0", self.tree.begin()).into_bytes()),
            TRANSACTION_END => {
                if let Some((times, path)) = self.interference.take() {
                    self.tree.put(0, 0, &path, format!("changed {times} times more").as_bytes())?;
                    self.interference = (times > 1).then(|| (times - 1, path));
                }
                *changed = self.tree.end(transaction, path == "T")?;
                Ok(ok())
            }
            RESET_WATCHES => {
                self.watches.clear();
                self.tree.drop_transactions();
                Ok(ok())
            }
            _ => Err("ENOSYS"),
        }
    }

    fn watch(&mut self, begin: bool, path: &str, rest: &[u8]) -> StoreResult<()> {
        if !path.starts_with('@') {
            StoreTree::absolute(path)?;
        }
        let token = rest.strip_suffix(b"\0").ok_or("EINVAL")?;
        let token = std::str::from_utf8(token).map_err(|_| "EINVAL")?.to_owned();
        let watch = GuestWatch { path: path.to_owned(), token };
        match (self.watches.iter().position(|known| *known == watch), begin) {
            (Some(_), true) => return Err("EEXIST"),
            (None, false) => return Err("ENOENT"),
            (None, true) => self.watches.push(watch),
            (Some(place), false) => drop(self.watches.remove(place)),
        }
        Ok(())
    }

    /// Returns the events of changes.
    fn events(&self, changed: &BTreeSet<String>) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        for path in changed {
            for watch in &self.watches {
                let full = StoreTree::absolute(&watch.path).unwrap_or_default();
                let below =
                    path.strip_prefix(&full).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                let relative = !watch.path.starts_with('/');
                let named =
                    if relative { path.strip_prefix(HOME).map_or("", |rest| &rest[1..]) } else { path };
                if below {
                    events.push(event(named, &watch.token));
                } else if full.starts_with(&format!("{path}/")) {
                    // What was above it is gone.
                    events.push(event(&watch.path, &watch.token));
                }
            }
        }
        events
    }

    fn send(&mut self, message: &[u8]) {
        self.output.extend(message);
    }

    /// Carries out one whole request.
    fn serve(&mut self, head: [u32; 4], body: &[u8]) {
        let [kind, id, transaction, _] = head;
        let (result, changed) = self.request(kind, transaction, body);
        let mut events = self.events(&changed);
        if kind == WATCH && result.is_ok() {
            // Every watch has a first event.
            events.extend(self.watches.last().map(|watch| event(&watch.path, &watch.token)));
        }
        let answer = match result {
            Ok(answer) => message([kind, id, transaction], &answer),
            Err(name) => message([ERROR, id, transaction], format!("{name}\0").as_bytes()),
        };
        self.answered += 1;
        let answers = match self.lie {
            Some((at, lie)) if at == self.answered => lie.in_place_of(&answer),
            _ => vec![answer],
        };
        let (first, second) = if self.events_first { (events, answers) } else { (answers, events) };
        first.iter().chain(&second).for_each(|message| self.send(message));
    }
}

/// Returns a message.
pub(crate) fn message(head: [u32; 3], body: &[u8]) -> Vec<u8> {
    let words = head.into_iter().chain([body.len() as u32]);
    words.flat_map(u32::to_le_bytes).chain(body.iter().copied()).collect()
}

/// Returns the event of a watch.
fn event(path: &str, token: &str) -> Vec<u8> {
    message([WATCH_EVENT, 0, 0], format!("{path}\0{token}\0").as_bytes())
}

impl ModelMachine {
    /// Returns what xenstored stores at a path.
    #[must_use]
    pub fn stored(&self, path: &str) -> Option<Vec<u8>> {
        let mut tree = self.daemons.xenstored.tree.clone();
        StoreTree::absolute(path).ok().and_then(|path| tree.get(0, &path).ok())
    }

    /// Stores a value, as dom0's toolstack does.
    pub fn store_as_dom0(&mut self, path: &str, value: &[u8]) {
        let Ok(path) = StoreTree::absolute(path) else { return };
        if self.daemons.xenstored.tree.put(0, 0, &path, value).is_ok() {
            let events = self.daemons.xenstored.events(&BTreeSet::from([path]));
            events.iter().for_each(|event| self.daemons.xenstored.send(event));
            self.others_run();
        }
    }

    /// Has dom0 change a path before each of the next commits.
    pub fn interfere(&mut self, commits: u32, path: &str) {
        self.daemons.xenstored.interference = StoreTree::absolute(path).ok().map(|path| (commits, path));
    }

    /// Has xenstored take and give that many bytes at a time, and send events before the answer they come with or after it.
    pub const fn slow_xenstored(&mut self, bite: u32, events_first: bool) {
        (self.daemons.xenstored.bite, self.daemons.xenstored.events_first) = (bite, events_first);
    }

    /// Has xenstored lie in its `n`-th answer from now on (1 is the next).
    pub fn lie_at(&mut self, n: u64, lie: StoreLie) {
        self.daemons.xenstored.lie = Some((self.daemons.xenstored.answered + n, lie));
    }

    /// Has xenstored offer these features.
    pub fn offer_features(&mut self, features: u32) {
        self.daemons.xenstored.features = features;
        self.others_run();
    }

    /// Returns how many requests xenstored has answered.
    #[must_use]
    pub const fn answered(&self) -> u64 {
        self.daemons.xenstored.answered
    }

    /// Returns how many watches and transactions the guest has.
    #[must_use]
    pub fn watches_and_transactions(&self) -> (usize, usize) {
        (self.daemons.xenstored.watches.len(), self.daemons.xenstored.tree.open())
    }

    /// xenstored does what there is to do.
    pub(crate) fn run_xenstored(&mut self) {
        let Some(ring) = self.daemons.store_ring else { return };
        self.poke_half(ring, FEATURES, self.daemons.xenstored.features);
        if self.peek_half(ring, CONNECTION) != 0 && self.daemons.xenstored.features & RECONNECTION != 0 {
            self.reset_connection(ring);
        }
        if self.daemons.xenstored.silent {
            return;
        }
        self.take_requests(ring);
        self.give_answers(ring);
    }

    fn reset_connection(&mut self, ring: Mfn) {
        let store = &mut self.daemons.xenstored;
        (store.silent, store.lie) = (false, None);
        store.input.clear();
        store.output.clear();
        store.watches.clear();
        store.tree.drop_transactions();
        for at in [REQUEST_CONSUMER, REQUEST_PRODUCER, ANSWER_CONSUMER, ANSWER_PRODUCER, CONNECTION] {
            self.poke_half(ring, at, 0);
        }
        self.xenstored_notifies();
    }

    fn take_requests(&mut self, ring: Mfn) {
        let (mut consumer, producer) =
            (self.peek_half(ring, REQUEST_CONSUMER), self.peek_half(ring, REQUEST_PRODUCER));
        let there = producer.wrapping_sub(consumer);
        if there > RING_LEN {
            // A lie of xenstored's own about its index may be the cause.
            self.daemons.xenstored.silent = true;
            return;
        }
        for _ in 0..there.min(self.daemons.xenstored.bite) {
            let byte = self.peek_byte(ring, (consumer % RING_LEN) as u16);
            self.daemons.xenstored.input.push(byte);
            consumer = consumer.wrapping_add(1);
        }
        if there > 0 {
            self.poke_half(ring, REQUEST_CONSUMER, consumer);
            self.xenstored_notifies();
        }
        while let Some(head) = self.daemons.xenstored.input.first_chunk::<HEAD>().copied() {
            let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            let len = word(12) as usize;
            if len > MAX_PAYLOAD {
                self.guest_bug(&format!("sent xenstored a message of {len} bytes"));
            }
            if self.daemons.xenstored.input.len() < HEAD + len {
                break;
            }
            let rest = self.daemons.xenstored.input.split_off(HEAD + len);
            let whole = std::mem::replace(&mut self.daemons.xenstored.input, rest);
            self.daemons.xenstored.serve([word(0), word(4), word(8), word(12)], &whole[HEAD..]);
            let lie = self.daemons.xenstored.lie.filter(|(at, _)| *at == self.daemons.xenstored.answered);
            if let Some((_, lie)) = lie {
                self.damage(ring, lie);
            }
        }
    }

    fn give_answers(&mut self, ring: Mfn) {
        let (consumer, mut producer) =
            (self.peek_half(ring, ANSWER_CONSUMER), self.peek_half(ring, ANSWER_PRODUCER));
        let mut given = 0;
        while producer.wrapping_sub(consumer) < RING_LEN
            && given < self.daemons.xenstored.bite
            && let Some(byte) = self.daemons.xenstored.output.pop_front()
        {
            self.poke_byte(ring, RING_LEN as u16 + (producer % RING_LEN) as u16, byte);
            producer = producer.wrapping_add(1);
            given += 1;
        }
        if given > 0 {
            self.poke_half(ring, ANSWER_PRODUCER, producer);
            self.xenstored_notifies();
        }
    }

    /// The part of a lie that is done to the ring.
    fn damage(&mut self, ring: Mfn, lie: StoreLie) {
        match lie {
            StoreLie::AnswerIndex(by) | StoreLie::RequestIndex(by) => {
                let at =
                    if matches!(lie, StoreLie::AnswerIndex(_)) { ANSWER_PRODUCER } else { REQUEST_CONSUMER };
                let index = self.peek_half(ring, at).wrapping_add(by);
                self.poke_half(ring, at, index);
                self.daemons.xenstored.output.clear();
                self.daemons.xenstored.silent = true;
            }
            StoreLie::Cut(_) => {
                // What it has begun still goes out; then nothing more.
                self.give_answers(ring);
                self.daemons.xenstored.silent = true;
            }
            _ => {}
        }
    }
}
