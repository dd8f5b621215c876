//! A kernel export is found only by its own name.

use x86_64::VirtAddr;

use crate::{
    export,
    module::{Export, Lent},
};

extern "C" fn lent() -> i32 {
    1
}

extern "C" fn lent_too() -> i32 {
    2
}

static EXPORTS: [Export; 2] = [export!(lent), export!(lent_too)];

/// The address of a symbol, by a linear search through the exports.
fn find(lists: &[&[Export]], name: &str) -> Option<VirtAddr> {
    lists.iter().copied().flatten().find(|export| export.name() == name).map(Export::address)
}

#[test]
fn finds_a_function_by_its_own_name() {
    let lent_by_name = Lent::new(&[&EXPORTS]).unwrap();
    for (name, function) in [("lent", lent as *const ()), ("lent_too", lent_too as *const ())] {
        assert_eq!(lent_by_name.find(name), Some(VirtAddr::from_ptr(function)));
    }
    assert_eq!(EXPORTS[1].name(), "lent_too");
    for name in ["", "len", "lent_", "Lent"] {
        assert_eq!(lent_by_name.find(name), None);
    }
}

#[test]
fn of_several_with_one_name_the_first_counts() {
    let first = [export!(lent_too), export!(lent), Export::new("lent", || VirtAddr::new(1))];
    let last = [Export::new("lent", || VirtAddr::new(1)), export!(lent_too), export!(lent)];
    for lists in
        [[&first[..], &[]], [&last, &[]], [&[], &EXPORTS], [&first, &last], [&last, &first], [&[], &[]]]
    {
        let sorted = Lent::new(&lists).unwrap();
        for name in ["", "len", "lent", "lent_", "lent_too", "lent_toos"] {
            assert_eq!(sorted.find(name), find(&lists, name), "{name}");
        }
    }
}
