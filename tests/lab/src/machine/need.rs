//! How much memory a domU needs for its kernel and ramdisk.
//!
//! *What this is*: the rule of Xen's domain builder (tools/libs/guest/xg_dom_core.c and xg_dom_x86.c): kernel, ramdisk, P2M list, three
//! pages, page tables and a stack lie one behind the other, and their mapping, whose end is rounded up to 4 MiB, must end within
//! the guest's memory. The builder's own words for it name neither the ramdisk nor an option.
//!
//! *What is not prevented*: a kernel that has its ramdisk or its list put elsewhere needs less than [`Need::mebibytes`] says. So only what
//! no builder can do is refused here ([`Need::is_met`]); all else is the builder's to refuse.

use object::read::elf::{FileHeader, ProgramHeader};

use crate::machine::size::{MIB, PAGE};

/// Pages of page tables, stack, start_info and rings, and of the padding behind them, at most for a guest whose memory matters.
const MORE: u64 = 3 + 32 + 1 + 128;
/// The builder maps whole pieces of 4 MiB.
const PIECE: u64 = 1024;
/// Entries in a page of the list.
const ENTRIES: u64 = PAGE / 8;

/// What must fit into a domU's memory, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    /// Where the kernel ends, from the start of memory.
    kernel: u64,
    ramdisk: u64,
    memory: u64,
}

/// The parts do not fit into the memory, whoever builds the guest.
#[derive(Debug)]
pub(crate) struct TooLittle(pub(crate) Need);

impl std::fmt::Display for TooLittle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "too little memory: {}", self.0.remedy())
    }
}

impl std::error::Error for TooLittle {}

impl Need {
    /// Of a kernel by its ELF file; one that is no ELF, or says nothing about where it lies, is taken for nothing.
    pub(crate) fn of(elf: &[u8], ramdisk: u64, memory: u64) -> Self {
        let kernel = end(elf).filter(|end| *end < 1 << 40).unwrap_or(0).div_ceil(PAGE);
        Self { kernel, ramdisk: ramdisk.div_ceil(PAGE), memory: memory / PAGE }
    }

    /// The page where the kernel ends.
    pub(crate) fn kernel_end(&self) -> u64 {
        self.kernel
    }

    /// Takes a ramdisk of so many pages into account.
    pub(crate) fn set_ramdisk(&mut self, pages: u64) {
        self.ramdisk = pages;
    }

    /// Whether the parts fit side by side; if not, no builder can do it.
    pub(crate) fn is_met(&self) -> bool {
        self.least(self.memory) <= self.memory
    }

    /// Whether Xen's builder has room for certain, or for certain not; `None` where it depends on a few pages.
    pub(crate) fn is_built(&self) -> Option<bool> {
        let ends = |more: u64| (self.least(self.memory) + more).next_multiple_of(PIECE);
        if ends(MORE) <= self.memory {
            Some(true)
        } else if ends(4) > self.memory {
            Some(false)
        } else {
            None
        }
    }

    fn least(&self, memory: u64) -> u64 {
        self.kernel + self.ramdisk + memory.div_ceil(ENTRIES)
    }

    /// The memory with which Xen's builder has room, in MiB.
    pub(crate) fn mebibytes(&self) -> u64 {
        let mut pages = PIECE;
        while self.least(pages) + MORE > pages {
            pages += PIECE;
        }
        pages * PAGE / MIB
    }

    /// What takes how much, and what to change.
    pub(crate) fn remedy(&self) -> String {
        format!("{self}: give {}", self.instead())
    }

    /// What to change.
    pub(crate) fn instead(&self) -> String {
        format!(
            "--memory {}M or more, or a smaller ramdisk with --ramdisk or --ramdisk-pages",
            self.mebibytes()
        )
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kernel, ramdisk, memory } = self;
        write!(
            f,
            "the kernel ends at page {kernel:#x} and the ramdisk has {ramdisk:#x} pages, of {memory:#x} pages of memory"
        )
    }
}

/// Where the last loaded segment of an ELF file ends in memory.
fn end(elf: &[u8]) -> Option<u64> {
    let header = object::elf::FileHeader64::<object::Endianness>::parse(elf).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, elf).ok()?.iter();
    let loaded = segments.filter(|segment| segment.p_type(endian) == object::elf::PT_LOAD);
    loaded.map(|segment| segment.p_paddr(endian).saturating_add(segment.p_memsz(endian))).max()
}

#[cfg(test)]
mod tests {
    use super::Need;

    /// Sizes as they were seen; Xen's builder said in each case what stands here.
    fn need(ramdisk: u64, memory: u64) -> Need {
        Need { kernel: 0x10b7, ramdisk, memory: memory * 256 }
    }

    #[test]
    fn what_xens_builder_said() {
        for (ramdisk, memory, met, built) in [
            (0x5ea, 20, false, false),
            (0x5ea, 22, false, false),
            (0x5ea, 23, true, false),
            (0x5ea, 24, true, true),
            (0x5ea, 25, true, true),
            (6, 16, false, false),
            (6, 19, true, false),
            (6, 20, true, true),
        ] {
            let need = need(ramdisk, memory);
            assert_eq!((need.is_met(), need.is_built()), (met, Some(built)), "{need:?}");
        }
        // 24 MiB less list and kernel, and some pages nobody counts exactly.
        assert_eq!(need(0x1800 - 0x10b7 - 12 - 20, 24).is_built(), None);
    }

    #[test]
    fn the_remedy_is_one() {
        for ramdisk in [0, 6, 0x5ea, 0x4000, 0x10784] {
            let enough = need(ramdisk, 20).mebibytes();
            assert_eq!(need(ramdisk, enough).is_built(), Some(true));
            assert_ne!(need(ramdisk, enough - 4).is_built(), Some(true));
        }
        let line = need(0x5ea, 20).remedy();
        assert_eq!(
            line,
            "the kernel ends at page 0x10b7 and the ramdisk has 0x5ea pages, of 0x1400 pages of memory: \
             give --memory 24M or more, or a smaller ramdisk with --ramdisk or --ramdisk-pages"
        );
    }

    #[test]
    fn what_is_no_kernel_takes_nothing() {
        assert!(Need::of(b"hello", 0, 1 << 20).is_met());
    }
}
