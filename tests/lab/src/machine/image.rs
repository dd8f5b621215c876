//! Grows a kernel's zeroed memory until the image takes an exact number of pages.
//!
//! The source document's addresses follow from the size of the kernel image. Only the memory size of the last loaded segment
//! changes: no byte of the file moves, so symbols and notes stay true.

use anyhow::{Context, Result, bail, ensure};

use crate::machine::size::PAGE;

const LOAD: u32 = 1;
const MEMORY_SIZE: usize = 40;

/// Grows the image in `elf` so that [first load address, end) takes exactly `pages` pages.
///
/// # Errors
/// The file is no 64-bit little-endian ELF with loaded segments, or its image is larger already.
pub(crate) fn grow(elf: &mut [u8], pages: u64) -> Result<()> {
    ensure!(elf.get(..6) == Some(b"\x7fELF\x02\x01".as_slice()), "the kernel is no 64-bit ELF file");
    let table = usize::try_from(word(elf, 32)?)?;
    let size = usize::from(half(elf, 54)?);
    let count = usize::from(half(elf, 56)?);
    let mut first = u64::MAX;
    let mut last: Option<(usize, u64)> = None;
    let mut end = 0;
    for at in (0..count).map(|index| table + index * size) {
        if half(elf, at)? != LOAD as u16 || half(elf, at + 2)? != 0 {
            continue;
        }
        let start = word(elf, at + 16)?;
        first = first.min(start / PAGE * PAGE);
        end = end.max(start + word(elf, at + MEMORY_SIZE)?);
        if last.is_none_or(|(_, highest)| start > highest) {
            last = Some((at, start));
        }
    }
    let Some((at, start)) = last else { bail!("the kernel has no loaded segment") };
    let now = (end - first).div_ceil(PAGE);
    ensure!(now <= pages, "the image takes {now:#x} pages already, more than {pages:#x}");
    let memory = (first + pages * PAGE - start).to_le_bytes();
    elf.get_mut(at + MEMORY_SIZE..at + MEMORY_SIZE + 8)
        .context("short program header")?
        .copy_from_slice(&memory);
    Ok(())
}

fn word(elf: &[u8], at: usize) -> Result<u64> {
    Ok(u64::from_le_bytes(elf.get(at..at + 8).context("short ELF file")?.try_into()?))
}

fn half(elf: &[u8], at: usize) -> Result<u16> {
    Ok(u16::from_le_bytes(elf.get(at..at + 2).context("short ELF file")?.try_into()?))
}

#[cfg(test)]
mod tests {
    use kit::elf::{self, LoadSegment};

    use super::{grow, word};

    const BASE: u64 = 0xffff_ffff_8100_0000;

    fn kernel(segments: &[(u64, u64)]) -> Vec<u8> {
        let segment = |&(start, len): &(u64, u64)| LoadSegment { start, len, flags: 7 };
        elf::kernel(&segments.iter().map(segment).collect::<Vec<_>>(), &[])
    }

    #[test]
    fn the_source_documents_image() {
        let mut elf = kernel(&[(BASE, 0x1234), (BASE + 0x3000, 0x10)]);
        grow(&mut elf, 0xe43).unwrap();
        assert_eq!(word(&elf, 64 + 40).unwrap(), 0x1234);
        assert_eq!(BASE + 0x3000 + word(&elf, 64 + 56 + 40).unwrap(), 0xffff_ffff_81e4_3000);
    }

    #[test]
    fn the_highest_segment_grows_wherever_it_stands() {
        let mut elf = kernel(&[(BASE + 0x3000, 0x10), (BASE, 0x1234)]);
        grow(&mut elf, 5).unwrap();
        assert_eq!(word(&elf, 64 + 40).unwrap(), 0x2000);
    }

    #[test]
    fn an_image_is_never_shrunk() {
        assert!(grow(&mut kernel(&[(BASE, 0x3001)]), 3).is_err());
        assert!(grow(&mut kernel(&[(BASE, 0x3000)]), 3).is_ok());
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        assert!(grow(&mut b"hello".to_vec(), 3).is_err());
        assert!(grow(&mut kernel(&[]), 3).is_err());
        let mut cut = kernel(&[(BASE, 1)]);
        cut.truncate(100);
        assert!(grow(&mut cut, 3).is_err());
    }
}
