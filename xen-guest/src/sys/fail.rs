//! Faults on purpose, so that the ways a kernel dies can be tried on real Xen.
//!
//! *What must hold*: only a kernel built with the feature `fault-injection` has this file: what breaks things on purpose is in no
//! one else's.

use core::{fmt, mem::offset_of};

use mmu::layout::FIXMAP;
use start_info::{CommandLine, PAGE_SIZE};
use x86_64::{VirtAddr, registers::control::Cr3};

use crate::{
    boot::options::unchecked_value,
    sys::{
        abi::HYPERVISOR_VIRT_END,
        current_tables::CurrentTables,
        entry::entered,
        hypercall::hypercall,
        pointer,
        sched::{Reason, end},
        starts::Starts,
        symbols,
    },
};

/// A number of no operation.
const NO_OPERATION: u64 = 0x7fff_ffff;
/// A page-table entry that Xen refuses. It carries out a store to an L1 table of what it accepts (mm/`ptwr`).
const NO_FRAME: u64 = 0x000f_ffff_ffff_f003;
const PT_BASE: usize = offset_of!(xen_sys::start_info, pt_base);
const STORE_MFN: usize = offset_of!(xen_sys::start_info, store_mfn);
const CONSOLE_MFN: usize = offset_of!(xen_sys::start_info, console);

/// Does what `fail=NAME` on the command line asks for:
///
/// - `start_info`, `console_mfn`, `store_mfn`: spoils a field of start_info, done before the boot
/// - `early`: reads address 8 before the boot, with the builder's page tables
/// - `panic`: panics
/// - `panic-twice`, `panic-trap`: panics with a message that panics too, with one that reads address 8
/// - `null`: reads address 8
/// - `text`, `table`, `guard`: writes to the kernel's text, to the L1 table that maps it, to the stack's guard page
/// - `hole`, `window`: reads one of Xen's own addresses, one of the module window without a module
/// - `execute`: executes the direct map
/// - `stack`: overflows the stack
/// - `call`: asks Xen for something that does not exist, and goes on; `call-panic`: panics after it
/// - `again`: enters the boot a second time
pub(super) fn as_asked(line: &CommandLine) {
    match line.value_of("fail") {
        Some("panic") => asked_to_panic(&"fail=panic"),
        Some("panic-twice") => panic_in_message(),
        Some("panic-trap") => asked_to_panic(&Failing(read_null)),
        Some("null") => read_null(),
        Some("text") => write(symbols::text(), 0),
        Some("table") => {
            CurrentTables::find()
                .table_of(symbols::text())
                .into_iter()
                .for_each(|table| write(table, NO_FRAME));
        }
        Some("guard") => write(VirtAddr::new_truncate(symbols::parts().guard.start), 0),
        Some("hole") => read(VirtAddr::new_truncate(HYPERVISOR_VIRT_END - 8)),
        Some("window") => read(FIXMAP - 8),
        Some("execute") => {
            let pointer = pointer::to::<()>(VirtAddr::new_truncate(Starts::noted().direct_map + 0x1000));
            // SAFETY: not sound, and meant so: the direct map is not executable, and the fault is what was asked for.
            let function = unsafe { core::mem::transmute_copy::<*const (), extern "C" fn()>(&pointer) };
            function();
        }
        Some("stack") => {
            log::error!("the stack held {} calls", overflow(1));
        }
        Some("call") => be_refused(),
        Some("call-panic") => {
            be_refused();
            asked_to_panic(&"fail=call-panic");
        }
        Some("again") => entered(0, 0, |_| end(Reason::Crash)),
        _ => {}
    }
}

#[expect(clippy::panic, reason = "this is the panic that was asked for")]
fn asked_to_panic(message: &dyn fmt::Display) {
    panic!("{message}");
}

/// A message that does something before it is there.
struct Failing(fn());

impl fmt::Display for Failing {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)();
        Ok(())
    }
}

/// Without a guard there would be no end to it.
fn panic_in_message() {
    asked_to_panic(&Failing(panic_in_message));
}

fn be_refused() {
    // SAFETY: Xen knows no such operation, and looks at no argument.
    let _refused = unsafe { hypercall(xen_sys::__HYPERVISOR_sched_op, [NO_OPERATION, 0, 0, 0]) };
}

fn read_null() {
    read(VirtAddr::new_truncate(8));
}

#[inline(never)]
fn read(address: VirtAddr) {
    // SAFETY: not sound, and meant so: nothing may be read there, and the fault is what was asked for.
    let word = unsafe { pointer::to::<u64>(address).read_volatile() };
    log::error!("{address:#x} holds {word:#x}, and should not be mapped");
}

#[inline(never)]
fn write(address: VirtAddr, word: u64) {
    // SAFETY: not sound, and meant so: nothing may be written there, and the fault is what was asked for.
    unsafe { pointer::to_mut::<u64>(address).write_volatile(word) };
    log::error!("{address:#x} could be written");
}

#[expect(unconditional_recursion, reason = "the overflow that was asked for")]
#[inline(never)]
fn overflow(depth: u64) -> u64 {
    // Far less than a page: the guard page is met near its end, and the frame of the exception would lie in it too.
    let words = core::hint::black_box([depth; 50]);
    overflow(depth + 1) + words[0]
}

/// Returns the page, spoiled as its command line asks, so that refusals can be tried on real Xen.
pub(super) fn spoiled_as_asked(mut page: [u8; 4096]) -> [u8; 4096] {
    let field = match unchecked_value(&page, "fail") {
        Some(b"start_info") => PT_BASE,
        Some(b"console_mfn") => CONSOLE_MFN,
        Some(b"store_mfn") => STORE_MFN,
        Some(b"early") => {
            read_null();
            return page;
        }
        _ => return page,
    };
    let Some(word) = page.get_mut(field..).and_then(|tail| tail.first_chunk_mut::<8>()) else { return page };
    let spoilt = match field {
        PT_BASE => u64::from_le_bytes(*word) ^ 8,
        // A frame of ours that is no ring's: the builder's root table.
        _ => Cr3::read_raw().0.start_address().as_u64() / PAGE_SIZE,
    };
    *word = spoilt.to_le_bytes();
    page
}
