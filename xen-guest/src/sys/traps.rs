//! Exceptions: set up before anything else, fatal but for one and for those that the payload handles.
//!
//! *What this is*: the table given to Xen, and the handler that shows registers and ends the domain. The one fault that
//! is expected is [`word_or_none`]'s. Upcalls come here too, in the same frame.
//!
//! *What must hold*: the frame layout of `traps.S` and [`Registers`] agree.

use core::arch::global_asm;

use arrayvec::ArrayString;
use mmu::Errno;
use x86_64::registers::control::Cr2;

use crate::{
    report::fact::Value,
    sys::{
        abi::{FLAT_KERNEL_CS, TRAP_MASKS_EVENTS, TrapInfo},
        current_tables::CurrentTables,
        events,
        exception::{Access, FAILSAFE, name},
        hook,
        hypercall::hypercall,
        logger::{self, fatal},
        modules::{Place, Table},
        outcome::check,
        registers::Registers,
        symbols,
        walk::Mapping,
        word_or_none,
    },
};

global_asm!(include_str!("traps.S"));

/// Whose an address in the module window is.
pub(super) static MODULES: Table = Table::new();

const ENTRIES: usize = 22;
const PAGE_FAULT: u64 = 14;
/// What `traps.S` calls the upcall.
const UPCALL: u64 = 0x101;

unsafe extern "C" {
    safe static trap_entries: [[u64; 2]; ENTRIES];
}

/// Gives Xen the trap table.
pub(super) fn install() -> Result<(), Errno> {
    // One entry more than there are traps: an address of 0 ends the table.
    let mut table: [TrapInfo; ENTRIES + 1] =
        core::array::from_fn(|_| TrapInfo { vector: 0, flags: 0, cs: FLAT_KERNEL_CS, address: 0 });
    for (entry, [vector, address]) in table.iter_mut().zip(&trap_entries) {
        // int3 is meant to be executed by anybody; all vectors here are below 32.
        entry.vector = *vector as u8;
        // Events are masked meanwhile, so that no upcall's fault replaces the address of this one.
        entry.flags = TRAP_MASKS_EVENTS | if *vector == 3 { 3 } else { 0 };
        entry.address = *address;
    }
    // SAFETY: Xen copies the table, which ends with an address of 0; each address is an entry of traps.S.
    check(unsafe { hypercall(xen_sys::__HYPERVISOR_set_trap_table, [table.as_ptr() as u64, 0, 0, 0]) })
        .map(|_| ())
}

/// Does what an upcall or an exception wants that is not the end; tells whether it was one. `address` is that of a page fault.
fn is_handled(registers: &mut Registers, address: Option<u64>) -> bool {
    if registers.vector == UPCALL {
        events::upcall();
        return true;
    }
    if address.is_some()
        && let Some(next) = word_or_none::after_fault(registers.rip)
    {
        registers.rip = next;
        return true;
    }
    registers.vector != FAILSAFE && !logger::is_ending() && hook::takes(registers, address)
}

/// Where `traps.S` goes with every exception and callback.
#[unsafe(no_mangle)]
pub(super) extern "C" fn xen_guest_trap(registers: &mut Registers) {
    let address = (registers.vector == PAGE_FAULT).then(Cr2::read_raw);
    if is_handled(registers, address) {
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
    if let Some(address) = address {
        let access = Access(code);
        let whose = MODULES.place(address);
        let owner = whose.as_ref().map_or_else(ArrayString::new, Place::name);
        let whose = Whose(whose);
        let address_field = ("address", Value::Hex(address));
        let owner_field = ("of", Value::Text(&owner));
        let place = symbols::parts().place(address, registers.rsp);
        let tables = CurrentTables::find();
        let mapping = Mapping { tables: &tables, address };
        fatal(
            format_args!("{what}: {culprit}{access} {address:#x}{whose}"),
            format_args!("\n  {address:#x}: {place}; {mapping}\n{registers}\n{backtrace}"),
            &[
                vector_field,
                code_field,
                rip_field,
                module_field,
                way_field,
                address_field,
                owner_field,
                ("place", Value::Text(&place)),
                ("mapped", Value::Text(&mapping)),
            ],
            8,
        )
    } else {
        fatal(
            format_args!("{what}: {culprit}code {code:#x} at {rip:#x}"),
            format_args!("\n{registers}\n{backtrace}"),
            &[vector_field, code_field, rip_field, module_field, way_field],
            5,
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
