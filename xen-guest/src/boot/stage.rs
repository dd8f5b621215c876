//! The stages of the boot, by their names.

use core::fmt;

/// A stage, as reports and refusals name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The entry point: traps, the hypercalls that must work, the guard page.
    Entry,
    /// The image's address is chosen.
    Kaslr,
    /// start_info is checked, and the console found.
    StartInfo,
    /// The builder's list is compared with Xen's M2P.
    P2mCheck,
    /// The memory map is requested, and page numbers are planned by it.
    MemoryMap,
    /// The layout is settled.
    Layout,
    /// The builder's tables are walked.
    BuilderTables,
    /// Pages get new numbers.
    Renumber,
    /// Memory is mapped at `__va`.
    DirectMap,
    /// The P2M tree is built, copied and published.
    P2m,
    /// The new address space is built.
    PageTables,
    /// The switch to it; what the builder left is given back.
    Release,
    /// shared_info is mapped, and the P2M published in it.
    SharedInfo,
    /// Pages in use where the machine has no RAM are moved and released.
    ClearHoles,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Entry => "entry",
            Self::Kaslr => "kaslr",
            Self::StartInfo => "start_info",
            Self::P2mCheck => "p2m check",
            Self::MemoryMap => "memory map",
            Self::Layout => "layout",
            Self::BuilderTables => "builder's tables",
            Self::Renumber => "renumber",
            Self::DirectMap => "direct map",
            Self::P2m => "p2m",
            Self::PageTables => "page tables",
            Self::Release => "release",
            Self::SharedInfo => "shared_info",
            Self::ClearHoles => "clear holes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Stage;

    /// `docs/boot.md` and the readers of the report rely on these names.
    #[test]
    fn every_stage_has_its_name() {
        let names = [
            (Stage::Entry, "entry"),
            (Stage::Kaslr, "kaslr"),
            (Stage::StartInfo, "start_info"),
            (Stage::P2mCheck, "p2m check"),
            (Stage::MemoryMap, "memory map"),
            (Stage::Layout, "layout"),
            (Stage::BuilderTables, "builder's tables"),
            (Stage::Renumber, "renumber"),
            (Stage::DirectMap, "direct map"),
            (Stage::P2m, "p2m"),
            (Stage::PageTables, "page tables"),
            (Stage::Release, "release"),
            (Stage::SharedInfo, "shared_info"),
            (Stage::ClearHoles, "clear holes"),
        ];
        for (stage, name) in names {
            assert_eq!(stage.to_string(), name);
            assert_eq!(format!("{stage:<18}|"), format!("{name:<18}|"));
        }
    }
}
