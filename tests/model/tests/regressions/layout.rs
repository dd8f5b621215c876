//! Addresses: the module window, the end of the boot mapping, sizes of the image, who may use the fixmap.

use std::path::PathBuf;

use mmu::layout::{Bases, FIXMAP, KERNEL_MAP, KernelMap, MODULES};
use mmu::{Errno, LayoutPlan};
use start_info::{PageCount, Pfn, PfnRange};
use xen_model::{GuestConfig, Ramdisk};

use crate::booted::booted;

/// Pages from VIRT_BASE to the module window.
const TO_MODULES: u64 = 0x2_0000;

/// Linux 357a3cfb, 2012: the P2M of a 128 GiB guest with a ramdisk of 263 MiB crossed the start of the module space,
/// and the first module failed to load.
#[test]
fn seed_001_the_list_of_a_large_guest_reaches_into_the_module_window() {
    let mut booted = booted(GuestConfig::of_the_source_document().with_command_line("map=lazy"));
    let list = booted.places.list.clone();
    assert!(list.start < TO_MODULES && TO_MODULES < list.end, "the guest no longer shows the bug");
    booted.a_module_loads();
}

/// Linux 0d805ee70a69, about 2017: the clean-up went up to 2 MiB while Xen maps up to 4 MiB. The rest of a 240 GB
/// domU's boot mapping stayed in the module space.
#[test]
fn a_240_gb_cleanup_that_ends_at_2_mib_leaves_nothing_up_to_4_mib() {
    let mut tried = 0;
    for image_pages in (0x100..0x700).step_by(0x57) {
        for dom0 in [false, true] {
            let guest = if dom0 { GuestConfig::dom0(0x3210) } else { GuestConfig::new(0x3210) };
            let guest = GuestConfig { image_start: 0x200, image_pages, ..guest };
            let places = guest.build().unwrap().places;
            // Where the last table ends in the first half of 4 MiB, rounding to 2 MiB falls short.
            if (places.tables.end + 1).next_multiple_of(512) % 1024 != 512 {
                continue;
            }
            let booted = booted(guest);
            assert_eq!(booted.mapped(places.image.end..places.end + 2048), [], "{places:?}");
            assert!(booted.machine().live_leaf(KERNEL_MAP.as_u64()).is_err());
            booted.audit();
            tried += 1;
        }
    }
    assert!(tried >= 5, "only {tried} guests show the bug");
}

/// Linux 0b5a50635fc9, 2014: KASLR doubled the size of the image, the module space moved, and code with the old numbers
/// copied one L2 table to three places.
#[test]
fn kaslr_image_size_no_two_regions_meet_whatever_the_size_is() {
    let image = |pages| PfnRange::try_new(Pfn::new(0x1000), PageCount::new(pages)).unwrap();
    for pages in (1..0x3_0000).step_by(0x3f1).chain([TO_MODULES - 0x1000, TO_MODULES - 0xfff]) {
        match LayoutPlan::new(PageCount::new(1 << 20), image(pages), KernelMap::BUILDER, Bases::FIXED) {
            Ok(plan) => {
                assert!(pages <= TO_MODULES - 0x1000, "{pages:#x} pages reach the modules");
                let layout = plan.settle();
                for (number, region) in layout.regions().iter().enumerate() {
                    assert!(
                        layout.regions()[..number].iter().all(|other| !other.overlaps(region)),
                        "{region}"
                    );
                }
                assert_eq!(layout.module_window().start(), MODULES);
            }
            Err(error) => {
                assert!(pages > TO_MODULES - 0x1000, "{pages:#x}: {error}");
                let line = error.to_string();
                assert!(
                    line.contains("kernel image 0xffffffff81000000") && line.contains("module window"),
                    "{line}"
                );
            }
        }
    }
    // The largest possible image: what the builder placed after it lies where modules belong.
    let guest = GuestConfig { image_pages: TO_MODULES - 0x1000, ..GuestConfig::new(0x2_8001) };
    let mut booted = booted(guest);
    booted.a_module_loads();
    booted.audit();
}

/// Qubes #8791, 2023: firmware had its tables where the kernel is linked, and dom0 ended with BUG. Without the host's
/// E820 only areas in start_info can conflict, by their addresses.
#[test]
fn e820_nvs_at_16_mb_a_conflict_is_one_line_with_both_sides() {
    let mut built = GuestConfig::new(0x4000).with_ramdisk(Ramdisk::zeros(0x5000)).build().unwrap();
    // start_info says that the ramdisk lies where the kernel lies.
    let kernel = KERNEL_MAP.as_u64() + built.places.image.start * 4096;
    built.page[0x070..0x078].copy_from_slice(&kernel.to_le_bytes());
    let (built, failure) = built.boot().unwrap_err();
    let line = failure.to_string();
    assert!(!line.contains('\n') && line.starts_with("start_info: "), "{line}");
    let (start, end) = (built.places.image.start, built.places.image.end);
    assert!(line.contains(&format!("{start:#x}")) && line.contains(&format!("{end:#x}")), "{line}");
    assert_eq!(built.machine.calls(), 0);
}

/// VMI, 2011 (seed 000): the hypervisor's interface was used before the fixmap's place was decided, and shared_info was
/// mapped where something else came to lie. Here that does not compile, and Xen has no table there until our tables are
/// live.
#[test]
fn vmi_seed_000_the_fixmap_cannot_be_used_before_its_place_is_decided() {
    let mut built = GuestConfig::new(0x3000).build().unwrap();
    let entry = built.machine.shared_info().maddr().get() | 0x8000_0000_0000_0063;
    assert_eq!(built.machine.update_address(FIXMAP.as_u64(), entry), Err(Errno::EINVAL));
    let booted = booted(GuestConfig::new(0x3000));
    let leaf = booted.machine().live_leaf(FIXMAP.as_u64()).unwrap();
    assert_eq!(leaf.pte.mfn(), booted.machine().shared_info());
    let regions = booted.running.regions();
    let holders = regions
        .iter()
        .filter(|region| (region.start()..).contains(&FIXMAP) && region.last() >= FIXMAP.as_u64());
    assert_eq!(holders.count(), 1, "one region has the fixmap's addresses");
}

/// XSA-466, 2024: the hypercall page has bare returns, so Linux stopped using it. Ours is there for loaders that ask
/// for one.
#[test]
fn xsa_466_no_code_of_ours_calls_the_hypercall_page() {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../../xen-guest/src/sys");
    let (mut files, mut own_calls) = (0, 0);
    let mut paths = vec![PathBuf::from(sources)];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let code = || text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code().filter(|line| line.contains("hypercall_page")) {
            let line = line.trim_start();
            assert!(line == "hypercall_page:" || line.starts_with('.'), "{line} is no definition of it");
        }
        own_calls += code().filter(|line| line.contains("syscall")).count();
        files += 1;
    }
    assert!(files > 5 && own_calls > 0, "hypercalls are made elsewhere: look there");
}
