//! What a large module or a large ramdisk costs: some sixteen times as much for sixteen times the size, not 256 times.
//!
//! No time is compared with a limit, only that of one size with that of another.

use std::format;
use std::string::{String, ToString};
use std::time::Duration;
use std::vec::Vec;

use rustix::time::{ClockId, clock_gettime};
use x86_64::VirtAddr;

use crate::module::{Archive, Export, Lent, ModuleError, Plan, RamdiskBytes, order, tests::ROOM};
use kit::cpio;
use kit::elf::{ALLOC, PROGBITS, RELA};
use kit::module::{TEXT, good, saying};

/// What the work takes this thread's processor, other threads not counted.
pub(super) fn processor_time(work: impl FnOnce()) -> Duration {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let start = now();
    work();
    now() - start
}

/// The least of some times, because caches are shared.
fn least(mut work: impl FnMut()) -> Duration {
    (0..7).map(|_| processor_time(&mut work)).min().unwrap()
}

/// Checks that sixteen times the size takes less than a hundred times as long. The number of steps grows by 24 where it
/// is n log n, by 256 where it is n squared; what is between is for caches and for other work on this machine.
fn grows_little<T>(what: &str, size: usize, make: impl Fn(usize) -> T, work: impl Fn(&T)) {
    let [small, large] = [size, size * 16].map(|size| {
        let subject = make(size);
        least(|| work(&subject))
    });
    assert!(large < small * 100, "{what}: {size} took {small:?}, {} took {large:?}", size * 16);
}

/// Where the bytes of a section of a file are.
fn place(file: &[u8], section: usize) -> core::ops::Range<usize> {
    let long = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let row = 64 + 64 * section;
    long(row + 24)..long(row + 24) + long(row + 32)
}

/// Makes one long name of all names `xxx`, and returns where each starts: one byte behind the one before.
fn overlapping(file: &mut [u8], sections: usize, count: usize) -> impl Iterator<Item = u32> + use<> {
    let strings = place(file, sections - 1);
    let first = file[strings.clone()].windows(3).position(|name| name == b"xxx").unwrap();
    file[strings][first..][..4 * count - 1].fill(b'x');
    first as u32..(first + count) as u32
}

#[test]
fn the_time_for_symbols_whose_names_overlap() {
    let make = |count: usize| {
        let mut object = good();
        object.symbols.clear();
        let mut entries: Vec<u8> = Vec::new();
        for _ in 0..count {
            let symbol = object.symbol("xxx", 0x10, TEXT, 0);
            entries.extend([0, symbol << 32 | 1, 0].map(u64::to_le_bytes).as_flattened());
        }
        // Each is read, because something refers to it.
        let row = object.section(".rela", RELA, 0, &entries);
        (row.info, row.align) = (TEXT.into(), 8);
        let sections = object.sections.len() + 3;
        let mut file = object.bytes();
        let table = place(&file, sections - 2).start;
        for (index, name) in (1..).zip(overlapping(&mut file, sections, count)) {
            file[table + 24 * index..][..4].copy_from_slice(&name.to_le_bytes());
        }
        file
    };
    grows_little("symbols", 2000, make, |file| {
        assert!(matches!(Plan::new(file, ROOM), Err(ModuleError::NoEntry { .. })));
    });
}

#[test]
fn the_time_for_sections_whose_names_overlap() {
    let make = |count: usize| {
        let mut object = good();
        let first = object.sections.len() + 1;
        for _ in 0..count {
            object.section("xxx", PROGBITS, 0, &[]);
        }
        let sections = object.sections.len() + 3;
        let mut file = object.bytes();
        for (index, name) in (first..).zip(overlapping(&mut file, sections, count)) {
            file[64 + 64 * index..][..4].copy_from_slice(&name.to_le_bytes());
        }
        file
    };
    grows_little("sections", 2000, make, |file| {
        Plan::new(file, ROOM).unwrap();
    });
}

