//! The other Xens: each release of Debian's that is not the default, and the shim of each.
//!
//! What the default release is asked here, the group `xen` asks it: [`OF_DEFAULT`] has the names.

use crate::suite::boot_runs::DUMP;
use crate::suite::case::Case;
use crate::suite::drawn;
use crate::suite::event_runs;
use crate::suite::grub_runs;
use crate::suite::host;
use crate::suite::life_runs::shutdown;
use crate::suite::proof;

/// The runs of other groups that show of the default release what [`XENS`] shows of the others.
pub(crate) const OF_DEFAULT: [&str; 10] = [
    "domu-67M",
    "dom0-512M",
    "dom0-512M-plain",
    "dom0-efi",
    "domu-67M-walked",
    "conformance-domu",
    "conformance-dom0",
    "grub-domu",
    "events-domu",
    "life-shutdown",
];

/// The runs of the group `xens`.
pub(crate) const XENS: [Case; 29] = [
    Case {
        proofs: &[drawn::is_whole],
        ..Case::good("domu-67M-on-4.14", "domu --xen-release 4.14 --memory 67M")
    },
    Case {
        proofs: &[drawn::is_whole],
        ..Case::good("domu-67M-on-4.20", "domu --xen-release 4.20 --memory 67M")
    },
    Case { proofs: &[host::bios_host], ..Case::good("dom0-512M-on-4.14", "dom0 --xen-release 4.14") },
    Case { proofs: &[host::bios_host], ..Case::good("dom0-512M-on-4.20", "dom0 --xen-release 4.20") },
    Case { plain: true, ..Case::good("dom0-512M-plain-on-4.14", "dom0 --xen-release 4.14") },
    Case { plain: true, ..Case::good("dom0-512M-plain-on-4.20", "dom0 --xen-release 4.20") },
    Case { proofs: &[host::efi_host], ..Case::good("dom0-efi-on-4.14", "dom0 --xen-release 4.14 --efi") },
    Case { proofs: &[host::efi_host], ..Case::good("dom0-efi-on-4.20", "dom0 --xen-release 4.20 --efi") },
    walked("domu-67M-walked-on-4.14", "domu --xen-release 4.14 --memory 67M --cmdline then=idle"),
    walked("domu-67M-walked-on-4.20", "domu --xen-release 4.20 --memory 67M --cmdline then=idle"),
    shutdown("life-shutdown-on-4.14", "domu --xen-release 4.14 --cmdline then=idle"),
    shutdown("life-shutdown-on-4.20", "domu --xen-release 4.20 --cmdline then=idle"),
    Case::probes("conformance-domu-4.14", "domu --xen-release 4.14", &[proof::model_conforms_in_domu]),
    Case::probes("conformance-dom0-4.14", "dom0 --xen-release 4.14", &[proof::model_conforms_in_dom0]),
    Case::probes("conformance-domu-4.20", "domu --xen-release 4.20", &[proof::model_conforms_in_domu]),
    Case::probes("conformance-dom0-4.20", "dom0 --xen-release 4.20", &[proof::model_conforms_in_dom0]),
    grub_runs::on("grub-domu-on-4.14", "domu --through grub --xen-release 4.14"),
    grub_runs::on("grub-domu-on-4.20", "domu --through grub --xen-release 4.20"),
    Case::good("shim-128M-of-4.14", "domu --shim --memory 128M --xen-release 4.14"),
    Case::good("shim-128M-of-4.17", "domu --shim --memory 128M"),
    Case::good("shim-128M-of-4.20", "domu --shim --memory 128M --xen-release 4.20"),
    Case::good("shim-2G-of-4.14", "domu --shim --memory 2G --xen-release 4.14"),
    Case::good("shim-2G-of-4.17", "domu --shim --memory 2G"),
    Case::good("shim-2G-of-4.20", "domu --shim --memory 2G --xen-release 4.20"),
    event_runs::on("events-domu-4.14", "domu --xen-release 4.14"),
    event_runs::on("events-domu-4.20", "domu --xen-release 4.20"),
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

#[cfg(test)]
mod tests {
    use super::{Case, OF_DEFAULT, XENS};
    use crate::setup::release::Release;
    use crate::suite;

    /// The row of the default release that shows what a row of another does: the same name without the release.
    fn of_default(case: &Case) -> Option<(&'static str, Release)> {
        let release = case.options().unwrap().release;
        let (name, number) = case.name.rsplit_once('-')?;
        let name = name.strip_suffix("-on").unwrap_or(name);
        (number == release.number() && release != Release::default() && !case.line.contains("--shim"))
            .then_some((name, release))
    }

    #[test]
    fn what_others_show_the_default_release_shows_too() {
        for case in XENS {
            let Some((name, release)) = of_default(&case) else {
                assert!(case.name.contains("shim") && case.line.contains("--shim"), "{}", case.name);
                continue;
            };
            assert!(OF_DEFAULT.contains(&name), "{name} is not named for the default release");
            let usual = suite::xen().find(|other| other.name == name).unwrap();
            let mut options = usual.options().unwrap();
            assert_eq!(options.release, Release::default(), "{name}");
            options.release = release;
            assert_eq!(case.options().unwrap(), options, "{}", case.name);
            assert_eq!(
                (
                    case.plain,
                    case.notes,
                    case.kernel,
                    case.ramdisk,
                    case.script,
                    case.outcomes,
                    case.proofs.len()
                ),
                (
                    usual.plain,
                    usual.notes,
                    usual.kernel,
                    usual.ramdisk,
                    usual.script,
                    usual.outcomes,
                    usual.proofs.len()
                ),
                "{}",
                case.name
            );
        }
    }

    #[test]
    fn every_release_shows_what_is_named_for_the_default() {
        for name in OF_DEFAULT {
            assert!(suite::xen().any(|case| case.name == name), "there is no run {name}");
            for release in [Release::V4_14, Release::V4_20] {
                assert!(
                    XENS.iter().any(|case| of_default(case) == Some((name, release))),
                    "{name} {release:?}"
                );
            }
        }
        // And each has a shim, of small guests, large ones and the probes.
        for release in Release::ALL {
            let of =
                |case: &&Case| case.line.contains("--shim") && case.options().unwrap().release == release;
            assert_eq!(XENS.iter().filter(of).count(), 3, "{release:?}");
        }
    }
}
