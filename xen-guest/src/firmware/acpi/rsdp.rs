//! ACPI's root pointer.
//!
//! *What this is*: the search for the RSDP (ACPI 6.5, 5.2.5): where EFI's configuration table says, or, on a host
//! without EFI, at a multiple of 16 bytes in the first KiB of the EBDA or in 0xe0000..0x100000.
//!
//! *What must hold*: an [`Rsdp`] has the signature and right checksums. The scan skips one with a wrong checksum,
//! because its signature may be there by chance; it is reported only if no right one follows.
//!
//! *What is not prevented*: an EFI host that hides its root pointer in low memory only. There is no scan there.

use core::fmt;

use start_info::Maddr;

use crate::firmware::{
    efi::{config_table, facts::EfiFacts},
    error::FirmwareError,
    memory::{MachineMemory, added, array, int, long, pieces, sum},
};

const SIGNATURE: &[u8; 8] = b"RSD PTR ";
/// The bytes of ACPI 1.0, and of 2.0 and later.
const FIRST: usize = 20;
const WHOLE: usize = 36;
/// The longest root pointer that is accepted.
const MAX_LEN: u32 = 4096;

/// Where the BIOS keeps the segment of its extended data area, and the addresses at which there can be one.
const EBDA_SEGMENT: u64 = 0x40e;
const EBDA_FIRST: u64 = 0x400;
const LOW_MEMORY: u64 = 0xa_0000;
const EBDA_BYTES: u64 = 0x400;
/// The BIOS itself: its start, and its length.
const BIOS: (u64, u64) = (0xe_0000, 0x2_0000);

const WHAT: &str = "RSDP";

/// What led to the root pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The scan of a BIOS host's low memory.
    BiosScan,
    /// EFI's configuration table.
    Efi,
}

/// The root pointer, with right checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rsdp {
    /// Its address.
    pub at: Maddr,
    /// What led to it.
    pub found: Found,
    /// 0 for ACPI 1.0, 2 for all later.
    pub revision: u8,
    /// The machine address of the RSDT, unchecked.
    pub rsdt: u32,
    /// The machine address of the XSDT, unchecked; `None` in ACPI 1.0, and where the firmware has none.
    pub xsdt: Option<u64>,
}

/// Looks for the root pointer: where EFI says on an EFI host, otherwise in low memory. `None` when there is none.
///
/// # Errors
/// Memory cannot be read, or the only root pointer found is wrong.
pub(crate) fn find_rsdp<M: MachineMemory>(
    memory: &mut M,
    efi: Option<&EfiFacts>,
) -> Result<Option<Rsdp>, FirmwareError> {
    match efi {
        Some(facts) => match config_table::acpi(memory, facts)? {
            Some(at) => Rsdp::read(memory, at, Found::Efi).map(Some),
            None => Ok(None),
        },
        None => scan(memory),
    }
}

fn scan<M: MachineMemory>(memory: &mut M) -> Result<Option<Rsdp>, FirmwareError> {
    let segment = u16::from_le_bytes(array(memory, "the EBDA's segment", EBDA_SEGMENT)?);
    let ebda = u64::from(segment) << 4;
    let mut areas = [Some(BIOS), None];
    if (EBDA_FIRST..LOW_MEMORY).contains(&ebda) {
        areas = [Some((ebda, EBDA_BYTES.min(LOW_MEMORY - ebda))), Some(BIOS)];
    }
    let mut wrong = None;
    for (start, len) in areas.into_iter().flatten() {
        let found = pieces(memory, "low memory", start, len, |memory, at, piece| {
            // Pages and segments are multiples of 16, so a signature lies in one piece; the rest of the pointer may
            // cross into the next.
            for (at, line) in (at..).step_by(16).zip(piece.chunks(16)) {
                if line.starts_with(SIGNATURE) {
                    match Rsdp::read(memory, at, Found::BiosScan) {
                        Ok(rsdp) => return Ok(Some(rsdp)),
                        Err(error) => wrong = wrong.or(Some(error)),
                    }
                }
            }
            Ok(None)
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    wrong.map_or(Ok(None), Err)
}

impl Rsdp {
    fn read<M: MachineMemory>(memory: &mut M, at: u64, found: Found) -> Result<Self, FirmwareError> {
        let first: [u8; FIRST] = array(memory, WHAT, at)?;
        let place =
            Maddr::try_new(at).map_err(|_| FirmwareError::Address { what: WHAT, at, bytes: FIRST as u64 })?;
        if !first.starts_with(SIGNATURE) {
            let [a, b, c, d, e, f, g, h, ..] = first;
            return Err(FirmwareError::RsdpSignature { at, found: [a, b, c, d, e, f, g, h] });
        }
        check(at, FIRST as u32, added(0, &first))?;
        let [.., revision, _, _, _, _] = first;
        let rsdt = int(&first, 16);
        // Revision 1 was never assigned; like 0 it has no second part.
        if revision < 2 {
            return Ok(Self { at: place, found, revision, rsdt, xsdt: None });
        }
        let whole: [u8; WHOLE] = array(memory, WHAT, at)?;
        let length = int(&whole, 20);
        if !(WHOLE as u32..=MAX_LEN).contains(&length) {
            return Err(FirmwareError::RsdpLength { at, found: length, least: WHOLE as u32, most: MAX_LEN });
        }
        check(at, length, sum(memory, WHAT, at, u64::from(length))?)?;
        let xsdt = long(&whole, 24);
        Ok(Self { at: place, found, revision, rsdt, xsdt: (xsdt != 0).then_some(xsdt) })
    }
}

fn check(at: u64, bytes: u32, sum: u8) -> Result<(), FirmwareError> {
    if sum == 0 { Ok(()) } else { Err(FirmwareError::RsdpChecksum { at, bytes, sum }) }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BiosScan => "BIOS scan",
            Self::Efi => "EFI",
        })
    }
}
