//! What a test asks a domain builder for.
//!
//! *What this is*: the sizes and ELF notes that decide where start-of-day memory lies.

use std::ops::Range;

use start_info::MapEntry;

/// Which of the two domain builders is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The toolstack's (tools/libs/guest/xg_dom_core.c, xg_dom_x86.c).
    Guest,
    /// Xen's own (xen/arch/x86/pv/dom0_build.c).
    Dom0,
}

/// What puts a domU's kernel into its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loader {
    /// The toolstack's builder.
    Toolstack,
    /// GRUB for Xen, which the toolstack's builder started (grub-core/loader/i386/xen.c).
    Grub,
    /// The builder of krata (crates/xen/xenplatform/src/x86pv.rs): Xen's layout, but the ramdisk is always mapped, and
    /// start_info has no flags. It needs the note INIT_P2M.
    Krata,
}

/// The release of Xen to answer as, where releases differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 4.17, and 4.14, which answers alike.
    V4_17,
    /// 4.20.
    V4_20,
}

/// How Xen was built, where the answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// As distributions build it.
    Release,
    /// With `CONFIG_DEBUG`, and `CONFIG_VERBOSE_DEBUG`, which follows from it.
    Debug,
}

/// A ramdisk.
#[derive(Clone, Debug, Default)]
pub struct Ramdisk {
    /// The bytes at its start; the rest is zero.
    pub content: Vec<u8>,
    /// Its length.
    pub len: u64,
}

impl Ramdisk {
    /// Makes a ramdisk of exactly these bytes.
    #[must_use]
    pub fn of(content: Vec<u8>) -> Self {
        let len = content.len() as u64;
        Self { content, len }
    }

    /// Makes a ramdisk of zeros.
    #[must_use]
    pub const fn zeros(len: u64) -> Self {
        Self { content: Vec::new(), len }
    }
}

/// A guest to be built.
#[derive(Clone, Debug)]
pub struct GuestConfig {
    /// Which builder builds it.
    pub domain: Domain,
    /// What loads the kernel of a domU.
    pub loader: Loader,
    /// The Xen it is built on.
    pub release: Release,
    /// The build of that Xen.
    pub build: Build,
    /// A domU of a shim, Xen in a PVH domain (pv/shim.c): it can get no more memory, and no memory map.
    pub on_shim: bool,
    /// Its pages, holes included.
    pub pages: u64,
    /// First page of the kernel image.
    pub image_start: u64,
    /// Pages of the kernel image.
    pub image_pages: u64,
    /// The ramdisk, if it has one.
    pub ramdisk: Option<Ramdisk>,
    /// The note MOD_START_PFN: the ramdisk is not mapped.
    pub ramdisk_by_pfn: bool,
    /// The note INIT_P2M: where the list must be mapped.
    pub init_p2m: Option<u64>,
    /// The command line.
    pub command_line: String,
    /// Pages without memory, after everything the builder places.
    pub holes: Vec<Range<u64>>,
    /// What `XENMEM_memory_map` returns; empty for the builder's own map.
    pub memory_map: Vec<MapEntry>,
    /// What `XENMEM_machine_memory_map` returns to dom0; empty for the model's own map.
    pub machine_map: Vec<MapEntry>,
    /// The random word by which the kernel's entry code chooses the image's address; `None` if it stays.
    pub slide: Option<u64>,
    /// Decides the machine frames and what undefined memory holds.
    pub seed: u64,
}

impl GuestConfig {
    /// Describes a domU whose kernel has neither note.
    #[must_use]
    pub const fn new(pages: u64) -> Self {
        Self {
            domain: Domain::Guest,
            loader: Loader::Toolstack,
            release: Release::V4_17,
            build: Build::Release,
            on_shim: false,
            pages,
            image_start: 0x1000,
            image_pages: 0x123,
            ramdisk: None,
            ramdisk_by_pfn: false,
            init_p2m: None,
            command_line: String::new(),
            holes: Vec::new(),
            memory_map: Vec::new(),
            machine_map: Vec::new(),
            slide: None,
            seed: 1,
        }
    }

    /// Describes dom0 with a kernel that has neither note.
    #[must_use]
    pub fn dom0(pages: u64) -> Self {
        Self { domain: Domain::Dom0, ..Self::new(pages) }
    }

    /// Has another builder load it.
    #[must_use]
    pub const fn with_loader(mut self, loader: Loader) -> Self {
        self.loader = loader;
        self
    }

    /// Tells whether the ramdisk is left unmapped.
    pub(crate) const fn leaves_ramdisk(&self) -> bool {
        self.ramdisk_by_pfn && !matches!(self.loader, Loader::Krata)
    }

    /// Builds it on another release of Xen.
    #[must_use]
    pub const fn with_release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// Builds it on Xen with another build configuration.
    #[must_use]
    pub const fn with_build(mut self, build: Build) -> Self {
        self.build = build;
        self
    }

    /// Builds it on a shim.
    #[must_use]
    pub const fn on_shim(mut self) -> Self {
        self.on_shim = true;
        self
    }

    /// Gives the kernel the notes MOD_START_PFN and INIT_P2M.
    #[must_use]
    pub const fn with_notes(mut self) -> Self {
        self.ramdisk_by_pfn = true;
        self.init_p2m = Some(mmu::layout::INIT_P2M.as_u64());
        self
    }

    /// Gives it a ramdisk.
    #[must_use]
    pub fn with_ramdisk(mut self, ramdisk: Ramdisk) -> Self {
        self.ramdisk = Some(ramdisk);
        self
    }

    /// Gives it a command line.
    #[must_use]
    pub fn with_command_line(mut self, line: &str) -> Self {
        self.command_line = line.into();
        self
    }

    /// Changes the machine frames and the leftovers in memory.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Has the kernel choose its address by this word.
    #[must_use]
    pub const fn with_slide(mut self, word: u64) -> Self {
        self.slide = Some(word);
        self
    }

    /// Describes the guest of the source document (Linux 357a3cfb): 128 GiB, a ramdisk of 263 MiB, the P2M at
    /// 0xffffffff925c7000..0xffffffffa25c7000.
    #[must_use]
    pub fn of_the_source_document() -> Self {
        let ramdisk = Ramdisk::zeros(0x10784 * 4096);
        Self { image_pages: 0xe43, ..Self::new(128 << 18) }.with_ramdisk(ramdisk)
    }
}
