//! Words that are hard to guess, for a processor without an instruction for random ones.
//!
//! *What this is*: time stamps and the machine frames in start_info, mixed. Somebody who knows the host can guess much of
//! it, so it is called weak wherever it is reported.

/// How many time stamps go into each word.
const STAMPS: usize = 16;

/// Mixes start_info and time stamps into words.
pub(crate) fn words<const N: usize>(page: &[u8; 4096], tick: &mut dyn FnMut() -> u64) -> [u64; N] {
    let (pieces, _) = page.as_chunks();
    let mut state = pieces.iter().fold(0, |state, &piece| mixed(state ^ u64::from_le_bytes(piece)));
    core::array::from_fn(|_| {
        for _ in 0..STAMPS {
            state = mixed(state ^ tick());
        }
        state
    })
}

/// One step of SplitMix64, after which every bit depends on every bit.
const fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::words;

    fn of(page: &[u8; 4096], step: u64) -> [u64; 5] {
        let mut now = 0;
        words(page, &mut || {
            now += step;
            now
        })
    }

    #[test]
    fn each_stamp_and_each_byte_counts() {
        let mut page = [0; 4096];
        let all = [of(&page, 1), of(&page, 2), {
            page[4095] = 1;
            of(&page, 1)
        }];
        let mut stamps = 0;
        let _words: [u64; 5] = words(&page, &mut || {
            stamps += 1;
            stamps
        });
        assert_eq!(stamps, 80);
        let mut seen: Vec<u64> = all.into_iter().flatten().collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 15, "{seen:x?}");
        assert_eq!(of(&page, 1), all[2]);
        assert_eq!(seen.iter().fold(0, |all, word| all | word), u64::MAX);
    }
}
