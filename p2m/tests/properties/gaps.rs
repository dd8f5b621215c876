//! Long runs of page numbers without memory.

use std::cell::Cell;

use p2m::{BootReserved, Displaced, List, Memory, P2mEntry, Renumbering, Translate, Tree, audit};
use start_info::{MapEntry, MemoryMap, Pfn, PfnRange};

use crate::facts::facts;
use crate::paper::{authority, paper_over};

/// A translation that counts how often it is asked for a single page.
struct Counting<'t> {
    tree: &'t Tree,
    asked: Cell<u64>,
}

impl Translate for Counting<'_> {
    fn entry(&self, memory: &impl Memory, pfn: Pfn) -> P2mEntry {
        self.asked.set(self.asked.get() + 1);
        self.tree.entry(memory, pfn)
    }

    fn without_memory(&self, memory: &impl Memory, pfn: Pfn) -> PfnRange {
        self.tree.without_memory(memory, pfn)
    }
}

#[test]
fn an_audit_does_not_look_at_each_number_of_a_gap() {
    let (paper, _, tree) = crate::paper::tree(1 << 18, 100, &[]);
    let whole = Counting { tree: &tree, asked: Cell::new(0) };
    audit(&whole, &paper, tree.pages()).unwrap();
    assert!(whole.asked.get() >= 1 << 18, "memory is looked at page by page");

    const FAR: u64 = 1 << 28;
    // More steps than the numbers up to there cost.
    const MOVED: u64 = 8288;
    let facts = facts(4000 + MOVED);
    let (mut paper, mut stock) = paper_over(&facts, 3000);
    let line = |start: u64, end: u64| MapEntry { start: start << 12, len: (end - start) << 12, kind: 1 };
    let lines = [line(0, 4000), line(FAR, FAR + MOVED)];
    let map: &'static MemoryMap = Box::leak(Box::new(MemoryMap::from_entries(lines.into_iter()).unwrap()));
    let occupied = BootReserved::at_entry(&facts);
    let plan =
        Renumbering::plan(&authority(), List::from_facts(&facts), map, occupied, Displaced::Moved).unwrap();
    assert_eq!((plan.pages().get(), plan.memory().get()), (FAR + MOVED, 4000 + MOVED));
    let tree = Tree::over(&plan, &mut paper, &mut stock).unwrap();
    // The M2P of this memory knows the old numbers, so the audit ends at the first page after the gap.
    let far = Counting { tree: &tree, asked: Cell::new(0) };
    let wrong = audit(&far, &paper, tree.pages()).unwrap_err();
    assert_eq!(wrong.pfn.get(), FAR);
    assert!(far.asked.get() < 6000, "{} numbers were asked for", far.asked.get());
    assert_eq!(
        tree.first_memory(&paper, PfnRange::between(Pfn::new(4000), Pfn::new(FAR + 9))),
        Some(Pfn::new(FAR))
    );
}
