//! The guests of the search: small, so a boot is cheap, with every kind of page.

use start_info::MapEntry;
use xen_model::{GuestConfig, Ramdisk};

/// A guest, and page numbers without memory.
pub(crate) struct Shape {
    pub(crate) guest: GuestConfig,
    /// One in a leaf of the P2M that also has pages with memory.
    pub(crate) hole: u64,
    /// One in a leaf that has none, and so is shared.
    pub(crate) gap: u64,
    /// Runs that the heap gets before the search begins, so that few pages are left: they run out, or the direct map
    /// must grow.
    pub(crate) heap: &'static [u64],
    /// Random words by which the regions are drawn.
    pub(crate) drawn: Option<[u64; 4]>,
}

fn ramdisk() -> Ramdisk {
    Ramdisk::of((0..0x2345_u32).map(|byte| (byte * 7) as u8).collect())
}

/// A dom0 with all kinds of pages, in few of them.
pub(crate) fn small() -> Shape {
    let absent = 0x41d..0x80a;
    let guest = GuestConfig {
        image_start: 0x180,
        image_pages: 0x23,
        holes: vec![absent],
        ..GuestConfig::dom0(0x813)
    };
    Shape {
        guest: guest.with_ramdisk(ramdisk()),
        hole: 0x425,
        gap: 0x657,
        heap: &[587, 379, 12],
        drawn: None,
    }
}

/// A dom0 some of whose pages got other numbers, because its machine has no memory there.
pub(crate) fn renumbered() -> Shape {
    let entry = |start: u64, end: u64, kind| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    let (hole, low) = (0xa0, 0x100);
    let [ram, reserved] = [1, 2];
    let machine_map = vec![entry(0, hole, ram), entry(hole, low, reserved), entry(low, 0x4000, ram)];
    let absent = 0x600..0xa00;
    let (image_start, image_pages, holes) = (0x180, 0x33, vec![absent]);
    let guest = GuestConfig { image_start, image_pages, machine_map, holes, ..GuestConfig::dom0(0xa13) };
    let heap = &[512, 512, 159, 124, 94, 52];
    Shape { guest: guest.with_ramdisk(ramdisk()), hole: hole + 5, gap: 0x657, heap, drawn: None }
}

/// A domU whose second chunk is mapped only when needed.
pub(crate) fn growing() -> Shape {
    let holes = vec![0x8a5..0x8a7, 0xa00..0x4_0000, 0x4_0011..0x4_0015];
    let guest = GuestConfig { image_start: 0x180, image_pages: 0x33, holes, ..GuestConfig::new(0x4_0457) };
    let guest = guest.with_ramdisk(ramdisk()).with_command_line("map=lazy");
    // The border of two top-level entries lies between the two chunks of the direct map, and in the middle of what the payload and
    // devices get.
    let drawn = Some([511, 77, (1 << 27) - 3, (1 << 27) - 5]);
    Shape { guest, hole: 0x8a5, gap: 0xa57, heap: &[1024, 384, 28, 5], drawn }
}
