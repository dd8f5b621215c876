//! Loads and unloads modules: pages, bytes, protection, start and end.
//!
//! *What this is*: the half of module loading that uses memory. It stays safe code: bytes go into frames word by word
//! through [`p2m::Memory`], `mmu` seals and maps the pages, and the jump into a module is the platform's.
//!
//! *What must hold*: a module that is refused, or that fails to start, leaves everything as it was: frames, addresses,
//! page tables and symbols. What Xen refuses to take away stays in the module window and no longer belongs to any
//! module. Every load or unload of a module tries it again. A module's exit function is called once.
//!
//! *What is not prevented*: a heap too full for the few names of a module. Then the allocator ends the kernel.

use alloc::{borrow::ToOwned, vec::Vec};
use core::iter::repeat_n;

use mmu::{Access, ModulePart, Reservation};
use p2m::Frame;
use start_info::{Index, PageCount};
use x86_64::VirtAddr;

use crate::{
    boot::running::Running,
    guest::Guest,
    module::{
        self, Content, PartKind, Plan,
        load_error::LoadError,
        table::{Cost, Loaded},
    },
    platform::{EntryPoint, Platform},
    sys::TrustedModule,
};

impl<P: Platform> Guest<P> {
    /// Loads a module: checks it, places it in the window, relocates it, maps it protected, and calls its init
    /// function.
    ///
    /// Its undefined symbols are resolved by the functions the kernel lends, or by modules loaded before.
    ///
    /// # Errors
    /// [`LoadError`]. Then nothing is left of the module; if Xen refuses to take something away, the next load tries
    /// again. If Xen refuses only to take away the pages that were needed for the module's start, the module is loaded.
    pub fn load_module(&mut self, module: &TrustedModule<'_>) -> Result<&Loaded, LoadError> {
        self.load(module.name(), module.bytes())
    }

    pub(super) fn load(&mut self, name: &str, bytes: &[u8]) -> Result<&Loaded, LoadError> {
        self.tidy();
        let mut meter = Meter::start(self);
        let plan = Plan::new(bytes, self.parts.window.region().pages())?;
        let kernel = self.parts.modules.kernel()?;
        let uses = self.parts.modules.admit(name, &plan, &kernel)?;
        let reservation = self.parts.window.reserve(plan.pages(), plan.alignment())?;
        let base = reservation.region().start();
        meter.cost.plan = meter.lap(&self.platform);
        let exports = |symbol: &str| self.parts.modules.resolve(&kernel, symbol);
        let content = match plan.resolve(base, &exports) {
            Ok(content) => content,
            Err(error) => return self.refuse(reservation, error),
        };
        meter.cost.relocate = meter.lap(&self.platform);
        let frames = match self.prepare(&reservation, &content) {
            Ok(frames) => frames,
            Err(error) => return self.refuse(reservation, error),
        };
        drop(content);
        let pages =
            plan.parts().iter().flat_map(|part| repeat_n(access(part.kind), part.pages.get() as usize));
        let parts =
            frames.into_iter().zip(pages).map(|(frame, access)| ModulePart { frames: [frame], access });
        let Running { window, map, p2m, .. } = &mut self.parts;
        let mapped = window.map(&mut self.platform, map, p2m, reservation, parts)?;
        meter.end(self, plan.pages().get());

        let info = plan.info();
        let loaded = Loaded {
            name: name.to_owned(),
            version: info.version.to_owned(),
            license: info.license.to_owned(),
            mapped,
            pages: plan.pages(),
            size: bytes.len(),
            relocations: plan.relocations(),
            symbols: plan.symbols(),
            exit: plan.exit().map(|offset| base + offset),
            exports: plan.exports().map(|(symbol, offset)| (symbol.to_owned(), base + offset)).collect(),
            uses,
            cost: meter.cost,
        };
        self.start_module(loaded, base + plan.init(), plan.kept())
    }

    /// Calls a module's init function, and gives back the pages that only its start needed.
    fn start_module(
        &mut self,
        mut loaded: Loaded,
        init: VirtAddr,
        kept: PageCount,
    ) -> Result<&Loaded, LoadError> {
        let Self { platform, parts: Running { window, map, modules, .. } } = self;
        platform.note_module(&loaded.name, loaded.region());
        let code = platform.start_module(EntryPoint::new(init));
        if code != 0 {
            platform.forget_module(loaded.region());
            // What cannot be taken away now stays in the window for a retry.
            let _later = window.unmap(platform, map, loaded.mapped);
            return Err(LoadError::Init { code });
        }
        platform.forget_module(loaded.region());
        if let Err(error) = window.shrink(platform, map, &mut loaded.mapped, kept) {
            // It has started, and may have no exit function: it stays.
            log::warn!("module {}: the pages of its init code are not given back yet: {error}", loaded.name);
        }
        platform.note_module(&loaded.name, loaded.region());
        let name = loaded.name.clone();
        modules.add(loaded);
        modules.get(&name).ok_or(LoadError::NotLoaded)
    }

