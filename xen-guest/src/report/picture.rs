//! The address space as a picture in text.

use core::fmt;

use mmu::Region;

use crate::boot::running::Running;

/// What a person looks at before reading on.
#[derive(Debug)]
pub struct Picture<'r>(pub(crate) &'r Running);

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(running) = self;
        let mut regions: arrayvec::ArrayVec<Region, 16> = running.layout.regions().iter().copied().collect();
        regions.sort_unstable_by_key(Region::start);
        for region in &regions {
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
