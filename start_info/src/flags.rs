//! The flags word of start_info.
//!
//! *What this is*: the `SIF_*` bits of Xen's header as a typed set, including the processor-management byte.
//!
//! *What must hold*: a boot with a bit that Xen has not defined is refused. Such a bit means another page or another
//! Xen, and this layer does not guess before it can report anything.

use bitflags::bitflags;

use crate::StartInfoError;

bitflags! {
    /// What the domain builder says about the domain (xen.h, `SIF_*`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Flags: u32 {
        /// The domain may control the host.
        const PRIVILEGED = xen_sys::SIF_PRIVILEGED;
        /// The domain is the first one, built by Xen itself: dom0.
        const INITDOMAIN = xen_sys::SIF_INITDOMAIN;
        /// The ramdisk is a package of several modules, with a table at its start.
        const MULTIBOOT_MOD = xen_sys::SIF_MULTIBOOT_MOD;
        /// The ramdisk is not mapped; `mod_start` is its first PFN.
        const MOD_START_PFN = xen_sys::SIF_MOD_START_PFN;
        /// The toolstack can read a P2M through `p2m_cr3` and `p2m_vaddr`.
        const VIRT_P2M_4TOOLS = xen_sys::SIF_VIRT_P2M_4TOOLS;
        /// The byte that [`Flags::processor_management`] returns.
        const PROCESSOR_MANAGEMENT = xen_sys::SIF_PM_MASK;
    }
}

impl Flags {
    /// Reads the flags word.
    pub(crate) fn parse(word: u32) -> Result<Self, StartInfoError> {
        let Some(flags) = Self::from_bits(word) else {
            return Err(StartInfoError::UnknownFlags { flags: word, unknown: word & !Self::all().bits() });
        };
        if flags.contains(Self::INITDOMAIN) && !flags.contains(Self::PRIVILEGED) {
            return Err(StartInfoError::UnprivilegedDom0 { flags: word });
        }
        Ok(flags)
    }

    /// Returns the power-management duties Xen leaves to dom0 (platform.h, `XEN_PROCESSOR_PM_*`).
    #[must_use]
    pub(crate) const fn processor_management(self) -> u8 {
        (self.intersection(Self::PROCESSOR_MANAGEMENT).bits() >> xen_sys::SIF_PM_MASK.trailing_zeros()) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_management_byte_is_taken_out_whole() {
        // Debian's Xen 4.17 gives dom0 0x303.
        let flags = Flags::parse(0x303).unwrap();
        assert_eq!(flags.processor_management(), 3);
        assert_eq!(Flags::parse(0xff00).unwrap().processor_management(), 0xff);
        assert!(flags.contains(Flags::PRIVILEGED | Flags::INITDOMAIN));
        assert!(!flags.contains(Flags::MOD_START_PFN));
    }

    #[test]
    fn every_bit_xen_has_not_defined_is_refused_by_itself() {
        for bit in (0..32).map(|shift| 1 << shift) {
            let expected = if 0xff1f & bit == 0 {
                Err(StartInfoError::UnknownFlags { flags: bit | 1, unknown: bit })
            } else {
                Ok(Flags::from_bits_retain(bit | 1))
            };
            assert_eq!(Flags::parse(bit | 1), expected);
        }
    }
}
