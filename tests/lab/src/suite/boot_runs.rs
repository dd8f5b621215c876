//! Boots as domU and as dom0: the sizes, the words, what is refused, the probes, the source document.

use crate::run::outcome::Outcome;
use crate::suite::case::Case;
use crate::suite::drawn;
use crate::suite::fail_runs::calls_shown;
use crate::suite::host;
use crate::suite::proof;
use crate::suite::ramdisk::Ramdisk;

/// A script for dom0 that takes what the walker needs.
pub(crate) const DUMP: &str = include_str!("../../dom0/dump.sh");
const SOURCE_DOCUMENT: &str = "domu --memory 128G --image-pages 0xe43 --ramdisk-pages 0x10784";

/// The runs of the group `xen`.
pub(crate) const XEN: [Case; 29] = [
    Case::good("domu-64M", "domu"),
    Case { proofs: &[drawn::is_whole], ..Case::good("domu-67M", "domu --memory 67M") },
    Case::good("domu-1G-ramdisk-64M", "domu --memory 1G --ramdisk-pages 16384"),
    Case { ramdisk: Ramdisk::Hello, ..Case::good("domu-smallest", "domu --memory 20M") },
    Case {
        outcomes: &[Outcome::Failure, Outcome::Crashed],
        proofs: &[proof::refused_in_one_line],
        ramdisk: Ramdisk::Hello,
        ..Case::good("domu-too-small", "domu --memory 19M")
    },
    // The same with the usual ramdisk. The second takes more than 24 MiB with the kernel, and less than 27.
    Case::good("domu-smallest-usual", "domu --memory 24M"),
    Case {
        outcomes: &[Outcome::Failure],
        proofs: &[proof::more_memory_asked],
        ..Case::good("domu-too-small-usual", "domu --memory 27M --ramdisk-pages 0x700")
    },
    Case { plain: true, ..Case::good("dom0-512M-plain", "dom0") },
    Case { proofs: &[host::bios_host], ..Case::good("dom0-512M", "dom0") },
    Case { proofs: &[host::efi_host], ..Case::good("dom0-efi", "dom0 --efi") },
    Case { proofs: &[drawn::is_whole], ..Case::good("dom0-2G-init-p2m", "dom0 --memory 2G") },
    Case {
        script: Some(DUMP),
        proofs: &[proof::tables_walked],
        ..Case::good("domu-64M-walked", "domu --cmdline then=idle")
    },
    Case {
        script: Some(DUMP),
        proofs: &[proof::tables_walked],
        ..Case::good("domu-67M-walked", "domu --memory 67M --cmdline then=idle")
    },
    // The list stays where the builder put it. With INIT_P2M that is on a border of 1 GiB; after the image, Xen's tools read it only
    // if it crosses the border of a page table.
    Case {
        script: Some(DUMP),
        ..Case::words(
            "domu-513M-list-left-walked",
            "domu --memory 513M",
            "then=idle revector=off",
            &[proof::tables_walked],
        )
    },
    Case {
        script: Some(DUMP),
        notes: true,
        ..Case::words("domu-list-left-walked", "domu", "then=idle revector=off", &[proof::tables_walked])
    },
    Case::good("dom0-map-lazy", "dom0 --cmdline map=lazy"),
    Case { plain: true, ..Case::good("dom0-revector-off", "dom0 --cmdline revector=off") },
    Case {
        outcomes: &[Outcome::Crashed],
        proofs: &[proof::start_info_refused, calls_shown],
        ..Case::good("domu-start-info-refused", "domu --cmdline fail=start_info")
    },
    Case::dies(
        "domu-console-astray",
        "domu",
        "fail=console_mfn",
        &[proof::ring_refused::<true>, calls_shown],
    ),
    Case::dies(
        "domu-xenstore-astray",
        "domu",
        "fail=store_mfn",
        &[proof::ring_refused::<false>, calls_shown],
    ),
    Case {
        outcomes: &[Outcome::Crashed],
        proofs: &[proof::trap_shown, calls_shown],
        ..Case::good("dom0-text-written", "dom0 --cmdline fail=text")
    },
    // Xen refuses one hypercall, and the guest counts it.
    Case::good("domu-call-refused", "domu --cmdline fail=call"),
    Case::dies("domu-entered-again", "domu", "fail=again", &[proof::entered_again, calls_shown]),
    // Nobody asks for facts here.
    Case {
        words_only: true,
        ..Case::bad("ramdisk-truncated", Ramdisk::Truncated, &[proof::reason_given, proof::no_facts])
    },
    Case::bad("ramdisk-without-module", Ramdisk::Empty, &[proof::reason_given]),
    Case::bad("ramdisk-gzip-truncated", Ramdisk::GzipTruncated, &[proof::gzip_cut]),
    Case::bad("module-is-no-elf", Ramdisk::NoElf, &[proof::reason_given]),
    Case::probes("conformance-domu", "domu", &[proof::model_conforms_in_domu]),
    Case::probes("conformance-dom0", "dom0", &[proof::model_conforms_in_dom0]),
];

/// The runs of the group `large`.
pub(crate) const LARGE: [Case; 2] = [
    // Address for address.
    Case::words("domu-128G", SOURCE_DOCUMENT, "kaslr=off", &[proof::source_document_layout]),
    Case {
        outcomes: &[Outcome::Failure],
        ..Case::words(
            "domu-128G-revector-off",
            SOURCE_DOCUMENT,
            "revector=off kaslr=off",
            &[proof::source_document_layout, proof::both_ranges_named, proof::reason_given],
        )
    },
];
