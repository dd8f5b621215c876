//! What the processor has that changes what Xen does for a PV guest, as the bare instruction shows it.

use core::arch::x86_64::__cpuid_count;

use xen_guest::{Guest, Value};

use crate::report::report;

/// Reports it for programs: a run that asks for another processor is held against this.
pub(crate) fn demonstrate(guest: &Guest) {
    let name = __cpuid_count(0, 0);
    let name = [name.ebx, name.edx, name.ecx].map(u32::to_le_bytes);
    // What is no text is no vendor we know.
    let vendor = core::str::from_utf8(name.as_flattened()).unwrap_or_default();
    let (basic, structured) = (__cpuid_count(1, 0), __cpuid_count(7, 0));
    let (extended, sizes) = (__cpuid_count(0x8000_0001, 0), __cpuid_count(0x8000_0008, 0));
    let bit = |register: u32, bit: u32| Value::Flag(register >> bit & 1 != 0);
    let fields = [
        ("vendor", Value::Text(&vendor)),
        ("signature", Value::Hex(basic.eax.into())),
        ("physical_bits", Value::Number((sizes.eax & 0xff).into())),
        ("pge", bit(basic.edx, 13)),
        ("xsave", bit(basic.ecx, 26)),
        ("pku", bit(structured.ecx, 3)),
        ("la57", bit(structured.ecx, 16)),
        ("pdpe1gb", bit(extended.edx, 26)),
    ];
    report(guest, "processor", &fields);
}