    /// Unloads a module that no other module uses: calls its exit function, and gives back its pages and addresses.
    ///
    /// # Errors
    /// [`LoadError::NotLoaded`], [`LoadError::InUse`]. [`LoadError::Lingers`] when Xen refuses to take its pages away:
    /// the module has ended and its name is free; do not call this again for it.
    pub fn unload_module(&mut self, name: &str) -> Result<(), LoadError> {
        self.tidy();
        let Self { platform, parts: Running { window, map, modules, .. } } = self;
        let loaded = modules.remove(name)?;
        if let Some(exit) = loaded.exit {
            platform.end_module(EntryPoint::new(exit));
        }
        platform.forget_module(loaded.region());
        let pages = loaded.mapped.pages();
        window.unmap(platform, map, loaded.mapped).map_err(|error| LoadError::Lingers { pages, error })
    }

    /// Tries again to take away what Xen refused to take away before.
    fn tidy(&mut self) {
        let Self { platform, parts: Running { window, map, .. } } = self;
        // If Xen refuses again, no harm is done: this load uses other addresses and frames.
        let _later = window.undo_pending(platform, map);
        let _later = map.undo_pending(platform);
    }

    /// Gives back the addresses of a module that is refused.
    fn refuse<T>(&mut self, reservation: Reservation, error: impl Into<LoadError>) -> Result<T, LoadError> {
        // The caller gets the reason for the refusal, not this error. What cannot be taken away now stays in the window
        // for a retry.
        let _later = self.parts.window.cancel(&mut self.platform, &mut self.parts.map, reservation);
        Err(error.into())
    }

    /// Takes the frames of a module and fills them; takes none if there are not enough.
    fn prepare(&mut self, reservation: &Reservation, content: &Content<'_>) -> Result<Vec<Frame>, LoadError> {
        let Self { platform, parts: Running { window, map, p2m, .. } } = self;
        window.open(platform, map, p2m, reservation)?;
        let pages = reservation.region().pages().get();
        let mut frames = Vec::new();
        let entries = pages as usize;
        frames.try_reserve_exact(entries).map_err(|_| module::ModuleError::NoMemory { entries })?;
        for number in 0..pages {
            match map.take(platform, p2m) {
                Ok(mut frame) => {
                    fill(platform, content, number, &mut frame);
                    frames.push(frame);
                }
                Err(error) => {
                    while let Some(frame) = frames.pop() {
                        map.give(platform, frame);
                    }
                    return Err(error.into());
                }
            }
        }
        Ok(frames)
    }
}

fn fill<P: Platform>(platform: &mut P, content: &Content<'_>, number: u64, frame: &mut Frame) {
    let mut page = [0; 4096];
    if content.write(number, &mut page) {
        for (index, word) in Index::all().zip(page.as_chunks::<8>().0) {
            frame.set(platform, index, u64::from_le_bytes(*word));
        }
    } else {
        platform.fill(frame, 0);
    }
}

const fn access(kind: PartKind) -> Access {
    match kind {
        PartKind::Text | PartKind::InitText => Access::Execute,
        PartKind::Rodata => Access::Read,
        PartKind::Data | PartKind::InitData => Access::ReadWrite,
    }
}

/// Measures what loading a module costs.
struct Meter {
    cost: Cost,
    lap: u64,
    hypercalls: u64,
    taken: u64,
}

impl Meter {
    fn start<P: Platform>(guest: &Guest<P>) -> Self {
        let (platform, taken) = (&guest.platform, guest.parts.map.taken());
        let (lap, hypercalls) = (platform.ticks(), platform.hypercalls());
        Self { cost: Cost::default(), lap, hypercalls, taken }
    }

    /// Returns the ticks since the previous lap.
    fn lap(&mut self, platform: &impl Platform) -> u64 {
        let now = platform.ticks();
        now.saturating_sub(core::mem::replace(&mut self.lap, now))
    }

    fn end<P: Platform>(&mut self, guest: &Guest<P>, pages: u64) {
        let Guest { platform, parts } = guest;
        self.cost.map = self.lap(platform);
        self.cost.at = self.lap;
        self.cost.hypercalls = platform.hypercalls().saturating_sub(self.hypercalls);
        self.cost.tables = parts.map.taken().saturating_sub(self.taken).saturating_sub(pages);
    }
}
