//! Guests that differ in what their boots do.

use xen_model::{GuestConfig, Loader, Ramdisk};

fn ramdisk() -> Ramdisk {
    Ramdisk::of((0..0x5432_u32).map(|i| (i * 5) as u8).collect())
}

/// Guests that differ in what their boots do. The lazy one has a second chunk that the boot does not map.
pub(crate) fn guests() -> [(&'static str, GuestConfig); 17] {
    let low = |guest: GuestConfig| GuestConfig { image_start: 0x80, ..guest };
    let by_pfn = GuestConfig { ramdisk_by_pfn: true, ..low(GuestConfig::new(0x1357)) };
    [
        ("domU", low(GuestConfig::new(0x1000))),
        ("domU of an odd size", low(GuestConfig::new(0x1233)).with_ramdisk(ramdisk())),
        ("ramdisk by pfn", by_pfn.with_ramdisk(ramdisk())),
        ("dom0", low(GuestConfig::dom0(0x1a01)).with_ramdisk(ramdisk())),
        ("dom0 with the notes", low(GuestConfig::dom0(0x1fff)).with_notes().with_ramdisk(ramdisk())),
        ("lazy", low(GuestConfig::new((1 << 18) + 0x2345)).with_command_line("map=lazy")),
        ("revector=off", low(GuestConfig::new(0x1201)).with_command_line("revector=off")),
        (
            "INIT_P2M, revector=off",
            low(GuestConfig::new(0x1201)).with_notes().with_command_line("revector=off"),
        ),
        ("GRUB", low(GuestConfig::new(0x1677)).with_loader(Loader::Grub).with_ramdisk(ramdisk())),
        (
            "GRUB, with the notes",
            low(GuestConfig::new(0x1677)).with_loader(Loader::Grub).with_notes().with_ramdisk(ramdisk()),
        ),
        (
            "GRUB, with the notes, revector=off",
            low(GuestConfig::new(0x1677))
                .with_loader(Loader::Grub)
                .with_notes()
                .with_command_line("revector=off"),
        ),
        (
            "krata",
            low(GuestConfig::new(0x1201)).with_loader(Loader::Krata).with_notes().with_ramdisk(ramdisk()),
        ),
        ("slid", low(GuestConfig::new(0x1233)).with_ramdisk(ramdisk()).with_slide(0x1234_5678_9abc_def0)),
        (
            "slid dom0, to the last address",
            low(GuestConfig::dom0(0x1fff)).with_notes().with_ramdisk(ramdisk()).with_slide(u64::MAX),
        ),
        (
            "slid, lazy, to the first address",
            low(GuestConfig::new((1 << 18) + 0x2345)).with_command_line("map=lazy").with_slide(0),
        ),
        (
            "slid, revector=off",
            low(GuestConfig::new(0x1201)).with_command_line("revector=off").with_slide(1 << 63),
        ),
        (
            "slid, GRUB, with the notes, revector=off",
            low(GuestConfig::new(0x1677))
                .with_loader(Loader::Grub)
                .with_notes()
                .with_command_line("revector=off")
                .with_slide(0x0123_4567_89ab_cdef),
        ),
    ]
}
