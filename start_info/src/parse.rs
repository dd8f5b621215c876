//! The start_info page as checked facts.
//!
//! *What this is*: the entry point of the crate. [`BootFacts::parse`] takes the page's bytes and what the kernel itself
//! knows, and returns facts or the first contradiction found.
//!
//! *What must hold*: a value of [`BootFacts`] exists only if its areas are disjoint and inside memory; later code does
//! not check again.
//!
//! *What is not prevented*: `nr_pages` wrong by less than a page of the list, frames that are not ours, values that are
//! wrong but consistent. The P2M, once read, is compared with all of these.

use crate::mapping::Mapping;
use crate::p2m_list::{P2mList, P2mPlace};
use crate::page::Fields;
use crate::ring;
use crate::{
    CommandLine, Console, KernelEntry, MAX_FRAMES, Maddr, PageCount, PageTables, Pfn, PfnRange, RamdiskPlace,
    Ring, Screen, ScreenError, StartInfoError, flags::Flags,
};

/// What a domain knows about itself before it changes anything. The machine frames of shared_info and the rings are
/// valid for this start only: a resume must read start_info anew.
#[derive(Clone, Debug)]
pub struct BootFacts {
    nr_pages: PageCount,
    shared_info: Maddr,
    flags: Flags,
    xenstore: Option<Ring>,
    console: Console,
    screen: Option<Result<Screen, ScreenError>>,
    low_memory: PfnRange,
    image: PfnRange,
    ramdisk: Option<RamdiskPlace>,
    p2m_list: P2mList,
    start_info: Pfn,
    page_tables: PageTables,
    boot_stack: Pfn,
    least_boot_end: Pfn,
    command_line: CommandLine,
}

impl BootFacts {
    /// Checks the page against itself and against what the kernel knows.
    ///
    /// Bytes outside all fields are ignored, and so are fields without a meaning for the kind of domain that the flags
    /// name.
    ///
    /// # Errors
    /// One variant of [`StartInfoError`] per contradiction; the first in the order of the calls below. Positions are
    /// checked before contents, so that a wrong `VIRT_BASE` is reported as such and not as many damaged fields.
    pub fn parse(page: &[u8; 4096], entry: &KernelEntry) -> Result<Self, StartInfoError> {
        let fields = Fields::read(page);
        check_magic(&fields.magic)?;
        let flags = Flags::parse(fields.flags)?;
        let nr_pages = nr_pages(fields.nr_pages)?;
        let mapping = Mapping::locate(&fields, entry, flags, nr_pages)?;
        let p2m_list = P2mList::parse(&fields, nr_pages, &mapping)?;
        let ramdisk = RamdiskPlace::parse(&fields, flags, &mapping, &p2m_list)?;
        let shared_info = ring::shared_info(&fields)?;
        let (xenstore, console) = ring::rings(&fields, flags, shared_info)?;
        let screen = match console {
            Console::Hypervisor { vga: Some(place) } => Screen::parse(page, place),
            _ => None,
        };
        let command_line = CommandLine::parse(&fields.cmd_line)?;
        let Mapping { low_memory, image, start_info, page_tables, boot_stack, least_end, .. } = mapping;
        Ok(Self {
            nr_pages,
            shared_info,
            flags,
            xenstore,
            console,
            screen,
            low_memory,
            image,
            ramdisk,
            p2m_list,
            start_info,
            page_tables,
            boot_stack,
            least_boot_end: least_end,
            command_line,
        })
    }

    /// Returns how many pages of memory the domain has: its PFNs are the numbers below that.
    #[must_use]
    pub const fn nr_pages(&self) -> PageCount {
        self.nr_pages
    }

    /// Returns the machine address of the shared_info page.
    #[must_use]
    pub const fn shared_info(&self) -> Maddr {
        self.shared_info
    }

    /// Returns the power-management duties Xen leaves to dom0 (platform.h, `XEN_PROCESSOR_PM_*`).
    #[must_use]
    pub const fn processor_management(&self) -> u8 {
        self.flags.processor_management()
    }

    /// Tells whether this is the domain Xen itself built.
    #[must_use]
    pub const fn is_dom0(&self) -> bool {
        self.flags.contains(Flags::INITDOMAIN)
    }

    /// Returns the ring to xenstore; dom0 has none.
    #[must_use]
    pub const fn xenstore(&self) -> Option<Ring> {
        self.xenstore
    }

