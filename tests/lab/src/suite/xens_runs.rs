//! The other Xens: each release of Debian's that is not the default, and the shim of each.
//!
//! What the default release is asked here, the group `xen` asks it: [`OF_DEFAULT`] has the names.

use crate::suite::boot_runs::DUMP;
use crate::suite::case::Case;
use crate::suite::host;
use crate::suite::proof;

/// The runs of other groups that show of the default release what [`XENS`] shows of the others.
pub(crate) const OF_DEFAULT: [&str; 7] = [
    "domu-67M",
    "dom0-512M",
    "dom0-512M-plain",
    "dom0-efi",
    "domu-67M-walked",
    "conformance-domu",
    "conformance-dom0",
];

/// The runs of the group `xens`.
pub(crate) const XENS: [Case; 23] = [
    Case::good("domu-67M-on-4.14", "domu --xen-release 4.14 --memory 67M"),
    Case::good("domu-67M-on-4.20", "domu --xen-release 4.20 --memory 67M"),
    Case { proofs: &[host::bios_host], ..Case::good("dom0-512M-on-4.14", "dom0 --xen-release 4.14") },
    Case { proofs: &[host::bios_host], ..Case::good("dom0-512M-on-4.20", "dom0 --xen-release 4.20") },
    Case { plain: true, ..Case::good("dom0-512M-plain-on-4.14", "dom0 --xen-release 4.14") },
    Case { plain: true, ..Case::good("dom0-512M-plain-on-4.20", "dom0 --xen-release 4.20") },
    Case { proofs: &[host::efi_host], ..Case::good("dom0-efi-on-4.14", "dom0 --xen-release 4.14 --efi") },
    Case { proofs: &[host::efi_host], ..Case::good("dom0-efi-on-4.20", "dom0 --xen-release 4.20 --efi") },
    walked("domu-67M-walked-on-4.14", "domu --xen-release 4.14 --memory 67M --cmdline then=idle"),
    walked("domu-67M-walked-on-4.20", "domu --xen-release 4.20 --memory 67M --cmdline then=idle"),
    Case::probes("conformance-domu-4.14", "domu --xen-release 4.14", &[proof::model_conforms_in_domu]),
    Case::probes("conformance-dom0-4.14", "dom0 --xen-release 4.14", &[proof::model_conforms_in_dom0]),
    Case::probes("conformance-domu-4.20", "domu --xen-release 4.20", &[proof::model_conforms_in_domu]),
    Case::probes("conformance-dom0-4.20", "dom0 --xen-release 4.20", &[proof::model_conforms_in_dom0]),
    Case::good("shim-128M-of-4.14", "domu --shim --memory 128M --xen-release 4.14"),
    Case::good("shim-128M-of-4.17", "domu --shim --memory 128M"),
    Case::good("shim-128M-of-4.20", "domu --shim --memory 128M --xen-release 4.20"),
    Case::good("shim-2G-of-4.14", "domu --shim --memory 2G --xen-release 4.14"),
    Case::good("shim-2G-of-4.17", "domu --shim --memory 2G"),
    Case::good("shim-2G-of-4.20", "domu --shim --memory 2G --xen-release 4.20"),
    on_shim("conformance-shim-4.14", "domu --shim --xen-release 4.14 --cmdline domain=shim"),
    on_shim("conformance-shim-4.17", "domu --shim --cmdline domain=shim"),
    on_shim("conformance-shim-4.20", "domu --shim --xen-release 4.20 --cmdline domain=shim"),
];

const fn on_shim(name: &'static str, line: &'static str) -> Case {
    Case::probes(name, line, &[proof::model_conforms_on_shim])
}

const fn walked(name: &'static str, line: &'static str) -> Case {
    Case { script: Some(DUMP), proofs: &[proof::tables_walked], ..Case::good(name, line) }
}
