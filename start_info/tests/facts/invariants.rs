//! What holds for every accepted page.

use start_info::{BootFacts, Console, KernelEntry, P2mPlace, Pfn, PfnRange, Ring};

use crate::fixture::Built;

/// Every area lies in memory and overlaps no other.
fn areas_are_apart(facts: &BootFacts) {
    let one = |pfn: Pfn| (pfn.get(), pfn.get() + 1);
    let run = |pfns: PfnRange| (pfns.start().get(), pfns.end().get());
    let nr_pages = facts.nr_pages().get();
    let rings = if facts.is_dom0() { 0 } else { 2 };
    let (P2mPlace::Image(list) | P2mPlace::Own(list)) = facts.p2m_list().place;
    let mut areas = vec![
        ("low memory", run(facts.low_memory())),
        ("image", run(facts.image())),
        ("list", run(list)),
        ("start_info", one(facts.start_info_pfn())),
        ("rings", (facts.start_info_pfn().get() + 1, facts.start_info_pfn().get() + 1 + rings)),
        ("tables", run(facts.page_tables().pfns)),
        ("stack", one(facts.boot_stack())),
    ];
    if let Some(ramdisk) = facts.ramdisk() {
        assert!(ramdisk.len.div_ceil(4096) == ramdisk.pfns.len().get(), "{ramdisk:?}");
        assert_eq!(ramdisk.mapped, ramdisk.pfns.end() <= facts.start_info_pfn(), "{ramdisk:?}");
        areas.push(("ramdisk", run(ramdisk.pfns)));
    }
    for (index, (name, area)) in areas.iter().enumerate() {
        assert!(area.0 <= area.1 && area.1 <= nr_pages, "{name} {area:x?} is not in {nr_pages:#x}");
        for (other_name, other) in &areas[..index] {
            let apart = area.1 <= other.0 || other.1 <= area.0 || area.0 == area.1 || other.0 == other.1;
            assert!(apart, "{name} {area:x?} meets {other_name} {other:x?}");
        }
    }
}

/// The list has all its pages, and its addresses are neither Xen's nor the boot mapping's.
fn list_is_whole(facts: &BootFacts, entry: &KernelEntry) {
    let nr_pages = facts.nr_pages().get();
    let list_pages = (nr_pages * 8).div_ceil(4096);
    let list_at = facts.p2m_list().at.as_u64();
    assert!(list_at.is_multiple_of(4096) && list_at.checked_add(list_pages * 4096 - 1).is_some());
    match facts.p2m_list().place {
        P2mPlace::Image(pfns) => {
            assert_eq!(pfns.len().get(), list_pages);
            assert_eq!(list_at, entry.virt_base.as_u64() + pfns.start().get() * 4096);
        }
        P2mPlace::Own(pfns) => {
            assert!(pfns.len().get() >= list_pages);
            let (first, end) = (list_at >> 12, (list_at >> 12) + list_pages);
            assert!(end <= 0xffff_8000_0000_0000 >> 12 || first >= 0xffff_8800_0000_0000 >> 12);
            let base = entry.virt_base.as_u64() >> 12;
            assert!(end <= base || first >= base + facts.least_boot_end().get());
        }
    }
}

/// What the stages after the parser rely on without checking again.
fn check_invariants(facts: &BootFacts, entry: &KernelEntry) {
    areas_are_apart(facts);
    list_is_whole(facts, entry);
    let root = entry.virt_base.as_u64() + facts.page_tables().pfns.start().get() * 4096;
    assert_eq!(facts.page_tables().root.as_u64(), root);
    assert_eq!(facts.boot_stack(), facts.page_tables().pfns.end());
    assert_eq!(facts.least_boot_end(), facts.boot_stack().plus(1));
    assert!((facts.least_boot_end().get()..=facts.nr_pages().get()).contains(&facts.most_boot_end().get()));
    // One table of each level for each stretch up to their own end.
    let tables = facts.page_tables().pfns;
    let last = entry.virt_base.as_u64() + (tables.end().get() * 4096 - 1);
    let touched = |shift: u32| (last >> shift) - (entry.virt_base.as_u64() >> shift) + 1;
    assert!(tables.len().get() > touched(21) + touched(30) + touched(39));
    rings_are_there(facts);
    assert!(facts.command_line().as_str().len() < 1024);
}

/// A domU has both rings, at different places; dom0 has neither.
fn rings_are_there(facts: &BootFacts) {
    assert!(facts.shared_info().get().is_multiple_of(4096) && facts.shared_info().get() > 0);
    match facts.console() {
        Console::Ring(console) => {
            let apart = |xenstore: Ring| console.mfn != xenstore.mfn && console.port != xenstore.port;
            let there = |ring: Ring| ring.mfn.get() > 0 && (1..4096).contains(&ring.port);
            assert!(!facts.is_dom0() && there(console));
            assert!(facts.xenstore().is_some_and(|xenstore| there(xenstore) && apart(xenstore)));
        }
        Console::Hypervisor { vga } => {
            assert!(facts.is_dom0() && facts.xenstore().is_none());
            assert!(vga.is_none_or(|vga| vga.offset >= 1168 && vga.offset + vga.size <= 4096));
        }
    }
}

/// Parses; prints either result, because printing must not panic either.
pub(crate) fn try_parse(built: &Built) -> bool {
    match built.parse() {
        Ok(facts) => {
            check_invariants(&facts, &built.entry);
            assert!(!format!("{facts:?}").is_empty());
            true
        }
        Err(error) => {
            let line = error.to_string();
            assert!(
                !line.contains('\n') && line.contains(|c: char| c.is_ascii_digit() || c == '"'),
                "{line}"
            );
            false
        }
    }
}