    /// Returns where console output goes.
    #[must_use]
    pub const fn console(&self) -> Console {
        self.console
    }

    /// Returns the screen Xen hands over, or why its description was not understood, which does not stop a boot. `None`
    /// for a domU and where Xen has no screen.
    #[must_use]
    pub const fn screen(&self) -> Option<Result<Screen, ScreenError>> {
        self.screen
    }

    /// Returns the pages below the kernel: ordinary memory, mapped, with undefined content.
    #[must_use]
    pub const fn low_memory(&self) -> PfnRange {
        self.low_memory
    }

    /// Returns the pages of the kernel.
    #[must_use]
    pub const fn image(&self) -> PfnRange {
        self.image
    }

    /// Returns the ramdisk, if there is one.
    #[must_use]
    pub const fn ramdisk(&self) -> Option<RamdiskPlace> {
        self.ramdisk
    }

    /// Returns the builder's list of machine frames.
    #[must_use]
    pub const fn p2m_list(&self) -> P2mList {
        self.p2m_list
    }

    /// Returns the page this was parsed from.
    #[must_use]
    pub const fn start_info_pfn(&self) -> Pfn {
        self.start_info
    }

    /// Returns the pages right after start_info, which the builder took for the rings (xen.h, "Start-of-day memory
    /// layout", items e and f); none in dom0. Nothing else may be in them, whatever frames `store_mfn` and
    /// `console.domU.mfn` name.
    #[must_use]
    pub fn ring_pages(&self) -> PfnRange {
        PfnRange::between(self.start_info.plus(1), self.page_tables.pfns.start())
    }

    /// Returns the builder's page tables.
    #[must_use]
    pub const fn page_tables(&self) -> PageTables {
        self.page_tables
    }

    /// Returns the page right after the page tables, the first of the stack at entry. Xen's builders give the stack one
    /// page, GRUB 256; the kernel has left it, so the others are free.
    #[must_use]
    pub const fn boot_stack(&self) -> Pfn {
        self.boot_stack
    }

    /// Records that the kernel's entry code has made page tables of the first `pages` pages after the boot stack.
    #[must_use]
    pub fn with_slide_tables(mut self, pages: PageCount) -> Self {
        self.least_boot_end = PfnRange::one(self.boot_stack).end().plus(pages.get());
        self
    }

    /// Returns the pages after the boot stack of which the kernel's entry code has made page tables.
    #[must_use]
    pub fn slide_tables(&self) -> PfnRange {
        PfnRange::between(PfnRange::one(self.boot_stack).end(), self.least_boot_end)
    }

    /// Returns the lowest page number at which the builder's mapping can end: the first after
    /// [`BootFacts::boot_stack`].
    ///
    /// Builders map more, each by a rule of its own. The code that takes the mapping over finds its end by walking the
    /// tables.
    #[must_use]
    pub const fn least_boot_end(&self) -> Pfn {
        self.least_boot_end
    }

    /// Returns the highest page number at which the builder's mapping can end: where memory ends, or where pages start
    /// that lie after the mapping.
    #[must_use]
    pub fn most_boot_end(&self) -> Pfn {
        let memory = PfnRange::first(self.nr_pages).end();
        let ramdisk = self.ramdisk.filter(|ramdisk| !ramdisk.mapped).map(|ramdisk| ramdisk.pfns.start());
        let list = match self.p2m_list.place {
            P2mPlace::Own(pages) => Some(pages.start()),
            P2mPlace::Image(_) => None,
        };
        [ramdisk, list].into_iter().flatten().fold(memory, Pfn::min)
    }

    /// Returns the command line.
    #[must_use]
    pub const fn command_line(&self) -> &CommandLine {
        &self.command_line
    }
}

/// Checks for the prefix that all versions have in common: dom0's magic may end in `64p`.
fn check_magic(magic: &[u8; 32]) -> Result<(), StartInfoError> {
    if magic.starts_with(b"xen-") {
        return Ok(());
    }
    let [a, b, c, d, ..] = *magic;
    Err(StartInfoError::Magic { found: [a, b, c, d] })
}

fn nr_pages(found: u64) -> Result<PageCount, StartInfoError> {
    match PageCount::try_new(found) {
        Ok(pages) if found != 0 => Ok(pages),
        _ => Err(StartInfoError::NrPages { found, limit: MAX_FRAMES }),
    }
}
