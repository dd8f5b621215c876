//! Pages of the payload's own, mapped once more, with a protection that changes.

use alloc::format;

use xen_guest::{Access, Frame, Guest, MappedPages, MmuError, PageCount, Value, log};

use crate::{failed::Failed, report::report};

const ABOUT: &str = "mapping";
const PAGES: PageCount = PageCount::new(3);
const TEXT: &[u8] = b"written through the mapping";

/// Maps a run of pages, writes to it, makes it read-only, then executable, then writable again, and takes it back. After
/// each change the live tables must say the same of both its addresses.
pub(crate) fn demonstrate(guest: &mut Guest) -> Result<(), Failed> {
    let told = |error: MmuError| Failed::by(ABOUT, &error);
    let span = guest.take_span(PAGES).map_err(told)?;
    let range = span.range();
    let mut pages = guest.map(span, Access::ReadWrite).map_err(|(_, error)| told(error))?;
    // Where it is may have been chosen at boot, and is for programs alone.
    log::info!("mapping: pfn {range} is mapped once more, {} pages", pages.region().pages());
    guest.write_bytes(&mut pages, 0xff0, TEXT).map_err(told)?;
    for access in [Access::ReadWrite, Access::Read, Access::Execute, Access::ReadWrite] {
        guest.protect(&mut pages, access).map_err(told)?;
        check(guest, &pages, access)?;
    }
    let region = pages.region();
    let span = guest.unmap(pages).map_err(|(_, error)| told(error))?;
    let left = guest.lookup(region.start()).map_err(told)?;
    if span.range() != range || left.page.is_some() {
        return Err(Failed::because(ABOUT, "the pages did not come back as they were"));
    }
    guest.give_span(span);
    frame(guest).map_err(told)
}

/// A frame is mapped and comes back with what was in it.
fn frame(guest: &mut Guest) -> Result<(), MmuError> {
    let frame: Frame = guest.take_frame()?;
    let pages = guest.map(frame, Access::Read).map_err(|(_, error)| error)?;
    let frame = guest.unmap(pages).map_err(|(_, error)| error)?;
    guest.give_frame(frame);
    Ok(())
}

fn check<O>(guest: &Guest, pages: &MappedPages<O>, access: Access) -> Result<(), Failed> {
    let told = |error: MmuError| Failed::by(ABOUT, &error);
    let mut text = [0; TEXT.len()];
    guest.read_bytes(pages, 0xff0, &mut text).map_err(told)?;
    let address = pages.region().start();
    let (writable, executable) = (access == Access::ReadWrite, access == Access::Execute);
    let here = guest.lookup(address).map_err(told)?.page;
    let direct = here.and_then(|page| page.pfn).and_then(|pfn| guest.direct_address(pfn));
    let there =
        direct.map(|direct| guest.lookup(direct)).transpose().map_err(told)?.and_then(|found| found.page);
    let right = here.is_some_and(|page| (page.writable, page.executable) == (writable, executable))
        && there.is_some_and(|page| (page.writable, page.executable) == (writable, false))
        && text == TEXT;
    let fields = [
        ("at", Value::Hex(address.as_u64())),
        ("access", Value::Source(&access)),
        ("writable", Value::Flag(here.is_some_and(|page| page.writable))),
        ("executable", Value::Flag(here.is_some_and(|page| page.executable))),
        ("alias writable", Value::Flag(there.is_some_and(|page| page.writable))),
    ];
    report(guest, "mapping", &fields);
    if right { Ok(()) } else { Err(Failed::because(ABOUT, &format!("{access:?} is {here:?} and {there:?}"))) }
}
