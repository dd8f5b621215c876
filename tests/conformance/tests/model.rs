//! All probes on the model, in a domU and in dom0.

use std::collections::HashSet;

use conformance::{ProbedBuild, ProbedDomain, ProbedRelease, ProbedXen, all, model::BootedModel};
use xen_model::audit;

fn check(domain: ProbedDomain, xen: ProbedXen) -> anyhow::Result<()> {
    let mut booted = BootedModel::new(domain, xen)?;
    let mut wrong = Vec::new();
    booted.probe(|probe, transcript| {
        let expected = probe.expected.on_model(domain, xen);
        if transcript.as_str() != expected {
            wrong.push(format!("{}:\n  expected {expected}\n  found    {}", probe.name, transcript.as_str()));
        }
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all().count(), wrong.join("\n"));
    audit::references(&booted.machine).assert_none();
    audit::protection_of_tables(&booted.machine).assert_none();
    Ok(())
}

#[test]
fn the_model_of_a_dom_u_answers_as_the_table_says() -> anyhow::Result<()> {
    ProbedXen::all().try_for_each(|xen| check(ProbedDomain::DomU, xen))
}

#[test]
fn the_model_of_dom0_answers_as_the_table_says() -> anyhow::Result<()> {
    ProbedXen::all().try_for_each(|xen| check(ProbedDomain::Dom0, xen))
}

#[test]
fn the_model_of_a_guest_on_a_shim_answers_as_the_table_says() -> anyhow::Result<()> {
    ProbedXen::all().try_for_each(|xen| check(ProbedDomain::OnShim, xen))
}

#[test]
fn the_table_has_its_size_and_every_name_once() {
    let names: HashSet<_> = all().map(|probe| probe.name).collect();
    assert_eq!(names.len(), all().count());
    assert!(names.len() >= 160, "{}", names.len());
    assert!(all().all(|probe| {
        probe.name.bytes().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'-')
    }));
}

#[test]
fn a_probe_that_is_stricter_says_what_differs() {
    for probe in all() {
        let expected = &probe.expected;
        let differs = ProbedDomain::ALL
            .iter()
            .flat_map(|&domain| ProbedXen::all().map(move |xen| (domain, xen)))
            .any(|(domain, xen)| expected.on_xen(domain, xen) != expected.on_model(domain, xen));
        assert_eq!(differs, expected.reason().is_some(), "{}", probe.name);
    }
}

#[test]
fn a_version_is_that_of_the_release_which_answers_so() {
    for (version, release) in [
        ((4, 14), ProbedRelease::V4_17),
        ((4, 17), ProbedRelease::V4_17),
        ((4, 19), ProbedRelease::V4_17),
        ((4, 20), ProbedRelease::V4_20),
        ((4, 21), ProbedRelease::V4_20),
        ((5, 0), ProbedRelease::V4_20),
        ((3, 20), ProbedRelease::V4_17),
    ] {
        assert_eq!(ProbedRelease::of_version(version.0, version.1), release, "{version:?}");
    }
}

#[test]
fn what_a_guest_says_it_runs_on() {
    let xen = |release, build| Some(ProbedXen { release, build });
    assert_eq!(ProbedXen::said("Xen 4.14 release"), xen(ProbedRelease::V4_17, ProbedBuild::Release));
    assert_eq!(ProbedXen::said("Xen 4.20 debug"), xen(ProbedRelease::V4_20, ProbedBuild::Debug));
    for line in ["Xen 4.17", "Xen 4.17 other", "Xen four debug", "probe Xen 4.17 debug"] {
        assert_eq!(ProbedXen::said(line), None, "{line}");
    }
}

/// By name, so that one Xen's answer is not taken for another's.
#[test]
fn where_the_answers_of_xens_differ() {
    let xen = |release, build| ProbedXen { release, build };
    let usual = xen(ProbedRelease::V4_17, ProbedBuild::Release);
    let differ = |other: ProbedXen| {
        let names = |domain: ProbedDomain| {
            all()
                .filter(|probe| probe.expected.on_xen(domain, usual) != probe.expected.on_xen(domain, other))
                .map(|probe| probe.name)
                .collect::<Vec<_>>()
        };
        ProbedDomain::ALL.map(names)
    };
    let (of_debug, dom0) =
        (["call-console", "map-free-flags", "read-back-free"], ["map-free-flags", "read-back-free"]);
    let mut found = differ(xen(ProbedRelease::V4_17, ProbedBuild::Debug));
    found.iter_mut().for_each(|names| names.sort_unstable());
    assert_eq!(found, [of_debug.to_vec(), dom0.to_vec(), of_debug.to_vec()]);
    assert_eq!(differ(xen(ProbedRelease::V4_20, ProbedBuild::Release))[0].len(), 1);
    assert!(differ(usual).iter().all(Vec::is_empty));
}
