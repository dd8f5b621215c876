//! A refused start_info, and how the refusal still reaches a console.
//!
//! *What this is*: without a trusted page there is no console either, and a release Xen drops what a domU prints. So
//! the ring is looked up in the raw bytes: if its frame is one of the two pages right after start_info, it is used.

use core::mem::offset_of;

use mmu::layout::KERNEL_MAP;
use p2m::{Authority, LinearMap};
use start_info::{KernelEntry, Mfn, PAGE_SIZE, Pfn, PfnRange, Ring};
use xen_sys::start_info as Layout;

use crate::{boot::rings, platform::Platform};

const FLAGS: usize = offset_of!(Layout, flags);
const CONSOLE_MFN: usize = offset_of!(Layout, console.domU.mfn);
const CONSOLE_PORT: usize = offset_of!(Layout, console.domU.evtchn);
/// How many pages there are from [`KERNEL_MAP`] to the end of the address space.
const MAX_PAGES: u64 = (u64::MAX - KERNEL_MAP.as_u64()) / PAGE_SIZE + 1;

/// Attaches the console ring that a refused page names, if it can be one.
pub(crate) fn attach_console<P: Platform>(
    platform: &mut P,
    authority: &Authority,
    page: &[u8; 4096],
    entry: &KernelEntry,
) {
    let word =
        |at: usize| page.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let half =
        |at: usize| page.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    let is_domu = half(FLAGS).is_some_and(|flags| flags & xen_sys::SIF_INITDOMAIN == 0);
    let start_info = entry.start_info.as_u64().checked_sub(KERNEL_MAP.as_u64()).map(|at| at / PAGE_SIZE);
    if is_domu
        && let Some(start_info) = start_info
        && let Some(port) = half(CONSOLE_PORT)
        && let Some(mfn) = word(CONSOLE_MFN).and_then(|number| Mfn::try_new(number).ok())
    // The builder puts the two rings right after start_info (xen.h, "Start-of-day memory layout").
    {
        let (start, end) = (start_info + 1, (start_info + 3).min(MAX_PAGES));
        let allowed = PfnRange::between(Pfn::clamped(start), Pfn::clamped(end));
        let window = LinearMap::of_builder(authority, KERNEL_MAP, allowed.end().count_below());
        rings::attach_raw_console(platform, allowed, Ring { mfn, port }, |pfn| {
            window.shared_page(authority, pfn)
        });
    }
}
