//! What reads answers, on bytes of any kind, for as many rounds as wanted.
//!
//! *What this is*: a plain driver that needs no tools. Each round makes a good content, damages it, and has all readers
//! read it: none may panic, and what one accepts must be made of the bytes there were.
//!
//! Bounded in CI. More by hand: `FUZZ_ROUNDS=10000000 FUZZ_SEED=1 cargo test --release --package xen-guest xenstore::tests::fuzz`.

use std::vec::Vec;

use kit::random::{Random, repeat};

use crate::xenstore::answer;

const GOOD: [&[u8]; 12] = [
    b"OK\0",
    b"ENOENT\0",
    b"E2BIG\0",
    b"control/shutdown\0token\0",
    b"a\0b\0",
    b"shutdown\0feature-poweroff\0sysrq\0",
    b"n0\0r1\0b65535\0w17\0",
    b"12345\0",
    b"4294967295\0",
    b"\xc3\xa4\xf0\x9f\xa6\x80\0x\0",
    b"poweroff",
    b"",
];

fn content(random: &mut Random) -> Vec<u8> {
    let mut bytes = random.of(&GOOD).to_vec();
    for _ in 0..random.below(5) {
        let at = random.index(bytes.len() + 1);
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, 0),
            2 => bytes.insert(at, random.word() as u8),
            3 => bytes.splice(at..at, random.of(&GOOD).iter().copied()).for_each(drop),
            4 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ if at < bytes.len() => drop(bytes.remove(at)),
            _ => {}
        }
    }
    if random.one_in(50) {
        let len = random.index(4097);
        bytes = bytes.iter().copied().cycle().take(if bytes.is_empty() { 0 } else { len }).collect();
    }
    bytes
}

#[test]
fn no_content_makes_a_reader_fail_or_invent_something() {
    repeat("xenstore answers", if cfg!(miri) { 200 } else { 100_000 }, |random| {
        let bytes = content(random);
        if answer::done(&bytes).is_ok() {
            assert_eq!(bytes, b"OK\0");
        }
        if let Ok(errno) = answer::errno(&bytes) {
            assert!(
                std::string::ToString::to_string(&errno)
                    .starts_with(answer::text(&bytes[..bytes.len() - 1]).unwrap())
            );
        }
        if let Ok(number) = answer::transaction(&bytes) {
            assert!(number != 0 && bytes.iter().filter(|byte| **byte != 0).all(u8::is_ascii_digit));
        }
        if let Ok(children) = answer::children(&bytes) {
            let again: Vec<u8> = children.iter().flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect();
            assert_eq!(again, bytes);
        }
        if let Ok(permissions) = answer::permissions(&bytes) {
            assert_eq!(permissions.len(), bytes.iter().filter(|byte| **byte == 0).count());
        }
        if let Ok(event) = answer::event(&bytes) {
            assert_eq!([event.path.as_bytes(), b"\0", event.token.as_bytes(), b"\0"].concat(), bytes);
        }
    });
}
