//! The comparison with the M2P.

use proptest::prelude::*;

use p2m::{Audit, P2mEntry, audit};
use start_info::{Mfn, Pfn};

use crate::paper::{machine_frame, tree};

#[test]
fn a_right_p2m_is_confirmed_and_counted() {
    let (paper, _, tree) = tree((1 << 18) + 1, 100, &[3..5, 1000..2000]);
    let counted = audit(&tree, &paper, tree.pages()).unwrap();
    assert_eq!(counted, Audit { ram: (1 << 18) + 1 - 1002, missing: 1002, identity: 0, foreign: 0 });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_wrong_entry_is_found_wherever_it_is(pages in 1024_u64..9000, at in any::<u64>(), other in any::<u64>()) {
        let (at, other) = (at % pages, other % pages);
        prop_assume!(at != other);
        let (mut paper, mut stock, mut tree) = tree(pages, 100, &[]);
        tree.revector(&mut paper, &mut stock).unwrap();
        for (wrong, back) in [(machine_frame(other), Some(other)), (Mfn::new(at), None)] {
            let _ = tree.set(&mut paper, &mut stock, Pfn::new(at), P2mEntry::Ram(wrong)).unwrap();
            let found = audit(&tree, &paper, tree.pages()).unwrap_err();
            prop_assert_eq!((found.pfn.get(), found.mfn, found.back), (at, wrong, back));
        }
        for (entry, foreign) in [(P2mEntry::Foreign(machine_frame(other)), 1), (P2mEntry::Identity, 0)] {
            let _ = tree.set(&mut paper, &mut stock, Pfn::new(at), entry).unwrap();
            let counted = audit(&tree, &paper, tree.pages()).unwrap();
            prop_assert_eq!((counted.ram, counted.foreign, counted.identity), (pages - 1, foreign, 1 - foreign));
        }
    }
}
