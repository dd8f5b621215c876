//! What xenstored stores: nodes, who may use them, transactions.
//!
//! *What this is*: the tree of docs/misc/xenstore.txt for dom0 and one guest, number 1, as `xl create` makes it
//! (tools/libs/light/libxl_create.c, `libxl__domain_make`).
//!
//! *What is not modelled*: quotas, special paths, permissions that are changed.

use std::collections::{BTreeMap, BTreeSet};

/// The guest's number.
pub(crate) const GUEST: u16 = 1;
/// Where a guest's relative paths begin.
pub(crate) const HOME: &str = "/local/domain/1";

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StoreNode {
    value: Vec<u8>,
    /// Its owner; the other domain may only read.
    owner: u16,
    /// When it was changed last: a number that grows.
    changed: u64,
}

/// A transaction of the guest's.
#[derive(Clone, Debug)]
struct OpenTransaction {
    tree: BTreeMap<String, StoreNode>,
    began: u64,
    used: BTreeSet<String>,
    changes: BTreeSet<String>,
}

/// The nodes and the transactions.
#[derive(Clone, Debug)]
pub(crate) struct StoreTree {
    nodes: BTreeMap<String, StoreNode>,
    /// When paths were removed.
    removed: BTreeMap<String, u64>,
    transactions: BTreeMap<u32, OpenTransaction>,
    clock: u64,
    last_transaction: u32,
}

/// An error by its name, as xenstored sends it.
pub(crate) type StoreResult<T> = Result<T, &'static str>;

impl StoreTree {
    /// What is there when a guest starts.
    pub(crate) fn new() -> Self {
        let mut tree = Self {
            nodes: BTreeMap::new(),
            removed: BTreeMap::new(),
            transactions: BTreeMap::new(),
            clock: 0,
            last_transaction: 0,
        };
        for (path, value, owner) in [
            ("/", "", 0),
            (HOME, "", 0),
            ("/local/domain/1/name", "guest", 0),
            ("/local/domain/1/domid", "1", 0),
            ("/local/domain/1/control", "", 0),
            ("/local/domain/1/control/shutdown", "", GUEST),
            ("/local/domain/1/control/feature-poweroff", "", GUEST),
            ("/local/domain/1/control/feature-reboot", "", GUEST),
            ("/local/domain/1/control/feature-suspend", "", GUEST),
            ("/local/domain/1/control/sysrq", "", GUEST),
            ("/local/domain/1/data", "", GUEST),
        ] {
            tree.put(0, 0, path, value.as_bytes()).ok();
            if let Some(node) = tree.nodes.get_mut(path) {
                node.owner = owner;
            }
        }
        tree
    }

    /// Returns an absolute path, if it can be one.
    pub(crate) fn absolute(path: &str) -> StoreResult<String> {
        let full = if path.starts_with('/') { path.to_owned() } else { format!("{HOME}/{path}") };
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_@".contains(&byte);
        let root = full == "/";
        if path.is_empty() || !full.bytes().all(good) || full.contains("//") || full.ends_with('/') && !root {
            return Err("EINVAL");
        }
        Ok(full)
    }

    fn nodes(&mut self, transaction: u32, path: &str) -> StoreResult<&mut BTreeMap<String, StoreNode>> {
        if transaction == 0 {
            return Ok(&mut self.nodes);
        }
        let open = self.transactions.get_mut(&transaction).ok_or("ENOENT")?;
        open.used.insert(path.to_owned());
        Ok(&mut open.tree)
    }

    /// Returns a node's value.
    pub(crate) fn get(&mut self, transaction: u32, path: &str) -> StoreResult<Vec<u8>> {
        Ok(self.nodes(transaction, path)?.get(path).ok_or("ENOENT")?.value.clone())
    }

    /// Returns the names of a node's children.
    pub(crate) fn children(&mut self, transaction: u32, path: &str) -> StoreResult<Vec<String>> {
        let nodes = self.nodes(transaction, path)?;
        if !nodes.contains_key(path) {
            return Err("ENOENT");
        }
        let start = format!("{}/", path.trim_end_matches('/'));
        let below = nodes.keys().filter_map(|node| node.strip_prefix(&start));
        Ok(below.filter(|name| !name.is_empty() && !name.contains('/')).map(Into::into).collect())
    }

    /// Returns a node's owner.
    pub(crate) fn owner(&mut self, transaction: u32, path: &str) -> StoreResult<u16> {
        Ok(self.nodes(transaction, path)?.get(path).ok_or("ENOENT")?.owner)
    }

