//! Stage 4: the layout is final; memory is mapped at `__va`.

use mmu::{BuilderTables, DirectMap, Layout};
use p2m::{BootReserved, Renumbering};

use crate::{
    boot::{context::BootContext, failure::Failure, mapped::Mapped, options::Mapping, stage::Stage},
    platform::Platform,
    report::{pages::MappedSoFar, timeline::Timeline},
};

/// The layout is decided.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(super) context: BootContext,
    pub(super) boot_reserved: BootReserved,
    pub(super) pages: Renumbering,
    pub(super) layout: Layout,
    pub(super) builder: BuilderTables,
}

impl Settled {
    /// Maps memory: what the builder mapped and, unless the map is lazy, all the rest.
    ///
    /// # Errors
    /// [`Failure`] when there is no memory for the tables or Xen refuses one.
    pub(crate) fn map_memory<P: Platform>(mut self, platform: &mut P) -> Result<Mapped, Failure> {
        let failure = |cause| Failure::new(Stage::DirectMap, cause);
        let constant = self.context.image.constant_pages();
        let (facts, pages) = (&self.context.facts, &self.pages);
        let list = self.context.options.builder_p2m();
        let builder = self.builder;
        let mut map =
            DirectMap::bootstrap(platform, pages, &self.boot_reserved, facts, builder, constant, list)
                .map_err(failure)?;
        if self.context.options.mapping == Mapping::Eager {
            let mut progress = Progress::of(&map);
            while map.grow(platform, pages).map_err(failure)? {
                progress.tell(&map, &mut self.context.report, platform);
            }
        }
        self.context.report.end(platform, Stage::DirectMap, map.taken());
        let Self { context: setting, pages, layout, .. } = self;
        Ok(Mapped { context: setting, pages, layout, map })
    }
}

/// Reports the progress of a long mapping. It counts memory: page numbers without any take no time.
struct Progress {
    /// Pages from one line to the next.
    step: u64,
    next: u64,
    /// Facts come more often: no person reads them one by one.
    next_fact: u64,
}

impl Progress {
    /// Below this many pages (8 GiB) the mapping is over before a line could be read.
    const LONG: u64 = 1 << 21;

    fn of(map: &DirectMap) -> Self {
        let step = (map.memory().get() / 8).max(Self::LONG);
        Self { step, next: step, next_fact: step / 4 }
    }

    fn tell(&mut self, map: &DirectMap, report: &mut Timeline, platform: &impl Platform) {
        let (mapped, total) = (map.memory_mapped(), map.memory());
        if mapped.get() >= self.next && mapped < total {
            log::info!("mapping memory: {} of {} GiB", mapped.bytes() >> 30, total.bytes() >> 30);
            self.next += self.step;
        }
        if mapped.get() >= self.next_fact {
            report.tell(platform, &MappedSoFar(map));
            self.next_fact += self.step / 4;
        }
    }
}
