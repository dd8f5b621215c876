//! The relocations of the image, applied by `start.S` before any other code runs.
//!
//! *What must hold*: `relocate.S` uses the stack for its return address only, and nothing that needs a relocation.

core::arch::global_asm!(include_str!("relocate.S"));

#[cfg(test)]
mod tests {
    use core::sync::atomic::Ordering;

    use crate::sys::buffer::Buffer;

    unsafe extern "C" {
        fn apply_relocations(first: u64, end: u64, written: u64, run: u64) -> u64;
    }

    const RELATIVE: u64 = 8;
    const TABLE: u64 = 2048;

    /// Applies relocations, given as offset, `r_info` and addend, to an image that was linked at `linked`; returns it and
    /// what was refused.
    fn applied(linked: u64, relocations: &[[u64; 3]]) -> (Buffer, u64) {
        applied_for(0, linked, relocations)
    }

    /// The same, for an image that will run `slide` bytes after where it is.
    fn applied_for(slide: u64, linked: u64, relocations: &[[u64; 3]]) -> (Buffer, u64) {
        let image = Buffer::new(1);
        let start = image.address().as_u64();
        let mut end = TABLE;
        for word in relocations.iter().flat_map(|[offset, info, addend]| [linked + offset, *info, *addend]) {
            image.word(end).store(word, Ordering::Relaxed);
            end += 8;
        }
        let offset = start.wrapping_sub(linked);
        // SAFETY: the table lies in the buffer, and what it relocates too.
        let refused =
            unsafe { apply_relocations(start + TABLE, start + end, offset, offset.wrapping_add(slide)) };
        (image, refused)
    }

    fn words<const N: usize>(image: &Buffer) -> [u64; N] {
        core::array::from_fn(|index| image.word(8 * index as u64).load(Ordering::Relaxed))
    }

    #[test]
    fn each_word_gets_its_addend_moved_as_the_image_is() {
        for linked in [0, 0xffff_ffff_8100_0000] {
            let addends = [linked + 0x123, linked];
            let (image, refused) = applied(linked, &[[8, RELATIVE, addends[0]], [24, RELATIVE, addends[1]]]);
            let start = image.address().as_u64();
            assert_eq!((words(&image), refused), ([0, start + 0x123, 0, start], 0));
        }
    }

    #[test]
    fn a_word_can_be_written_in_one_place_for_another() {
        let linked = 0xffff_ffff_8100_0000;
        let (image, refused) = applied_for(0x1234_5000, linked, &[[8, RELATIVE, linked + 0x123]]);
        assert_eq!((words(&image), refused), ([0, image.address().as_u64() + 0x1234_5123], 0));
    }

    #[test]
    fn an_image_without_relocations_stays_as_it_is() {
        let (image, refused) = applied(0x1000, &[]);
        assert_eq!((words(&image), refused), ([0; 4], 0));
    }

    #[test]
    fn another_kind_is_reported_and_the_others_are_applied() {
        const INDIRECT: u64 = 37;
        const OF_A_SYMBOL: u64 = (7 << 32) | RELATIVE;
        for kind in [INDIRECT, OF_A_SYMBOL, 1, 0] {
            let (image, refused) = applied(0, &[[0, RELATIVE, 1], [8, kind, 2], [16, RELATIVE, 3]]);
            let start = image.address().as_u64();
            assert_eq!((words(&image), refused), ([start + 1, 0, start + 3], kind));
        }
    }
}
