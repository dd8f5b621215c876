//! Carries out the plan of a module: pages, bytes, protection.
//!
//! *What this is*: the half of module loading that uses memory. It stays pure: bytes go into frames word by word through
//! [`p2m::Memory`], and `mmu` seals and maps the pages.
//!
//! *What must hold*: a module that is refused has changed nothing but the addresses given out.

use alloc::{vec, vec::Vec};
use core::fmt;

use mmu::{Access, ModulePart, Region};
use p2m::Frame;
use start_info::Index;
use x86_64::VirtAddr;

use crate::{
    module::{self, PartKind, Plan},
    platform::Platform,
    stage::Running,
};

/// A module that is mapped and may be started.
#[derive(Debug)]
pub struct Loaded {
    region: Region,
    init: VirtAddr,
}

impl Loaded {
    /// Returns the module's addresses.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.region
    }

    /// Returns the address of its init function.
    #[must_use]
    pub const fn init(&self) -> VirtAddr {
        self.init
    }
}

/// Why a module was not loaded.
#[derive(Debug)]
pub enum LoadError {
    /// The object was refused.
    Module(module::Error),
    /// There were no pages or no addresses for it.
    Mmu(mmu::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(error) => error.fmt(f),
            Self::Mmu(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LoadError {}

impl From<module::Error> for LoadError {
    fn from(error: module::Error) -> Self {
        Self::Module(error)
    }
}

impl From<mmu::Error> for LoadError {
    fn from(error: mmu::Error) -> Self {
        Self::Mmu(error)
    }
}

impl Running {
    /// Places a module in the window, relocates it, and maps it protected. Its code has not run then.
    ///
    /// # Errors
    /// [`LoadError`] for an object that is refused, and when pages or addresses are wanting.
    pub fn load_module<P: Platform>(
        &mut self,
        platform: &mut P,
        name: &str,
        bytes: &[u8],
        exports: &dyn Fn(&str) -> Option<VirtAddr>,
    ) -> Result<Loaded, LoadError> {
        let plan = Plan::new(name, bytes, self.window.region().pages())?;
        let reservation = self.window.reserve(plan.pages(), plan.alignment())?;
        let base = reservation.region().start();
        let patches = plan.resolve(base, exports)?;

        let mut content = vec![0; plan.pages().bytes() as usize];
        for (offset, bytes) in
            plan.copies().chain(patches.iter().map(|patch| (patch.offset(), patch.bytes())))
        {
            write(&mut content, offset, bytes);
        }
        let mut frames = Vec::new();
        for page in content.chunks_exact(4096) {
            frames.push(self.filled_frame(platform, page)?);
        }
        let mut frames = frames.into_iter();
        let parts = plan.parts().map(|part| ModulePart {
            frames: frames.by_ref().take(part.pages.get() as usize).collect::<Vec<Frame>>(),
            access: match part.kind {
                PartKind::Text => Access::Execute,
                PartKind::Rodata => Access::Read,
                PartKind::Data => Access::ReadWrite,
            },
        });
        self.window.map(platform, &mut self.map, &self.p2m, &reservation, parts)?;
        Ok(Loaded { region: reservation.region(), init: base + plan.init() })
    }

    fn filled_frame<P: Platform>(&mut self, platform: &mut P, page: &[u8]) -> Result<Frame, mmu::Error> {
        let mut frame = self.map.take(platform, &self.p2m)?;
        for (index, word) in Index::all().zip(page.as_chunks::<8>().0) {
            frame.set(platform, index, u64::from_le_bytes(*word));
        }
        Ok(frame)
    }
}

fn write(content: &mut [u8], offset: u64, bytes: &[u8]) {
    let start = offset as usize;
    // The plan keeps every copy and patch inside its pages.
    if let Some(target) = content.get_mut(start..start.saturating_add(bytes.len())) {
        target.copy_from_slice(bytes);
    }
}
