//! The start_info page.
//!
//! *What this is*: what Xen's two builders, GRUB and krata write into its fields.
//!
//! *What must hold*: no field is computed by the crate that parses it.

use kit::start_info::StartInfo;

use crate::builder::VIRT_BASE;
use crate::guest::{Domain, GuestConfig, Loader};
use crate::machine::ModelMachine;
use crate::plan::Places;

pub(crate) const XENSTORE_PORT: u32 = 1;
pub(crate) const CONSOLE_PORT: u32 = 2;
/// `SIF_VIRT_P2M_4TOOLS`.
const FLAGS_OF_DOM_U: u32 = 0x10;
/// Privileged, initial domain, and the processor management of Debian's Xen.
const FLAGS_OF_DOM0: u32 = 0x303;
/// `SIF_MOD_START_PFN`.
const RAMDISK_BY_PFN: u32 = 0x8;

/// Writes the page.
pub(crate) fn page(guest: &GuestConfig, places: &Places, machine: &ModelMachine) -> Box<[u8; 4096]> {
    let dom0 = guest.domain == Domain::Dom0;
    let address = |pfn: u64| VIRT_BASE + pfn * 4096;
    let mfn = |pfn: Option<u64>| pfn.and_then(|pfn| machine.built_mfn(pfn)).map_or(0, |mfn| mfn.get());
    let by_pfn = guest.leaves_ramdisk() && places.ramdisk.is_some();
    let flags = match (guest.domain, guest.loader) {
        (Domain::Dom0, _) => FLAGS_OF_DOM0,
        (Domain::Guest, Loader::Toolstack) => FLAGS_OF_DOM_U,
        (Domain::Guest, Loader::Grub | Loader::Krata) => 0,
    };
    let ramdisk = places.ramdisk.as_ref().zip(guest.ramdisk.as_ref()).map_or((0, 0), |(pages, ramdisk)| {
        // The tools round up the length of a ramdisk that is not mapped (xg_dom_core.c, xc_dom_build_image).
        let rounded = by_pfn && !dom0 && guest.loader == Loader::Toolstack;
        let place = if by_pfn { pages.start } else { address(pages.start) };
        (place, if rounded { (pages.end - pages.start) * 4096 } else { ramdisk.len })
    });
    let own_pages = if guest.init_p2m.is_some() { places.list.end - places.list.start } else { 0 };
    let line = guest.command_line.as_bytes();
    let page = StartInfo {
        dom0,
        nr_pages: guest.pages,
        shared_info: machine.shared_info().maddr().get(),
        flags: flags | if by_pfn { RAMDISK_BY_PFN } else { 0 },
        xenstore: (mfn(places.xenstore), XENSTORE_PORT),
        console: (mfn(places.console), CONSOLE_PORT),
        // Offset and size of the screen's description.
        screen: (0x490, 0x28),
        tables: (address(places.tables.start), places.tables.end - places.tables.start),
        list: guest.init_p2m.unwrap_or(address(places.list.start)),
        ramdisk,
        command_line: &line[..line.len().min(1023)],
        // dom0's builder leaves the number even without a list there.
        own_list: if dom0 || own_pages > 0 { (places.first_own, own_pages) } else { (0, 0) },
    };
    Box::new(page.page())
}
