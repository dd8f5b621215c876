//! The address space as a picture in text.
//!
//! *What must hold*: an ordinary line gives no address away that was chosen at boot, nor which of two such regions is
//! the higher one.

use core::fmt;

use arrayvec::ArrayVec;
use mmu::{Region, layout::KernelMap};

use crate::{
    boot::running::Running,
    report::fact::{Fact, Value},
};

/// What a person looks at before reading on.
#[derive(Debug)]
pub struct Picture<'r>(pub(crate) &'r Running);

/// The regions that every boot has at the same place.
const FIXED: [&str; 4] = ["hypervisor hole", "builder's P2M", "module window", "fixmap"];

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(running) = self;
        let is_chosen = is_chosen(running);
        // The layout's order is the same in every boot, and that of the addresses where none was chosen.
        for region in running.layout.regions() {
            let (name, pages) = (region.name(), region.pages().get());
            if is_chosen && !FIXED.contains(&name) {
                writeln!(f, "  {:.<16} .. {:.<16}  {name:<16} {pages} pages", "", "")?;
            } else {
                writeln!(f, "  {:016x} .. {:016x}  {name:<16} {pages} pages", region.start(), region.last())?;
            }
        }
        let (map, image) = (&running.map, running.layout.image());
        f.write_str("  ")?;
        if !is_chosen {
            write!(f, "image ends at {:#x}, ", image.last() + 1)?;
        }
        write!(f, "modules end at {:#x}; ", running.window.end())?;
        write!(f, "{} of {} pages mapped, {} free", map.memory_mapped(), map.memory(), map.free())
    }
}

/// Tells whether places were chosen at boot, of the image or of other regions.
fn is_chosen(running: &Running) -> bool {
    let image = &running.context.image;
    image.drawn.is_some() || image.map != KernelMap::BUILDER
}

impl<'r> Picture<'r> {
    /// Shows its last line as a fact. Of the regions the layer prints facts itself.
    #[must_use]
    pub const fn json(&self) -> PictureJson<'r> {
        PictureJson(self.0)
    }
}

/// More regions than a layout has.
const MAX_REGIONS: usize = 16;

/// The regions, lowest address first.
pub(crate) fn regions(running: &Running) -> ArrayVec<Region, MAX_REGIONS> {
    let mut regions: ArrayVec<_, MAX_REGIONS> =
        running.layout.regions().iter().copied().take(MAX_REGIONS).collect();
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
