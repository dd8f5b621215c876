//! The kernel's image at an address that is chosen at boot.
//!
//! *What this is*: before any code knows where it runs, the pages of the image are mapped a second time, at another address
//! of the top 2 GiB, in L1 tables of their own. The builder's mapping of them stays until its tables are left.
//!
//! *What must hold*: the tables are the pages right after the boot stack, as many as [`map_image_at`] says, and the boot that
//! follows knows them by [`BootFacts::slide_tables`]. The new addresses lie after the end of the builder's mapping and before the
//! module window, so they share the builder's L2 table and no L1 table.

use p2m::{List, Translate};
use start_info::{BootFacts, PAGE_SIZE, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    error::{MmuError, Operation},
    hv::Machine,
    layout::{KernelMap, MODULES, region::Region},
    paging::{
        batch::Batch,
        entry::Entry,
        level::{Arithmetic, L1, L2},
        table::Table,
    },
    space::{build::MappedImage, builder_tables::BuilderTables},
};

/// An image that could not be mapped at another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmoved {
    /// Why.
    pub error: MmuError,
    /// How many pages after the boot stack may be read-only since, and in use as tables.
    pub tables: PageCount,
}

impl From<MmuError> for Unmoved {
    /// Nothing was changed.
    fn from(error: MmuError) -> Self {
        Self { error, tables: PageCount::ZERO }
    }
}

fn region(image: PfnRange, map: KernelMap) -> Region {
    Region::new("kernel image", map.address(image.start()), image.len())
}

/// The addresses at which an image can start: a page each, from the end of the builder's mapping to the module window.
#[derive(Clone, Copy, Debug)]
pub struct ImageRoom {
    image: PfnRange,
    first: VirtAddr,
    pages: PageCount,
}

impl ImageRoom {
    /// Finds the room for an image after a builder's mapping that ends at `builder_end`.
    #[must_use]
    pub fn after(builder_end: Pfn, image: PfnRange) -> Self {
        let first = KernelMap::BUILDER.address(builder_end);
        let pages = MODULES.as_u64().saturating_sub(first.as_u64()) / PAGE_SIZE;
        Self { image, first, pages: PageCount::clamped(pages) }
    }

    /// Returns how many addresses there are to choose from.
    #[must_use]
    pub const fn bases(&self) -> PageCount {
        PageCount::clamped((self.pages.get() + 1).saturating_sub(self.image.len().get()))
    }

    /// Tells whether the image has one of these addresses.
    fn has(&self, map: KernelMap) -> bool {
        let start = map.address(self.image.start()).as_u64();
        let end = u128::from(start) + u128::from(self.image.len().bytes());
        start >= self.first.as_u64() && end <= u128::from(MODULES.as_u64())
    }

    /// Chooses one of them by a random word: of 2^64 words, as many lead to each as to any other, give or take one.
    ///
    /// # Errors
    /// [`MmuError::ImageRoom`] when there is none.
    pub fn draw(&self, word: u64) -> Result<KernelMap, MmuError> {
        let bases = self.bases().get();
        if bases == 0 {
            return Err(MmuError::ImageRoom { image: self.image.len(), room: self.pages });
        }
        // Less than `bases`, because the word is less than 2^64.
        let page = ((u128::from(word) * u128::from(bases)) >> 64) as u64;
        let start = self.first.as_u64() + page * PAGE_SIZE;
        Ok(KernelMap::with_base(VirtAddr::new_truncate(start - self.image.start().get() * PAGE_SIZE)))
    }
}

/// Maps the pages of the image where `image` says, each part with its protection, in tables made of the pages right after
/// the boot stack. Returns how many tables these are.
///
/// # Errors
/// [`MmuError::ImageRoom`] for addresses that are not between the builder's mapping and the module window,
/// [`MmuError::SlideTables`] when the builder has mapped too few pages for the tables: then nothing was changed.
/// [`MmuError::NoMemory`] for a page of the image or for a table that the list lacks, [`MmuError::Refused`] when Xen refuses.
pub fn map_image_at<M: Machine>(
    builder: BuilderTables,
    machine: &mut M,
    list: &List,
    facts: &BootFacts,
    image: &MappedImage,
) -> Result<PageCount, Unmoved> {
    let pages = facts.image();
    let room = ImageRoom::after(builder.end(), pages);
    // What is mapped there would be lost.
    if !room.has(image.map) {
        return Err(MmuError::ImageRoom { image: pages.len(), room: room.pages }.into());
    }
    let count = PageCount::clamped(region(pages, image.map).pieces(L2::REACH).count() as u64);
    let tables = PfnRange::one(facts.boot_stack()).end();
    let left = PfnRange::between(tables, builder.end()).len();
    let tables =
        PfnRange::try_new(tables, count).map_err(|_| MmuError::SlideTables { wanted: count, left })?;
    if count > left {
        return Err(MmuError::SlideTables { wanted: count, left }.into());
    }
    match map_in(tables, builder, machine, list, image, pages) {
        Ok(()) => Ok(count),
        // Some of it may be done.
        Err(error) => Err(Unmoved { error, tables: count }),
    }
}

