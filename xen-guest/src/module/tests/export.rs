//! What the kernel lends is found by its name, and by no other.

use x86_64::VirtAddr;

use crate::export;
use crate::module::{Export, Lent, find};

extern "C" fn lent() -> i32 {
    1
}

extern "C" fn lent_too() -> i32 {
    2
}

static EXPORTS: [Export; 2] = [export!(lent), export!(lent_too)];

#[test]
fn finds_a_function_by_its_own_name() {
    for (name, function) in [("lent", lent as *const ()), ("lent_too", lent_too as *const ())] {
        assert_eq!(find(&EXPORTS, name), Some(VirtAddr::from_ptr(function)));
    }
    assert_eq!(EXPORTS[1].name(), "lent_too");
    for name in ["", "len", "lent_", "Lent"] {
        assert_eq!(find(&EXPORTS, name), None);
    }
}

#[test]
fn in_order_the_same_are_found() {
    let first = [export!(lent_too), export!(lent), Export::new("lent", || VirtAddr::new(1))];
    let last = [Export::new("lent", || VirtAddr::new(1)), export!(lent_too), export!(lent)];
    for exports in [&first[..], &last, &EXPORTS, &[]] {
        let sorted = Lent::new(exports).unwrap();
        for name in ["", "len", "lent", "lent_", "lent_too", "lent_toos"] {
            assert_eq!(sorted.find(name), find(exports, name), "{name}");
        }
    }
}
