//! Guests of many gibibytes, in little memory.

use mmu::Error;
use start_info::PageCount;
use xen_model::Guest;

use crate::after::booted;

/// The case of the source document (Linux 357a3cfb): 128 GiB with a ramdisk of 263 MiB. The builder's list crosses the
/// start of the module window, so no module can be loaded before it is moved.
#[test]
fn the_source_documents_guest_loads_a_module() {
    let mut booted = booted(Guest::of_the_source_document());
    assert_eq!(booted.running.setting.facts.p2m_list().at.as_u64(), 0xffff_ffff_925c_7000);
    booted.read_ramdisk();
    booted.load_module(3);
    booted.check();
    assert!(
        booted.machine().full_pages() < 10_000,
        "the model keeps {} whole pages",
        booted.machine().full_pages()
    );
}

#[test]
fn the_source_documents_guest_loads_no_module_if_its_list_stays() {
    let mut booted = booted(Guest::of_the_source_document().with_command_line("revector=off"));
    let error = booted.running.window.reserve(PageCount::new(1), 4096).unwrap_err();
    let Error::Overlap { wanted, holder } = error else { panic!("{error}") };
    assert_eq!(wanted.start().as_u64(), 0xffff_ffff_a000_0000);
    assert_eq!((holder.start().as_u64(), holder.last()), (0xffff_ffff_925c_7000, 0xffff_ffff_a25c_6fff));
}
