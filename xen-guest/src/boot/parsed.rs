//! Stage 1: start_info is checked and the console speaks.

use mmu::layout::KERNEL_MAP;
use p2m::{Authority, LinearMap, List, Mismatch, Translate};
use start_info::{BootFacts, KernelEntry, Pfn, PfnRange};

use crate::{
    boot::{
        context::BootContext,
        failure::{Cause, Failure},
        image::Image,
        kaslr::KaslrFact,
        options::Options,
        refusal, rings,
        stage::Stage,
        translated::Translated,
    },
    platform::Platform,
    report::{pages::AtEntry, timeline::Timeline},
};

/// start_info is known to be consistent.
#[derive(Debug)]
pub(crate) struct Parsed {
    context: BootContext,
    authority: Authority,
}

impl Parsed {
    /// Checks a copy of start_info and finds the console.
    ///
    /// # Errors
    /// [`Failure`] when a field contradicts another; the refusal can be seen on the console then.
    pub(crate) fn read<P: Platform>(
        platform: &mut P,
        page: &[u8; 4096],
        entry: &KernelEntry,
        image: &Image,
    ) -> Result<Self, Failure> {
        let mut report = Timeline::start(platform, image.kaslr.cost());
        let authority = Authority::take().ok_or(Failure::new(Stage::StartInfo, Cause::Again))?;
        let facts = BootFacts::parse(page, entry).map_err(|cause| {
            refusal::attach_console(platform, &authority, page, entry);
            Failure::new(Stage::StartInfo, cause)
        })?;
        let facts = facts.with_slide_tables(image.kaslr.tables());
        // The domain builder maps at least this much, so the ring's page can be reached before we map anything.
        let window = LinearMap::of_builder(&authority, KERNEL_MAP, facts.least_boot_end().count_below());
        let failure = |cause| Failure::new(Stage::StartInfo, cause);
        let rings = core::iter::once(facts.ring_pages());
        rings::attach_console(platform, &facts, rings, |pfn| window.shared_page(&authority, pfn))
            .map_err(failure)?;
        let options = Options::from_command_line(facts.command_line());
        report.set_live(platform, options.json);
        report.end(platform, Stage::StartInfo, 0);
        if let Some(line) = image.kaslr.line() {
            report.say(platform, &line);
        }
        report.tell(platform, &KaslrFact(image));
        report.tell(platform, &AtEntry { facts: &facts, image });
        Ok(Self { context: BootContext { facts, map: None, image: *image, options, report }, authority })
    }

    /// Compares the builder's list with Xen's M2P for the pages this boot depends on.
    ///
    /// # Errors
    /// [`Failure`] with the page on which list and M2P disagree.
    pub(crate) fn translate<P: Platform>(mut self, platform: &mut P) -> Result<Translated, Failure> {
        let facts = &self.context.facts;
        let list = List::from_facts(facts);
        // The builder puts the rings right after start_info; wherever their frames lead must lead back to them.
        let (image, tables) = (facts.image(), facts.page_tables().pfns);
        let watched = [Pfn::new(0), image.start(), tables.start(), facts.start_info_pfn()].into_iter();
        let last = image.last().into_iter().chain(PfnRange::first(facts.nr_pages()).last());
        for pfn in watched.chain(last).chain(facts.ring_pages().iter()) {
            confirm(platform, &list, pfn).map_err(|cause| Failure::new(Stage::P2mCheck, cause))?;
        }
        rings::check_listed(platform, facts, &list).map_err(|cause| Failure::new(Stage::P2mCheck, cause))?;
        self.context.report.end(platform, Stage::P2mCheck, 0);
        Ok(Translated { context: self.context, authority: self.authority, list })
    }
}

fn confirm<P: Platform>(platform: &P, list: &List, pfn: Pfn) -> Result<(), Mismatch> {
    // A hole is not a disagreement: the builder may leave the last pages out.
    let Some(mfn) = list.entry(platform, pfn).ram() else { return Ok(()) };
    match platform.machine_to_phys(mfn) {
        Some(back) if back == pfn.get() => Ok(()),
        back => Err(Mismatch { pfn, mfn, back }),
    }
}