fn map_in<M: Machine>(
    tables: PfnRange,
    builder: BuilderTables,
    machine: &mut M,
    list: &List,
    image: &MappedImage,
    pages: PfnRange,
) -> Result<(), MmuError> {
    let linear = *builder.linear();
    let view = builder.into_view();
    let mut span = linear.free_span(view.authority(), tables);
    let mut batch = Batch::new(Operation::Slide);
    for piece in region(pages, image.map).pieces(L2::REACH) {
        let frame =
            linear.take_first(&mut span, machine, list).ok_or(MmuError::NoMemory { pfn: tables.start() })?;
        let mut table = Table::<L1, _>::empty(frame, machine);
        for address in piece.addresses() {
            let pfn = Pfn::clamped((address - image.map.base()) / PAGE_SIZE);
            let Some(part) =
                image.parts.iter().find(|part| part.pages.contains(pfn)).filter(|_| pfn != image.guard)
            else {
                continue;
            };
            let mfn = list.entry(machine, pfn).ram().ok_or(MmuError::NoMemory { pfn })?;
            table.put(machine, L1::index(address), Entry::leaf(mfn, part.access));
        }
        let table = table.freeze(machine, &mut batch, &view)?;
        let absent = MmuError::NotMapped { address: piece.start().as_u64(), level: 2 };
        let mut l2 = view.l2(machine, piece.start())?.ok_or(absent)?;
        l2.attach(machine, &mut batch, L2::index(piece.start()), table)?;
    }
    batch.commit(machine)?.waive("the entries were empty, and the tables are not written again");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn image(pages: u64) -> PfnRange {
        PfnRange::try_new(Pfn::new(0x1000), PageCount::new(pages)).unwrap()
    }

    fn start(room: &ImageRoom, word: u64) -> u64 {
        room.draw(word).unwrap().address(Pfn::new(0x1000)).as_u64()
    }

    #[test]
    fn the_first_and_the_last_address_can_be_drawn_and_none_beyond() {
        for (pages, end) in [(1, 0x1400), (273, 0x1400), (0x4e3, 0x9fff), (0x400, 0x1_fc00)] {
            let room = ImageRoom::after(Pfn::new(end), image(pages));
            assert_eq!(start(&room, 0), 0xffff_ffff_8000_0000 + end * 4096);
            assert_eq!(start(&room, u64::MAX), MODULES.as_u64() - pages * 4096);
            assert_eq!(room.bases().get(), 0x2_0000 - end - pages + 1);
        }
    }

    #[test]
    fn an_image_without_room_is_refused_with_both_numbers() {
        for (pages, end, room) in [(0x401, 0x1_fc00, 0x400), (1, 0x2_0000, 0), (1, 0x2_0001, 0)] {
            let error = ImageRoom::after(Pfn::new(end), image(pages)).draw(7).unwrap_err();
            let room = PageCount::new(room);
            assert_eq!(error, MmuError::ImageRoom { image: PageCount::new(pages), room });
        }
    }

    /// 10,000 draws over 64 equal parts of the room. By chance the sum exceeds 126 less often than once in 200,000 seeds
    /// (chi-square with 63 degrees of freedom), and the seed is fixed.
    #[test]
    fn draws_are_uniform_over_the_room() {
        const DRAWS: u64 = 10_000;
        for end in [0x1400, 0x7777, 0x1_8000] {
            let room = ImageRoom::after(Pfn::new(end), image(273));
            let (bases, mut counts, mut seed) = (room.bases().get(), vec![0_u64; 64], end);
            for _ in 0..DRAWS {
                // SplitMix64.
                seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut word = seed;
                word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                let page = (start(&room, word ^ (word >> 31)) - room.first.as_u64()) / 4096;
                counts[(page * 64 / bases) as usize] += 1;
            }
            let expected = DRAWS as f64 / 64.0;
            let sum: f64 = counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum();
            assert!(sum < 126.0, "{sum}: {counts:?}");
        }
    }
}
