//! A sound domain passes; a domain with one change fails with that finding and no other.

#![expect(clippy::unwrap_used, reason = "helpers of tests end the test")]

mod devices;
mod domain;
mod files;
mod image;
mod lists;
mod mappings;
mod report;
mod slide;
mod tables;

use core_walk::{CoreFile, ExpectedTables, Finding, Kernel, MfnDump, Report, examine};
use x86_64::VirtAddr;

use crate::domain::{Domain, IMAGE, IMAGE_END, MODULE_END, Plan, TempFile, domain_kernel};

fn expected() -> ExpectedTables {
    let at = VirtAddr::new_truncate;
    // Each one byte before the page's end: both are rounded up.
    ExpectedTables::new(at(IMAGE)..at(IMAGE_END - 1), at(MODULE_END - 1))
}

fn report_with(domain: &Domain, kernel: &[u8], expected: &ExpectedTables, listing: Option<&str>) -> Report {
    let file = TempFile::new(&domain.core());
    let core = CoreFile::open(&file.0).unwrap();
    let kernel = Kernel::parse(kernel).unwrap();
    let listing = listing.map(|text| MfnDump::parse(text).unwrap());
    examine(&core, &kernel, expected, listing.as_ref()).unwrap()
}

fn report(domain: &Domain) -> Report {
    report_with(domain, &domain_kernel(), &expected(), Some(&domain.listing()))
}

/// Asserts that all findings are of one kind and returns them.
fn only(report: &Report, name: &str) -> Vec<Finding> {
    assert_eq!(report.counts.keys().copied().collect::<Vec<_>>(), [name], "{report}");
    report.findings.clone()
}

fn sound() -> Domain {
    Domain::new(Plan::default())
}

/// Changes a sound domain and returns its findings, all of the kind `name`.
fn broken(name: &str, change: impl FnOnce(&mut Domain)) -> Vec<Finding> {
    let mut domain = sound();
    change(&mut domain);
    only(&report(&domain), name)
}
