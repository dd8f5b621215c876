//! What is typed on the console.

use xen_guest::RingError;
use xen_model::GuestConfig;

use crate::xenstore::guest;

#[test]
fn what_is_typed_is_read_in_order_also_more_than_the_ring_holds() {
    let mut guest = guest();
    assert_eq!(guest.read_console(&mut [0; 16]), Ok(0));
    let typed: Vec<u8> = (0..5000_u32).map(|number| (number * 7) as u8).collect();
    guest.platform_mut().type_on_console(&typed);
    assert_eq!(guest.platform().untaken(), 5000 - 1024);
    let (mut read, mut bytes) = (Vec::new(), [0; 99]);
    while let count @ 1.. = guest.read_console(&mut bytes).unwrap() {
        read.extend_from_slice(&bytes[..count]);
    }
    assert!(read == typed);
    guest.platform_mut().type_on_console(b"more");
    assert_eq!((guest.read_console(&mut bytes), &bytes[..4]), (Ok(4), &b"more"[..]));
}

#[test]
fn an_input_ring_that_claims_too_much_is_an_error_until_it_is_right_again() {
    let mut guest = guest();
    let ring = guest.platform().console_ring().unwrap();
    for producer in [1025, u32::MAX, 1 << 31] {
        guest.platform_mut().poke_half(ring, 3076, producer);
        let error = RingError { ring: "console's input", size: 1024, consumer: 0, producer };
        assert_eq!(guest.read_console(&mut [0; 4096]), Err(error));
    }
    guest.platform_mut().poke_half(ring, 3076, 0);
    guest.platform_mut().type_on_console(b"x");
    assert_eq!(guest.read_console(&mut [0; 4096]), Ok(1));
}

#[test]
fn dom0_reads_what_is_typed_for_it_at_xens_console() {
    let mut guest = GuestConfig::dom0(0x2401).build().unwrap().boot().unwrap().running;
    let mut bytes = [0; 4];
    assert_eq!(guest.read_console(&mut bytes), Ok(0));
    guest.platform_mut().type_on_console(b"abcdef");
    assert_eq!((guest.read_console(&mut bytes), bytes), (Ok(4), *b"abcd"));
    assert_eq!((guest.read_console(&mut bytes), &bytes[..2]), (Ok(2), &b"ef"[..]));
}
