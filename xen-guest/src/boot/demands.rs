//! What the layer requires: features of the processor, hypercalls of Xen.
//!
//! *What this is*: each requirement with its reason, checked once at entry, before the first page table is changed.
//! What is missing is named in one line, instead of an errno somewhere later.
//!
//! *What must hold*: a hypercall is tried in a way that changes nothing. Only "no such call" and "not permitted" count
//! as missing: a call that rejects its harmless argument exists.
//!
//! *What is not prevented*: a single command of a hypercall that Xen lacks. Its errno is reported where it is used. A
//! boot can succeed without these, so they are not required: `console_io` (a release Xen refuses it to a domU),
//! `platform_op` (no EFI then), `vcpu_op` (the timer goes on), and a domU's own memory map.

use core::arch::x86_64::CpuidResult;

use mmu::Errno;

/// A feature of the processor, as CPUID reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Feature {
    /// Its short name.
    name: &'static str,
    /// The leaf.
    leaf: u32,
    /// The bit of EDX.
    bit: u32,
    /// What is not possible without it, and what to change.
    need: &'static str,
}

/// A hypercall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Its name in `public/xen.h`.
    name: &'static str,
    /// Its number.
    pub(crate) number: u32,
    /// What it is for.
    need: &'static str,
}

/// Something the layer requires is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct Missing(What);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum What {
    /// A feature of the processor.
    #[error("the processor has no {} (CPUID {:#x}, EDX bit {}): {}", .0.name, .0.leaf, .0.bit, .0.need)]
    Feature(Feature),
    /// A hypercall, and what Xen answers to it.
    #[error(
        "Xen answers the hypercall {} ({}), by which {}, with {errno}; \
         boot on a Xen that has PV guests and allows it (its policy: XSM)",
        .0.name, .0.number, .0.need, errno = .1
    )]
    Call(Call, Errno),
}

/// Writable memory is mapped with the NX bit, which a processor without it refuses (mm.c, `base_disallow_mask`).
const NX: Feature = Feature {
    name: "NX",
    leaf: 0x8000_0001,
    bit: 20,
    need: "memory that can be written could be executed; switch it on in the firmware (Execute Disable, No-Execute), \
           and for a domU do not mask it (cpuid=)",
};

/// The features, each with its reason.
const FEATURES: [Feature; 2] = [
    NX,
    Feature {
        name: "TSC",
        leaf: 1,
        bit: 4,
        need: "nothing can be timed; for a domU do not mask it (cpuid=)",
    },
];

/// The hypercalls, each with its reason. `set_trap_table` is called before these checks, and has an error of its own.
const CALLS: [Call; 6] = [
    Call { name: "mmu_update", number: xen_sys::__HYPERVISOR_mmu_update, need: "page tables are changed" },
    Call { name: "mmuext_op", number: xen_sys::__HYPERVISOR_mmuext_op, need: "page tables are pinned" },
    Call {
        name: "update_va_mapping",
        number: xen_sys::__HYPERVISOR_update_va_mapping,
        need: "single pages are mapped",
    },
    Call {
        name: "memory_op",
        number: xen_sys::__HYPERVISOR_memory_op,
        need: "the memory map is read and memory is given back",
    },
    Call { name: "sched_op", number: xen_sys::__HYPERVISOR_sched_op, need: "the domain is ended" },
    Call {
        name: "event_channel_op",
        number: xen_sys::__HYPERVISOR_event_channel_op,
        need: "the console's reader is notified",
    },
];

/// A machine that can be asked for its features and hypercalls.
pub(crate) trait Asked {
    /// Returns a leaf of CPUID, as Xen shows it to this guest.
    fn cpuid(&self, leaf: u32) -> CpuidResult;

    /// Tries one of [`CALLS`] in a way that changes nothing.
    ///
    /// # Errors
    /// What Xen answers.
    fn call(&self, call: &Call) -> Result<(), Errno>;
}

/// Checks everything that is required.
///
/// # Errors
/// [`Missing`] for the first that is missing.
pub(crate) fn confirm(asked: &impl Asked) -> Result<(), Missing> {
    for feature in FEATURES {
        // A leaf beyond the last one of its range repeats the last, or has anything.
        let last = asked.cpuid(feature.leaf & 0x8000_0000).eax;
        let has = last >= feature.leaf && asked.cpuid(feature.leaf).edx & 1 << feature.bit != 0;
        if !has {
            return Err(Missing(What::Feature(feature)));
        }
    }
    for call in CALLS {
        if let Err(errno @ (Errno::ENOSYS | Errno::EPERM)) = asked.call(&call) {
            return Err(Missing(What::Call(call, errno)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that lacks a feature, or answers a call with an errno.
    struct Machine {
        without: Option<Feature>,
        last: u32,
        refuses: Option<(u32, Errno)>,
    }

    const GOOD: Machine = Machine { without: None, last: 8, refuses: None };

    impl Asked for Machine {
        fn cpuid(&self, leaf: u32) -> CpuidResult {
            let registers = |eax, edx| CpuidResult { eax, ebx: 0, ecx: 0, edx };
            let last = leaf & 0x8000_0000 | self.last;
            if leaf > last || leaf & 0xffff == 0 {
                return registers(last, u32::MAX);
            }
            registers(
                0,
                self.without.filter(|feature| feature.leaf == leaf).map_or(u32::MAX, |f| !(1 << f.bit)),
            )
        }

        fn call(&self, call: &Call) -> Result<(), Errno> {
            match self.refuses {
                Some((number, errno)) if number == call.number => Err(errno),
                _ => Ok(()),
            }
        }
    }

    #[test]
    fn each_feature_is_asked_for_and_named() {
        assert_eq!(confirm(&GOOD), Ok(()));
        for feature in FEATURES {
            let machine = Machine { without: Some(feature), ..GOOD };
            assert_eq!(confirm(&machine), Err(Missing(What::Feature(feature))));
            // A processor that does not know the leaf returns something else for it.
            let machine = Machine { last: 0, ..GOOD };
            assert!(matches!(confirm(&machine), Err(Missing(What::Feature(_)))));
            let line = Missing(What::Feature(feature)).to_string();
            assert!(line.contains(feature.name) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn each_hypercall_is_asked_for_and_named() {
        for call in CALLS {
            for errno in [Errno::ENOSYS, Errno::EPERM] {
                let machine = Machine { refuses: Some((call.number, errno)), ..GOOD };
                let missing = confirm(&machine).unwrap_err();
                assert_eq!(missing, Missing(What::Call(call, errno)));
                let line = missing.to_string();
                assert!(line.contains(call.name) && line.contains(&errno.to_string()), "{line}");
            }
            // It exists, and rejects its argument.
            for errno in [Errno::EINVAL, Errno::EFAULT] {
                assert_eq!(confirm(&Machine { refuses: Some((call.number, errno)), ..GOOD }), Ok(()));
            }
        }
    }

    #[test]
    fn the_lines() {
        assert_eq!(
            Missing(What::Feature(NX)).to_string(),
            "the processor has no NX (CPUID 0x80000001, EDX bit 20): memory that can be written could be executed; switch \
             it on in the firmware (Execute Disable, No-Execute), and for a domU do not mask it (cpuid=)"
        );
        assert_eq!(
            Missing(What::Call(CALLS[1], Errno::ENOSYS)).to_string(),
            "Xen answers the hypercall mmuext_op (26), by which page tables are pinned, with ENOSYS (-38); boot on a Xen \
             that has PV guests and allows it (its policy: XSM)"
        );
    }
}
