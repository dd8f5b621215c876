//! All probes on the model, in a domU and in dom0.

use std::collections::HashSet;

use conformance::{Domain, all, model::Booted};
use xen_model::audit;

fn check(domain: Domain) -> anyhow::Result<()> {
    let mut booted = Booted::new(domain)?;
    let mut wrong = Vec::new();
    booted.probe(|probe, transcript| {
        let expected = probe.expected.on_model(domain);
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
    check(Domain::DomU)
}

#[test]
fn the_model_of_dom0_answers_as_the_table_says() -> anyhow::Result<()> {
    check(Domain::Dom0)
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
        let differs = [Domain::DomU, Domain::Dom0]
            .iter()
            .any(|&domain| expected.on_xen(domain) != expected.on_model(domain));
        assert_eq!(differs, expected.reason().is_some(), "{}", probe.name);
    }
}
