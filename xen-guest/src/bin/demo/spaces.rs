//! A second address space: what is mapped later is in it, in both halves.

use alloc::format;

use xen_guest::{Guest, IoAccess, IoPages, MmuError, PageCount, Pfn, PfnRange, Value, log};

use crate::{failed::Failed, report::report};

/// The screen's text page, device memory below 1 MiB that every PC has: dom0's.
const SCREEN: Pfn = Pfn::new(0xb8);

const ABOUT: &str = "address spaces";

/// Makes a space, maps shared_info in a top-level slot that was empty, and as dom0 the screen at its own address; both must
/// be there in the new space and in the first one.
pub(crate) fn demonstrate(guest: &mut Guest) -> Result<(), Failed> {
    let told = |error: MmuError| Failed::by(ABOUT, &error);
    let space = guest.new_space().map_err(told)?;
    // Mapped while only one space is in use, and both must have it.
    let shared_info = guest.facts().shared_info().mfn();
    let page = guest.map_device(shared_info, PageCount::new(1), IoAccess::Read).map_err(told)?;
    guest.enter_space(Some(&space)).map_err(told)?;
    let there = word(guest, &page)?;
    let screen = match guest.facts().is_dom0() {
        true => {
            let pages = PfnRange::one(SCREEN);
            let screen = guest.map_identity(pages, IoAccess::Read).map_err(told)?;
            Some((word(guest, &screen)?, screen))
        }
        false => None,
    };
    guest.enter_space(None).map_err(told)?;
    let here = word(guest, &page)?;
    if there != here || here != guest.pages().get() {
        return Err(differ("max_pfn is", there, here));
    }
    log::info!("spaces: {} is mapped as {} in both", page.first(), page.region().name());
    report_both(guest, "shared_info", &page);
    if let Some((there, screen)) = screen {
        let here = word(guest, &screen)?;
        if there != here {
            return Err(differ("the screen has", there, here));
        }
        log::info!("spaces: {} is mapped at its own address in both: {}", screen.first(), screen.region());
        report_both(guest, "screen", &screen);
        guest.unmap_device(screen).map_err(|(_, error)| told(error))?;
    }
    guest.unmap_device(page).map_err(|(_, error)| told(error))?;
    guest.retire_space(space).map_err(|(_, error)| told(error))
}

/// Reads the word of a page where shared_info has the number of P2M entries.
fn word(guest: &Guest, pages: &IoPages) -> Result<u64, Failed> {
    const MAX_PFN: u64 = 0xc10;
    guest.read_device(pages, MAX_PFN).map_err(|error| Failed::by(ABOUT, &error))
}

fn differ(what: &str, there: u64, here: u64) -> Failed {
    Failed::because(ABOUT, &format!("{what} {there:#x} in one and {here:#x} in the other"))
}

/// What was found the same in both spaces, for programs.
fn report_both(guest: &Guest, what: &str, pages: &IoPages) {
    let at = pages.region().start().as_u64();
    report(guest, "space", &[("both have", Value::Text(&what)), ("at", Value::Hex(at))]);
}
