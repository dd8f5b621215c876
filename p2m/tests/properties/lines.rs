//! Log and error lines: each number in its place.

use p2m::{Audit, Mismatch, P2mError};
use start_info::{Mfn, PageCount, Pfn};

/// The place of an error in the list below: a new one does not compile until it has a place.
fn rank(error: &P2mError) -> usize {
    match error {
        P2mError::NoFrames => 0,
        P2mError::Beyond { .. } => 1,
        P2mError::StrayLeaf { .. } => 2,
        P2mError::NoMachineFrame { .. } => 3,
    }
}

#[test]
fn every_number_of_an_error_is_in_its_place() {
    let pfn = Pfn::new(0x12);
    let lines = [
        (P2mError::NoFrames, "a change of the P2M needed more pages than were set aside for it"),
        (P2mError::Beyond { pfn, pages: PageCount::new(34) }, "pfn 0x12 is beyond the 34 pages of the P2M"),
        (P2mError::StrayLeaf { address: 0x1234 }, "P2M leaf at 0x1234 lies outside the direct map"),
        (P2mError::NoMachineFrame { pfn }, "pfn 0x12 has no machine frame"),
    ];
    assert!(lines.iter().map(|(error, _)| rank(error)).eq(0..lines.len()));
    for (error, line) in lines {
        assert_eq!(error.to_string(), line, "{error:?}");
    }
}

#[test]
fn a_mismatch_names_the_page_its_frame_and_whose_that_is() {
    let mismatch = Mismatch { pfn: Pfn::new(0x12), mfn: Mfn::new(0x34), back: Some(0x56) };
    assert_eq!(
        mismatch.to_string(),
        "the P2M gives pfn 0x12 the frame 0x34, but Xen's M2P gives that frame to pfn 0x56"
    );
    assert_eq!(
        Mismatch { back: None, ..mismatch }.to_string(),
        "the P2M gives pfn 0x12 the frame 0x34, for which Xen's M2P has no entry"
    );
}

#[test]
fn an_audit_names_what_it_counted() {
    let audit = Audit { ram: 1, missing: 2, identity: 3, foreign: 4 };
    assert_eq!(audit.to_string(), "1 pages confirmed by the M2P, 2 missing, 3 identity, 4 foreign");
}