    /// Stores a value, and makes the nodes that are missing. Returns what changed.
    pub(crate) fn put(&mut self, who: u16, transaction: u32, path: &str, value: &[u8]) -> StoreResult<()> {
        self.clock += 1;
        let clock = self.clock;
        let nodes = self.nodes(transaction, path)?;
        // The node itself, or the nearest there is above it.
        let mut above = path;
        while !nodes.contains_key(above) && above != "/" {
            above =
                above.rsplit_once('/').map_or("/", |(above, _)| if above.is_empty() { "/" } else { above });
        }
        let owner = nodes.get(above).map_or(0, |node| node.owner);
        if who != 0 && owner != who {
            return Err("EACCES");
        }
        let mut missing = path;
        while missing != "/" && !nodes.contains_key(missing) {
            nodes.insert(missing.to_owned(), StoreNode { value: Vec::new(), owner, changed: clock });
            missing =
                missing.rsplit_once('/').map_or("/", |(above, _)| if above.is_empty() { "/" } else { above });
        }
        if let Some(node) = nodes.get_mut(path) {
            (node.value, node.changed) = (value.to_vec(), clock);
        }
        self.note(transaction, path);
        Ok(())
    }

    /// Makes a node.
    pub(crate) fn make(&mut self, who: u16, transaction: u32, path: &str) -> StoreResult<bool> {
        if self.nodes(transaction, path)?.contains_key(path) {
            return Ok(false);
        }
        self.put(who, transaction, path, b"").map(|()| true)
    }

    /// Removes a node and all below it.
    pub(crate) fn remove(&mut self, who: u16, transaction: u32, path: &str) -> StoreResult<bool> {
        self.clock += 1;
        let clock = self.clock;
        let nodes = self.nodes(transaction, path)?;
        let Some(node) = nodes.get(path) else {
            let above = path.rsplit_once('/').map_or("/", |(above, _)| above);
            return if nodes.contains_key(above) { Ok(false) } else { Err("ENOENT") };
        };
        if who != 0 && node.owner != who {
            return Err("EACCES");
        }
        let start = format!("{path}/");
        nodes.retain(|name, _| name != path && !name.starts_with(&start));
        if transaction == 0 {
            self.removed.insert(path.to_owned(), clock);
        }
        self.note(transaction, path);
        Ok(true)
    }

    fn note(&mut self, transaction: u32, path: &str) {
        if let Some(open) = self.transactions.get_mut(&transaction) {
            open.changes.insert(path.to_owned());
        }
    }

    /// Starts a transaction.
    pub(crate) fn begin(&mut self) -> u32 {
        self.last_transaction += 1;
        let open = OpenTransaction {
            tree: self.nodes.clone(),
            began: self.clock,
            used: BTreeSet::new(),
            changes: BTreeSet::new(),
        };
        self.transactions.insert(self.last_transaction, open);
        self.last_transaction
    }

    /// Ends a transaction, and returns which paths it changed.
    pub(crate) fn end(&mut self, transaction: u32, keep: bool) -> StoreResult<BTreeSet<String>> {
        let open = self.transactions.remove(&transaction).ok_or("ENOENT")?;
        if !keep {
            return Ok(BTreeSet::new());
        }
        let changed = |path: &String| {
            let node = self.nodes.get(path).map_or(0, |node| node.changed);
            node.max(self.removed.get(path).copied().unwrap_or_default()) > open.began
        };
        if open.used.iter().any(changed) {
            return Err("EAGAIN");
        }
        for path in &open.changes {
            let mut missing = path.as_str();
            // With what was made above it.
            while !missing.is_empty() {
                if let Some(node) = open.tree.get(missing)
                    && (missing == path || !self.nodes.contains_key(missing))
                {
                    self.clock += 1;
                    self.nodes.insert(missing.to_owned(), StoreNode { changed: self.clock, ..node.clone() });
                }
                missing = missing.rsplit_once('/').map_or("", |(above, _)| above);
            }
            if !open.tree.contains_key(path) {
                let start = format!("{path}/");
                self.nodes.retain(|name, _| name != path && !name.starts_with(&start));
            }
        }
        Ok(open.changes)
    }

    /// Drops all transactions.
    pub(crate) fn drop_transactions(&mut self) {
        self.transactions.clear();
    }

    /// Returns how many transactions are open.
    pub(crate) fn open(&self) -> usize {
        self.transactions.len()
    }
}
