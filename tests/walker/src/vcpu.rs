//! What a core says about one vCPU.
//!
//! *What this is*: the fields of `vcpu_guest_context` (5168 bytes; xen/include/public/arch-x86/xen.h) that name frames.
//!
//! *What must hold*: the guest is 64-bit, where CR3 is the frame number times the page size; a 32-bit one rotates it.

use start_info::{Maddr, Mfn, PAGE_SIZE};

use crate::{WalkError, bytes::u64_at};

/// The frames a vCPU's context names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vcpu {
    /// The root of the kernel's tables.
    pub root: Mfn,
    /// The root of the user's tables, when there are any.
    pub user_root: Option<Mfn>,
    /// The pages of the descriptor table.
    pub gdt: Vec<Mfn>,
}

impl Vcpu {
    /// Bytes of a context in the core.
    pub const SIZE: usize = 0x1430;
    const GDT_FRAMES: usize = 0x12e0;
    const GDT_ENTRIES: usize = 0x1360;
    const CTRLREG: usize = 0x1378;
    const USER_CR3: usize = Self::CTRLREG + 8;
    const CR3: usize = Self::CTRLREG + 3 * 8;
    const DESCRIPTORS_IN_PAGE: u64 = PAGE_SIZE / 8;

    /// Reads the context `bytes` of vCPU number `vcpu`.
    ///
    /// # Errors
    /// - [`WalkError::SectionSize`] for fewer than [`Vcpu::SIZE`] bytes.
    /// - [`WalkError::Cr3`] for a CR3 that is zero, out of range, or has low bits.
    /// - [`WalkError::FrameNumber`] for a GDT frame that is not a frame number.
    pub fn parse(vcpu: usize, bytes: &[u8]) -> Result<Self, WalkError> {
        let field = |offset| {
            u64_at(bytes, offset).ok_or(WalkError::SectionSize {
                name: ".xen_prstatus",
                found: bytes.len() as u64,
                expected: Self::SIZE as u64,
            })
        };
        let root_of = |value: u64| match Maddr::try_new(value) {
            Ok(maddr) if value != 0 && value.is_multiple_of(PAGE_SIZE) => Ok(maddr.mfn()),
            _ => Err(WalkError::Cr3 { vcpu, value }),
        };

        let root = root_of(field(Self::CR3)?)?;
        let user_root = match field(Self::USER_CR3)? {
            0 => None,
            value => Some(root_of(value)?),
        };
        let gdt_pages = field(Self::GDT_ENTRIES)?.div_ceil(Self::DESCRIPTORS_IN_PAGE).min(16);
        let mut gdt = Vec::new();
        for page in 0..gdt_pages as usize {
            let frame = field(Self::GDT_FRAMES + 8 * page)?;
            if frame != 0 {
                gdt.push(
                    Mfn::try_new(frame)
                        .map_err(|cause| WalkError::FrameNumber { what: "gdt_frames", cause })?,
                );
            }
        }
        Ok(Self { root, user_root, gdt })
    }
}