#[test]
fn the_time_for_symbols_that_are_wanted_and_lent() {
    let make = |count: usize| {
        let mut object = good();
        object.sections[2].bytes = std::vec![0; count * 8];
        object.sections[2].size = count as u64 * 8;
        let mut entries: Vec<u8> = Vec::new();
        for rank in 0..count as u64 {
            let symbol = object.symbol(&format!("wanted{rank}"), 0x10, 0, 0);
            entries.extend([rank * 8, symbol << 32 | 1, 0].map(u64::to_le_bytes).as_flattened());
        }
        let row = object.section(".rela", RELA, 0, &entries);
        (row.info, row.align) = (3, 8);
        let mut lent: Vec<u8> = Vec::new();
        for rank in 0..count as u64 {
            let symbol = object.symbol(&format!("lent{rank}"), 0x12, TEXT, rank % 32);
            lent.extend([rank * 8, symbol << 32 | 1, 0].map(u64::to_le_bytes).as_flattened());
        }
        object.section(".modexport", PROGBITS, ALLOC, &std::vec![0; count * 8]);
        let at = object.sections.len() as u32;
        let row = object.section(".rela", RELA, 0, &lent);
        (row.info, row.align) = (at, 8);
        object.bytes()
    };
    grows_little("wanted and lent", 500, make, |file| {
        let plan = Plan::new(file, ROOM).unwrap();
        assert_eq!(plan.imports().count(), plan.exports().count());
    });
}

#[test]
fn the_time_for_symbols_of_a_kernel_that_lends_many() {
    let make = |count: usize| {
        let name = |rank: usize| &*format!("a_function_of_the_kernel_{rank}").leak();
        (0..count).map(|rank| Export::new(name(rank), || VirtAddr::new(8))).collect::<Vec<_>>()
    };
    grows_little("exports", 1000, make, |exports| {
        let lent = Lent::new(&[exports]).unwrap();
        assert!(exports.iter().all(|export| lent.find(export.name()) == Some(VirtAddr::new(8))));
    });
}

#[test]
fn the_time_for_modules_in_an_order() {
    let make = |count: usize| {
        let names: Vec<String> = (0..count).map(|rank| format!("m{rank}")).collect();
        let bytes = cpio::CpioWriter::of(names.iter().enumerate().map(|(rank, name)| {
            let next = names.get(rank + 1).map_or("", String::as_str);
            let info = format!("name={name}\0version=1\0license=MIT\0abi=1\0depends={next}");
            (format!("modules/{name}.ko"), saying(info.as_bytes()).bytes())
        }));
        let ramdisk = Box::leak(Box::new(RamdiskBytes::new(bytes.leak()).unwrap()));
        (Archive::new(ramdisk).unwrap(), names)
    };
    grows_little("a chain of modules", 2000, make, |(archive, names)| {
        let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(order(archive, &wanted).unwrap().len(), names.len());
    });
}

/// Names end somewhere; what is linked by its name must have all of it.
#[test]
fn the_longest_name_that_is_linked() {
    let object = |len: usize, section: u16| {
        let mut object = good();
        let symbol = object.symbol(&"n".repeat(len), 0x12, section, 4);
        object.relocation(3, 0, 1, symbol, 0);
        object
    };
    let bytes = object(512, 0).bytes();
    let plan = Plan::new(&bytes, ROOM).unwrap();
    assert_eq!(plan.imports().map(str::len).collect::<Vec<_>>(), [512]);
    let error = Plan::new(&object(513, 0).bytes(), ROOM).unwrap_err();
    assert!(matches!(error, ModuleError::LongName { limit: 512, .. }), "{error}");
    assert!(error.to_string().ends_with("… has a name of more than 512 bytes, the longest that is linked"));
    // Inside the module a name is only told.
    assert!(Plan::new(&object(100_000, TEXT).bytes(), ROOM).is_ok());
    let lent = |len: usize| {
        let mut object = good();
        let symbol = object.symbol(&"n".repeat(len), 0x12, TEXT, 4);
        object.section(".modexport", PROGBITS, ALLOC, &[0; 8]);
        object.relocation(6, 0, 1, symbol, 0);
        object.bytes()
    };
    assert!(Plan::new(&lent(512), ROOM).is_ok());
    assert!(matches!(Plan::new(&lent(513), ROOM), Err(ModuleError::LongName { limit: 512, .. })));
}
