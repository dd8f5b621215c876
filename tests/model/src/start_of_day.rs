//! The start_info page.
//!
//! *What this is*: `struct start_info` of xen.h, written at the offsets that Xen's compiler gave.
//!
//! *What must hold*: no field is computed by the crate that parses it.

use crate::builder::VIRT_BASE;
use crate::guest::{Domain, Guest};
use crate::machine::Machine;
use crate::plan::Places;

pub(crate) const XENSTORE_PORT: u64 = 1;
pub(crate) const CONSOLE_PORT: u64 = 2;
/// `SIF_VIRT_P2M_4TOOLS`.
const FLAGS_OF_DOM_U: u64 = 0x10;
/// Privileged, initial domain, and the processor management of Debian's Xen.
const FLAGS_OF_DOM0: u64 = 0x303;
/// `SIF_MOD_START_PFN`.
const RAMDISK_BY_PFN: u64 = 0x8;

/// Writes the page.
pub(crate) fn page(guest: &Guest, places: &Places, machine: &Machine) -> Box<[u8; 4096]> {
    let dom0 = guest.domain == Domain::Dom0;
    let address = |pfn: u64| VIRT_BASE + pfn * 4096;
    let mfn = |pfn: Option<u64>| pfn.and_then(|pfn| machine.built_mfn(pfn)).map_or(0, |mfn| mfn.get());
    let mut page = Box::new([0; 4096]);
    let mut long = |offset: usize, value: u64| page[offset..offset + 8].copy_from_slice(&value.to_le_bytes());

    let by_pfn = guest.ramdisk_by_pfn && places.ramdisk.is_some();
    let flags = if dom0 { FLAGS_OF_DOM0 } else { FLAGS_OF_DOM_U };
    long(0x020, guest.pages);
    long(0x028, machine.shared_info().maddr().get());
    long(0x030, flags | if by_pfn { RAMDISK_BY_PFN } else { 0 });
    if dom0 {
        // Where the screen is described, and in how many bytes.
        long(0x048, 0x490 | 0x28 << 32);
    } else {
        long(0x038, mfn(places.xenstore));
        long(0x040, XENSTORE_PORT);
        long(0x048, mfn(places.console));
        long(0x050, CONSOLE_PORT);
    }
    long(0x058, address(places.tables.start));
    long(0x060, places.tables.end - places.tables.start);
    long(0x068, guest.init_p2m.unwrap_or(address(places.list.start)));
    if let (Some(pages), Some(ramdisk)) = (&places.ramdisk, &guest.ramdisk) {
        long(0x070, if by_pfn { pages.start } else { address(pages.start) });
        // The tools round the length of a ramdisk that is not mapped (xg_dom_core.c, xc_dom_build_image).
        let rounded = by_pfn && !dom0;
        long(0x078, if rounded { (pages.end - pages.start) * 4096 } else { ramdisk.len });
    }
    let own_pages = if guest.init_p2m.is_some() { places.list.end - places.list.start } else { 0 };
    if dom0 || own_pages > 0 {
        // Without a list there, dom0's builder leaves the number all the same.
        long(0x480, places.first_own);
        long(0x488, own_pages);
    }
    let magic: &[u8] = if dom0 { b"xen-3.0-x86_64p" } else { b"xen-3.0-x86_64" };
    page[..magic.len()].copy_from_slice(magic);
    let line = guest.command_line.as_bytes();
    let len = line.len().min(1023);
    page[0x080..0x080 + len].copy_from_slice(&line[..len]);
    page
}
