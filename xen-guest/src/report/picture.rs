//! The address space as a picture in text.

use core::fmt;

use mmu::Region;

use crate::{
    boot::running::Running,
    report::fact::{Fact, Value},
};

/// What a person looks at before reading on.
#[derive(Debug)]
pub struct Picture<'r>(pub(crate) &'r Running);

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(running) = self;
        for region in &regions(running) {
            let pages = region.pages().get();
            writeln!(
                f,
                "  {:016x} .. {:016x}  {:<16} {pages} pages",
                region.start(),
                region.last(),
                region.name()
            )?;
        }
        let (map, image) = (&running.map, running.layout.image());
        write!(f, "  image ends at {:#x}, modules end at {:#x}; ", image.last() + 1, running.window.end())?;
        write!(f, "{} of {} pages mapped, {} free", map.memory_mapped(), map.memory(), map.free())
    }
}

impl<'r> Picture<'r> {
    /// Shows its last line as a fact. Of the regions the layer prints facts itself.
    #[must_use]
    pub const fn json(&self) -> PictureJson<'r> {
        PictureJson(self.0)
    }
}

pub(crate) fn regions(running: &Running) -> arrayvec::ArrayVec<Region, 16> {
    let mut regions: arrayvec::ArrayVec<Region, 16> = running.layout.regions().iter().copied().collect();
    regions.sort_unstable_by_key(Region::start);
    regions
}

/// The last line of a picture as a fact.
#[derive(Debug)]
pub struct PictureJson<'r>(&'r Running);

impl fmt::Display for PictureJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(running) = self;
        let (map, image) = (&running.map, running.layout.image());
        let memory = [
            ("pages", Value::Number(map.memory().get())),
            ("mapped", Value::Number(map.memory_mapped().get())),
            ("free", Value::Number(map.free())),
            ("image_end", Value::Hex(image.last() + 1)),
            ("modules_end", Value::Hex(running.window.end().as_u64())),
        ];
        write!(f, "{}", Fact::new("memory", &memory))
    }
}
