//! A segment descriptor, as Xen looks at it.
//!
//! *What this is*: `check_descriptor` of pv/descriptor-tables.c for a 64-bit domain: which of the eight bytes a guest
//! may have in its tables, and what Xen makes of them.
//!
//! *What must hold*: no descriptor that Xen accepts lets the guest enter Xen's ring or use a selector of Xen's.

/// Present.
const PRESENT: u64 = 1 << 47;
/// Code or data; the others are system descriptors.
const CODE_OR_DATA: u64 = 1 << 44;
const TYPE: u64 = 0xf << 40;
const CALL_GATE: u64 = 0xc << 40;
/// Who may use it. A PV kernel runs in ring 3.
const RING: u64 = 3 << 45;
/// Bits of a call gate that must be zero.
const RESERVED: u64 = 0xff << 32;
/// The ring in a gate's selector.
const SELECTOR_RING: u64 = 3 << 16;
/// A selector of the local table.
const LOCAL: u64 = 4;
/// Xen's flat code segment (xen-x86_64.h, `FLAT_KERNEL_CS`).
const FLAT_CODE: u64 = 0xe033;

/// The first entry of the global table that is Xen's (arch-x86/xen.h, `FIRST_RESERVED_GDT_ENTRY`).
pub(crate) const FIRST_OF_XENS: u32 = 14 * 512;

/// Returns a descriptor as Xen stores it; `None` if it refuses it.
pub(crate) const fn checked(descriptor: u64) -> Option<u64> {
    if descriptor & PRESENT == 0 {
        return Some(descriptor);
    }
    if descriptor & CODE_OR_DATA != 0 {
        return Some(descriptor | RING);
    }
    match descriptor & TYPE {
        // The second half of a call gate.
        0 => Some(descriptor),
        CALL_GATE => {
            let selector = descriptor >> 16 & 0xffff;
            let allowed =
                selector >> 3 < FIRST_OF_XENS as u64 || selector == FLAT_CODE || selector & LOCAL != 0;
            // No ring may use the gate, so Xen sees each use; the selector keeps the ring.
            let stored = descriptor & !RING | SELECTOR_RING;
            if allowed && descriptor & RESERVED == 0 { Some(stored) } else { None }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn code_and_data_are_moved_to_ring_3() {
        assert_eq!(checked(0x00af_9b00_0000_ffff), Some(0x00af_fb00_0000_ffff));
        assert_eq!(checked(0x00cf_f300_0000_ffff), Some(0x00cf_f300_0000_ffff));
        assert_eq!(checked(0), Some(0));
        // Not present: anything is accepted.
        assert_eq!(checked(0x0000_0900_dead_beef), Some(0x0000_0900_dead_beef));
    }

    #[test]
    fn of_what_is_the_processors_own_only_call_gates_pass() {
        for kind in 1..16 {
            let descriptor = 0x0000_8000_0010_0000 | kind << 40;
            let stored = (kind == 0xc).then_some(0x0000_8c00_0013_0000);
            assert_eq!(checked(descriptor), stored, "{kind:#x}");
        }
        assert_eq!(checked(0x0000_8000_0010_0000), Some(0x0000_8000_0010_0000));
    }

    #[test]
    fn a_call_gate_leads_to_no_segment_of_xens_but_the_flat_one() {
        let gate = |selector: u64| checked(0x0000_ec00_0000_0000 | selector << 16).is_some();
        assert!(gate(0xe033) && gate(0xdff8) && gate(0xe00c));
        assert!(!gate(0xe000) && !gate(0xe030) && !gate(0xe02b));
        assert_eq!(checked(0x0000_ec01_0010_0000), None, "a reserved bit");
    }
}
