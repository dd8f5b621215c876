//! Exceptions: set up before anything else, fatal but for one.
//!
//! *What this is*: the table given to Xen, the handler that shows registers and ends the domain, and the one load that may
//! fault: Xen's M2P has no page where the machine has no memory.
//!
//! *What must hold*: the frame layout of `traps.S` and [`Registers`] agree.

use core::arch::global_asm;

use arrayvec::ArrayString;
use mmu::Errno;
use x86_64::{VirtAddr, registers::control::Cr2};

use crate::{
    report::fact::Value,
    sys::{
        abi::{FLAT_KERNEL_CS, TrapInfo},
        exception::{Access, name},
        hypercall::hypercall,
        logger::fatal,
        modules::{Place, Table},
        outcome::check,
        registers::Registers,
        symbols,
    },
};

global_asm!(include_str!("traps.S"));

/// Whose an address in the module window is.
pub(super) static MODULES: Table = Table::new();

const ENTRIES: usize = 22;
const PAGE_FAULT: u64 = 14;

/// What `load_word_or_none` returns in rax and rdx.
#[repr(C)]
struct Loaded {
    word: u64,
    present: u64,
}

unsafe extern "C" {
    safe static trap_entries: [[u64; 2]; ENTRIES];
    safe static load_word_at: u8;
    safe static load_word_missing: u8;
    fn load_word_or_none(address: u64) -> Loaded;
}

/// Gives Xen the trap table.
pub(super) fn install() -> Result<(), Errno> {
    // One entry more than there are traps: an address of 0 ends the table.
    let mut table: [TrapInfo; ENTRIES + 1] =
        core::array::from_fn(|_| TrapInfo { vector: 0, flags: 0, cs: FLAT_KERNEL_CS, address: 0 });
    for (entry, [vector, address]) in table.iter_mut().zip(&trap_entries) {
        // int3 is meant to be executed by anybody; all vectors here are below 32.
        entry.vector = *vector as u8;
        entry.flags = if *vector == 3 { 3 } else { 0 };
        entry.address = *address;
    }
    // SAFETY: Xen copies the table, which ends with an address of 0; each address is an entry of traps.S.
    check(unsafe { hypercall(xen_sys::__HYPERVISOR_set_trap_table, [table.as_ptr() as u64, 0, 0, 0]) })
        .map(|_| ())
}

/// Reads a word at an address that may not be mapped.
pub(super) fn load_or_none(address: VirtAddr) -> Option<u64> {
    // SAFETY: a fault at the one load is caught by `xen_guest_trap`; the caller's address is in Xen's M2P, which the guest
    // may read and nobody writes through a Rust reference.
    let loaded = unsafe { load_word_or_none(address.as_u64()) };
    (loaded.present != 0).then_some(loaded.word)
}

/// Where `traps.S` goes with every exception.
#[unsafe(no_mangle)]
extern "C" fn xen_guest_trap(registers: &mut Registers) {
    let at = |symbol: &u8| VirtAddr::from_ptr(symbol).as_u64();
    if registers.vector == PAGE_FAULT && registers.rip == at(&load_word_at) {
        registers.rip = at(&load_word_missing);
        return;
    }
    let what = name(registers.vector);
    let running = registers.module();
    let module = running.as_ref().map_or_else(ArrayString::new, Place::name);
    let backtrace = registers.backtrace();
    let (vector, code, rip) = (registers.vector, registers.code, registers.rip);
    let way = backtrace.addresses();
    let [vector_field, code_field, rip_field, module_field, way_field] = [
        ("vector", Value::Number(vector)),
        ("code", Value::Number(code)),
        ("rip", Value::Hex(rip)),
        ("module", Value::Text(&module)),
        ("backtrace", Value::HexList(&way)),
    ];
    let culprit = Culprit(running);
    if vector == PAGE_FAULT {
        let address = Cr2::read_raw();
        let access = Access(code);
        let guard = if symbols::guard().contains(&address) { ", the guard page of the stack" } else { "" };
        let place = MODULES.place(address);
        let owner = place.as_ref().map_or_else(ArrayString::new, Place::name);
        let place = Whose(place);
        let address_field = ("address", Value::Hex(address));
        let owner_field = ("of", Value::Text(&owner));
        fatal(
            format_args!("{what}: {culprit}{access} {address:#x}{guard}{place}"),
            format_args!("\n{registers}\n{backtrace}"),
            &[vector_field, code_field, rip_field, module_field, way_field, address_field, owner_field],
        )
    } else {
        fatal(
            format_args!("{what}: {culprit}code {code:#x} at {rip:#x}"),
            format_args!("\n{registers}\n{backtrace}"),
            &[vector_field, code_field, rip_field, module_field, way_field],
        )
    }
}

/// The module that was running, if one was.
struct Culprit(Option<Place<'static>>);

impl core::fmt::Display for Culprit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.0 {
            Some(place) => write!(f, "{place} "),
            None => Ok(()),
        }
    }
}

/// The module an address belongs to, if any.
struct Whose(Option<Place<'static>>);

impl core::fmt::Display for Whose {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.0 {
            Some(place) => write!(f, ", in {place}"),
            None => Ok(()),
        }
    }
}
