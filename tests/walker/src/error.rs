//! Why a core, a kernel or a listing could not be read at all.
//!
//! *What this is*: reasons to stop. What a readable core shows about the guest is a [`crate::Finding`] instead.

use std::{fmt, io};

use start_info::{Mfn, OutOfRange};

/// A file that could not be used.
#[derive(Debug)]
pub enum WalkError {
    /// A read failed.
    Io {
        /// What was being read.
        what: &'static str,
        /// The system's reason.
        cause: io::Error,
    },
    /// A file is not the ELF it should be.
    Elf {
        /// Which file or part.
        what: &'static str,
        /// The parser's reason.
        cause: object::read::Error,
    },
    /// A section that every core of a PV guest has is missing.
    NoSection {
        /// Its name.
        name: &'static str,
    },
    /// A section is not as long as the header note says.
    SectionSize {
        /// Its name.
        name: &'static str,
        /// Its length in bytes.
        found: u64,
        /// The length that follows from the header note.
        expected: u64,
    },
    /// A note that every core has is missing or too short.
    NoNote {
        /// Its type.
        kind: u32,
    },
    /// A header field has another value than a core of a PV guest has.
    Header {
        /// The field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// The value it must have.
        expected: u64,
    },
    /// A frame number in the core is out of range.
    FrameNumber {
        /// Where it is.
        what: &'static str,
        /// The number and its limit.
        cause: OutOfRange,
    },
    /// The P2M section is not in ascending order.
    Unordered {
        /// The first index that is not above the one before.
        index: u64,
    },
    /// The core has no vCPU, so there is nothing to walk.
    NoVcpu,
    /// A vCPU's CR3 is not a frame address.
    Cr3 {
        /// The vCPU's place in the core.
        vcpu: usize,
        /// The register.
        value: u64,
    },
    /// A vCPU's root table is not among the dumped pages.
    RootNotDumped {
        /// Its frame.
        mfn: Mfn,
    },
    /// The tables refer to one another more often than a sane guest's.
    TooManyTables {
        /// How many visits were made.
        limit: u64,
    },
    /// The kernel has no loadable segment.
    NoSegment,
    /// A kernel segment is both writable and executable.
    SegmentAccess {
        /// Its address.
        va: u64,
    },
    /// Two kernel segments of different access share a page.
    SharedPage {
        /// The page's address.
        va: u64,
    },
    /// A line of `xen-mfndump dump-p2m` is not of the form Xen's source prints.
    MfndumpLine {
        /// Its number, from 1.
        line: usize,
    },
    /// The listing ends without its last line.
    MfndumpCut {
        /// How many lines were read.
        lines: usize,
    },
}

impl fmt::Display for WalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, cause } => write!(f, "cannot read {what}: {cause}"),
            Self::Elf { what, cause } => write!(f, "{what} is not usable ELF: {cause}"),
            Self::NoSection { name } => write!(f, "no section {name}: not a core of a PV guest"),
            Self::SectionSize { name, found, expected } => {
                write!(f, "section {name} has {found:#x} bytes where the header note asks for {expected:#x}")
            }
            Self::NoNote { kind } => write!(f, "no whole note of type {kind:#x}"),
            Self::Header { field, found, expected } => write!(f, "{field} is {found:#x}, not {expected:#x}"),
            Self::FrameNumber { what, cause } => write!(f, "frame number in {what}: {cause}"),
            Self::Unordered { index } => {
                write!(f, "entry {index} of .xen_p2m is not above the one before it")
            }
            Self::NoVcpu => write!(f, "the core has no vcpu"),
            Self::Cr3 { vcpu, value } => write!(f, "cr3 {value:#x} of vcpu {vcpu} is no frame address"),
            Self::RootNotDumped { mfn } => write!(f, "root table mfn {mfn} is not among the dumped pages"),
            Self::TooManyTables { limit } => write!(f, "more than {limit} table visits"),
            Self::NoSegment => write!(f, "the kernel has no loadable segment"),
            Self::SegmentAccess { va } => write!(f, "kernel segment at {va:#x} is writable and executable"),
            Self::SharedPage { va } => write!(f, "kernel page {va:#x} lies in segments of different access"),
            Self::MfndumpLine { line } => {
                write!(f, "line {line} of the xen-mfndump listing has another form")
            }
            Self::MfndumpCut { lines } => {
                write!(f, "the xen-mfndump listing ends after {lines} lines without its end")
            }
        }
    }
}

impl std::error::Error for WalkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { cause, .. } => Some(cause),
            Self::Elf { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
