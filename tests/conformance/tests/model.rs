//! All probes on the model, in a domU and in dom0.

use std::collections::HashSet;

use conformance::{Domain, Release, all, model::Booted};
use xen_model::audit;

fn check(domain: Domain, release: Release) -> anyhow::Result<()> {
    let mut booted = Booted::new(domain, release)?;
    let mut wrong = Vec::new();
    booted.probe(|probe, transcript| {
        let expected = probe.expected.on_model(domain, release);
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
    Release::ALL.into_iter().try_for_each(|release| check(Domain::DomU, release))
}

#[test]
fn the_model_of_dom0_answers_as_the_table_says() -> anyhow::Result<()> {
    Release::ALL.into_iter().try_for_each(|release| check(Domain::Dom0, release))
}

#[test]
fn the_model_of_a_guest_on_a_shim_answers_as_the_table_says() -> anyhow::Result<()> {
    Release::ALL.into_iter().try_for_each(|release| check(Domain::OnShim, release))
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
        let differs = Domain::ALL
            .iter()
            .flat_map(|&domain| Release::ALL.map(|release| (domain, release)))
            .any(|(domain, release)| expected.on_xen(domain, release) != expected.on_model(domain, release));
        assert_eq!(differs, expected.reason().is_some(), "{}", probe.name);
    }
}
