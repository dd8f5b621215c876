//! A second address space: what is mapped later is in it, in both halves.

use alloc::{format, string::String};

use mmu::{IoAccess, IoPages};
use start_info::{Index, PageCount, Pfn, PfnRange};
use xen_guest::{Guest, Platform, Running};

/// The screen's text page, device memory below 1 MiB that every PC has: dom0's.
const SCREEN: Pfn = Pfn::new(0xb8);

/// Makes a space, maps shared_info in a top-level slot that was empty, and as dom0 the screen at its own address; both must
/// be there in the new space and in the first one.
pub(crate) fn demonstrate(guest: &mut Guest) -> Result<(), String> {
    let told = |error: mmu::Error| format!("address spaces: {error}");
    let Guest { xen, running } = guest;
    let space = running.new_space(xen).map_err(told)?;
    // Mapped while only one space is in use, and both must have it.
    let shared_info = running.setting.facts.shared_info().mfn();
    let page = running.map_device(xen, shared_info, PageCount::new(1), IoAccess::Read).map_err(told)?;
    running.enter_space(xen, Some(&space)).map_err(told)?;
    let there = word(running, xen, &page)?;
    let screen = match running.setting.facts.is_dom0() {
        true => {
            let pages = PfnRange::try_new(SCREEN, PageCount::new(1)).unwrap_or_default();
            let screen = running.map_identity(xen, pages, IoAccess::Read).map_err(told)?;
            Some((word(running, xen, &screen)?, screen))
        }
        false => None,
    };
    running.enter_space(xen, None).map_err(told)?;
    let here = word(running, xen, &page)?;
    if there != here || here != running.p2m.pages().get() {
        return Err(format!("address spaces: max_pfn is {there:#x} in one and {here:#x} in the other"));
    }
    log::info!("spaces: {} is mapped at {} in both", page.first(), page.region());
    if let Some((there, screen)) = screen {
        let here = word(running, xen, &screen)?;
        if there != here {
            return Err(format!(
                "address spaces: the screen has {there:#x} in one and {here:#x} in the other"
            ));
        }
        log::info!("spaces: {} is mapped at its own address in both: {}", screen.first(), screen.region());
        running.unmap_identity(xen, screen).map_err(|(_, error)| told(error))?;
    }
    running.unmap_device(xen, page).map_err(|(_, error)| told(error))?;
    running.retire_space(xen, space).map_err(|(_, error)| told(error))
}

/// Reads the word of a page where shared_info has the number of P2M entries.
fn word(running: &Running, platform: &impl Platform, pages: &IoPages) -> Result<u64, String> {
    const MAX_PFN: Index = Index::new(0xc10 / 8);
    pages
        .read(&running.map, platform, 0, MAX_PFN)
        .ok_or_else(|| String::from("address spaces: nothing is mapped"))
}
