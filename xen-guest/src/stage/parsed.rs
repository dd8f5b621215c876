//! Stage 1: start_info is checked and the console speaks.

use mmu::layout::KERNEL_MAP;
use p2m::{List, Mismatch, Translate, Window};
use start_info::{BootFacts, Entry, PageCount, Pfn};

use super::{Setting, translated::Translated};
use crate::{
    boot::{Failure, attach_console},
    image::Image,
    options::Options,
    platform::Platform,
    refusal,
    report::Report,
};

/// start_info is known to be consistent.
#[derive(Debug)]
pub(crate) struct Parsed {
    setting: Setting,
}

impl Parsed {
    pub(crate) fn read<P: Platform>(
        platform: &mut P,
        page: &[u8; 4096],
        entry: &Entry,
        image: &Image,
    ) -> Result<Self, Failure> {
        let mut report = Report::start(platform);
        let facts = BootFacts::parse(page, entry).map_err(|cause| {
            refusal::attach_console(platform, page, entry);
            Failure::new("start_info", cause)
        })?;
        // The builder maps at least this much, so the ring's page can be reached long before we map anything.
        let pages = PageCount::try_new(facts.least_boot_end().get()).unwrap_or_default();
        attach_console(platform, &facts, &Window::of_builder(KERNEL_MAP, pages));
        let options = Options::of(facts.command_line());
        report.end(platform, "start_info", 0);
        Ok(Self { setting: Setting { facts, image: *image, options, report } })
    }

    /// Compares the builder's list with Xen's M2P where it matters most: the pages this boot builds on.
    pub(crate) fn translate<P: Platform>(mut self, platform: &mut P) -> Result<Translated, Failure> {
        let facts = &self.setting.facts;
        let list = List::of(facts);
        let last = facts.nr_pages().get() - 1;
        let watched =
            [0, facts.image().start(), facts.image().end() - 1, facts.page_tables().pfns.start(), last];
        // The builder puts the rings right behind start_info; wherever their frames lead must lead back to them.
        let rings = if facts.is_dom0() { 0 } else { 2 };
        let behind = facts.start_info_pfn().get();
        for pfn in
            watched.into_iter().chain(behind..=behind + rings).filter_map(|number| Pfn::try_new(number).ok())
        {
            confirm(platform, &list, pfn).map_err(|cause| Failure::new("p2m check", cause))?;
        }
        self.setting.report.end(platform, "p2m check", 0);
        Ok(Translated { setting: self.setting, list })
    }
}

fn confirm<P: Platform>(platform: &P, list: &List, pfn: Pfn) -> Result<(), Mismatch> {
    // A hole is no disagreement: the builder may leave the last pages out.
    let Some(mfn) = list.entry(platform, pfn).ram() else { return Ok(()) };
    match platform.machine_to_phys(mfn) {
        Some(back) if back == pfn.get() => Ok(()),
        back => Err(Mismatch { pfn, mfn, back }),
    }
}
