//! Cores of guests as `xl dump-core` writes them.
//!
//! *What this is*: sections without segments (docs/misc/dump-core-format.txt of Xen): notes, the registers of each
//! processor, shared_info, all pages, and the MFN of each PFN.

use crate::elf::{Elf, Kind, NOTE, PROGBITS, xen_note};

/// The bytes of `struct vcpu_guest_context` of a 64-bit guest.
pub const CONTEXT: usize = 5168;
/// `XC_CORE_MAGIC`: a PV guest.
const PV: u64 = 0xf00f_ebed;

fn bytes_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Writes a core from the words of its pages and from pairs of PFN and MFN, with one processor per context.
#[must_use]
pub fn core_file(contexts: &[u8], shared_info: &[u8], pages: &[u64], p2m: &[u64]) -> Vec<u8> {
    let header = [PV, (contexts.len() / CONTEXT) as u64, p2m.len() as u64 / 2, 4096];
    let notes = [
        xen_note(0x200_0000, &[]),
        xen_note(0x200_0001, &bytes_of(&header)),
        xen_note(0x200_0002, &[0; 1280]),
        xen_note(0x200_0003, &bytes_of(&[1])),
    ];
    let mut core = Elf::new(Kind::Core);
    for (name, kind, entry, place, bytes) in [
        (".note.Xen", NOTE, 0, 1, notes.concat()),
        (".xen_prstatus", PROGBITS, CONTEXT as u64, 1, contexts.to_vec()),
        (".xen_shared_info", PROGBITS, 4096, 1, shared_info.to_vec()),
        (".xen_pages", PROGBITS, 4096, 4096, bytes_of(pages)),
        (".xen_p2m", PROGBITS, 16, 1, bytes_of(p2m)),
    ] {
        let section = core.section(name, kind, 0, &bytes);
        (section.align, section.entry, section.place) = (0, entry, place);
    }
    core.bytes()
}

#[cfg(test)]
mod tests {
    use super::{CONTEXT, core_file};

    fn word(file: &[u8], at: usize) -> u64 {
        file[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// As Xen's docs/misc/dump-core-format.txt has it: the names are row 1 and the last bytes, pages begin at a multiple of a page.
    #[test]
    fn sections_have_their_order_and_the_size_of_an_entry() {
        let file = core_file(&[7; CONTEXT], &[8; 4096], &[5; 512], &[3, 4]);
        let row = |number: usize| {
            let at = 64 + 64 * number;
            let [offset, size, entry] = [24, 32, 56].map(|field| word(&file, at + field) as usize);
            (offset, size, entry)
        };
        let entries: Vec<usize> = (1..7).map(|number| row(number).2).collect();
        assert_eq!(entries, [0, 0, CONTEXT, 4096, 4096, 16]);
        let offsets: Vec<usize> = (2..7).chain([1]).map(|number| row(number).0).collect();
        assert!(offsets.is_sorted(), "{offsets:?}");
        assert_eq!(row(1).0 + row(1).1, file.len());
        let (pages, p2m) = (row(5), row(6));
        assert!(pages.0.is_multiple_of(4096) && word(&file, pages.0) == 5 && pages.1 == 4096);
        assert_eq!((word(&file, p2m.0), word(&file, p2m.0 + 8), p2m.1), (3, 4, 16));
    }
}
