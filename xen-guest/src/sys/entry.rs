//! The first Rust code that runs.
//!
//! *What this is*: from `start.S` to the boot: traps, the guard page, a copy of start_info, then
//! [`crate::boot`], and the payload that [`crate::entry!`] named.
//!
//! *What must hold*: nothing before the trap table can fault but the stack itself.

use core::{
    arch::global_asm,
    sync::atomic::{AtomicBool, Ordering},
};

use mmu::{Errno, layout::KERNEL_MAP};
use p2m::Authority;
use x86_64::VirtAddr;

#[cfg(feature = "fault-injection")]
use crate::sys::fail;
use crate::{
    boot::{
        self, demands,
        failure::{Cause, Failure},
        image::Image,
        options::unchecked_value,
        refusal,
        stage::Stage,
    },
    guest::Guest,
    module::table::ModuleTable,
    report::fact::Value,
    sys::{asked::Host, logger, module_abi::exports::exports, pointer, symbols, traps, xen::Xen},
};

global_asm!(include_str!("start.S"));
global_asm!(include_str!("notes.S"), virt_base = const KERNEL_MAP.as_u64());
#[cfg(feature = "init-p2m")]
global_asm!(include_str!("notes_init_p2m.S"), init_p2m = const mmu::layout::INIT_P2M.as_u64());

/// Names the payload of a kernel: a function `fn(Guest) -> !` that runs when the boot is done.
#[macro_export]
macro_rules! entry {
    ($payload:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn xen_guest_entered(start_info: u64) -> ! {
            let payload: fn($crate::Guest) -> ! = $payload;
            $crate::sys::entered(start_info, payload)
        }
    };
}

static ENTERED: AtomicBool = AtomicBool::new(false);

/// Boots and hands over to `payload`. [`crate::entry!`] calls this with what Xen left in rsi.
pub fn entered(start_info: u64, payload: fn(Guest) -> !) -> ! {
    logger::init();
    let traps = traps::install();
    if ENTERED.swap(true, Ordering::Relaxed) {
        let fields = [("stage", Value::Text(&"entry")), ("error", Value::Text(&"Again"))];
        logger::fatal(
            format_args!("entry: the boot was entered a second time"),
            format_args!(""),
            &fields,
            fields.len(),
        );
    }
    // SAFETY: this is the one call, as ENTERED says, and the builder's tables are live: the boot has not run.
    let mut xen = unsafe { Xen::new() };
    match start(&mut xen, start_info, traps).and_then(|start| start.boot(xen)) {
        Ok(mut guest) => {
            guest.parts.modules = ModuleTable::new(exports());
            #[cfg(feature = "fault-injection")]
            fail::as_asked(guest.facts().command_line());
            payload(guest)
        }
        Err(failure) => logger::boot_failed(&failure),
    }
}

/// What the boot is started with.
struct Start {
    page: [u8; 4096],
    entry: start_info::KernelEntry,
    image: Image,
}

impl Start {
    fn boot(&self, xen: Xen) -> Result<Guest, Failure> {
        boot::boot(xen, &self.page, &self.entry, &self.image).map_err(|(_, failure)| failure)
    }
}

fn start(xen: &mut Xen, start_info: u64, traps: Result<(), Errno>) -> Result<Start, Failure> {
    let image = symbols::image();
    let entry = start_info::KernelEntry {
        start_info: VirtAddr::new_truncate(start_info),
        virt_base: KERNEL_MAP,
        image_start: boot::image_address(image.range().start()),
        image_end: boot::image_address(image.range().end()),
    };
    if !entry.start_info.is_aligned(4096_u64) || entry.start_info < entry.image_end {
        let (found, image_end) = (entry.start_info, entry.image_end);
        return Err(Failure::new(
            Stage::Entry,
            start_info::StartInfoError::StartInfoAddress { found, image_end },
        ));
    }
    let pointer = pointer::to::<[u8; 4096]>(entry.start_info);
    // SAFETY: the address starts a page behind the image, as just checked, where Xen's builders put start_info; should it
    // not be mapped all the same, the page fault is reported.
    let page = unsafe { pointer.read_volatile() };
    if unchecked_value(&page, "report") == Some(b"json") {
        logger::report_facts();
    }
    #[cfg(feature = "fault-injection")]
    let page = fail::spoiled_as_asked(page);
    let early = traps
        .map_err(|errno| Failure::new(Stage::Entry, Cause::Traps(errno)))
        .and_then(|()| demands::confirm(&Host).map_err(|missing| Failure::new(Stage::Entry, missing)))
        .and_then(|()| mmu::unmap_guard(xen, image.guard).map_err(|cause| Failure::new(Stage::Entry, cause)));
    if early.is_err()
        && let Some(authority) = Authority::take()
    {
        // Nothing will attach the console in the ordinary way any more.
        refusal::attach_console(xen, &authority, &page, &entry);
    }
    early?;
    Ok(Start { page, entry, image })
}
