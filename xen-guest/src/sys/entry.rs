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

use mmu::{
    Errno,
    layout::{KERNEL_MAP, KernelMap},
};
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
    report::fact::Value,
    sys::{asked::Host, logger, pointer, slide, traps, xen::Xen},
};
#[cfg(feature = "modules")]
use crate::{module::table::ModuleTable, sys::module_abi::exports::exports};

global_asm!(include_str!("start.S"));
global_asm!(include_str!("notes.S"), virt_base = const KERNEL_MAP.as_u64());
#[cfg(feature = "init-p2m")]
global_asm!(include_str!("notes_init_p2m.S"), init_p2m = const mmu::layout::INIT_P2M.as_u64());

/// Names the payload of a kernel: a function `fn(Guest) -> !` that runs when the boot is done. `stack = BYTES` chooses the
/// size of its stack, which the boot uses too:
///
/// ```ignore
/// xen_guest::entry!(main, stack = 512 * 1024);
/// ```
#[macro_export]
macro_rules! entry {
    ($payload:path) => {
        $crate::entry!($payload, stack = $crate::sys::STACK_SIZE);
    };
    ($payload:path, stack = $stack:expr) => {
        #[unsafe(no_mangle)]
        extern "C" fn xen_guest_entered(start_info: u64, refused_relocation: u64) -> ! {
            let payload: fn($crate::Guest) -> ! = $payload;
            $crate::sys::entered(start_info, refused_relocation, payload)
        }
        ::core::arch::global_asm!(
            ".pushsection .bss.stack, \"aw\", @nobits",
            ".balign 4096",
            ".skip {size}",
            ".popsection",
            size = const { $crate::sys::checked_stack_size($stack) },
        );
    };
}

/// The size of the stack if [`crate::entry!`] chooses none.
pub const STACK_SIZE: usize = 0x4_0000;

/// The smallest stack that [`crate::entry!`] accepts: 128 KiB, and 256 KiB where this crate is compiled with
/// `opt-level = 0`, whatever the kernel itself is compiled with. The boot and the demonstration kernel use 103 KiB in a
/// release build and 198 KiB in a debug build; a stack that overflows before there are traps ends the domain without a word.
pub const MIN_STACK_SIZE: usize = if cfg!(unoptimized) { STACK_SIZE } else { 0x2_0000 };

/// The largest: more than a kernel needs, and far from what the image has addresses for.
const MAX_STACK_SIZE: usize = 0x400_0000;

/// Checks the size of a stack, for [`crate::entry!`].
///
/// # Panics
/// When it is compiled, for a size that is not allowed.
#[doc(hidden)]
#[must_use]
pub const fn checked_stack_size(bytes: usize) -> usize {
    assert!(bytes.is_multiple_of(4096), "entry!: the stack takes whole pages of 4096 bytes");
    assert!(
        bytes >= MIN_STACK_SIZE,
        "entry!: the stack takes at least 128 KiB, without optimization 256 KiB"
    );
    assert!(bytes <= MAX_STACK_SIZE, "entry!: the stack takes at most 64 MiB");
    bytes
}

static ENTERED: AtomicBool = AtomicBool::new(false);

/// Boots and hands over to `payload`. [`crate::entry!`] calls this with what Xen left in rsi, and the kind of a relocation
/// that `start.S` did not apply, or 0.
pub fn entered(start_info: u64, refused_relocation: u64, payload: fn(Guest) -> !) -> ! {
    #[cfg(feature = "logger")]
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
    // SAFETY: the one that chose the address is gone, this is the one call after it, as ENTERED says, and the builder's
    // tables are live: the boot has not run.
    let mut xen = unsafe { Xen::new() };
    match start(&mut xen, start_info, refused_relocation, traps).and_then(|start| start.boot(xen)) {
        Ok(guest) => {
            #[cfg(feature = "modules")]
            let guest = with_exports(guest);
            #[cfg(feature = "fault-injection")]
            fail::as_asked(guest.facts().command_line());
            payload(guest)
        }
        Err(failure) => logger::boot_failed(&failure),
    }
}

/// Lends the layer's functions to modules.
#[cfg(feature = "modules")]
fn with_exports(mut guest: Guest) -> Guest {
    guest.parts.modules = ModuleTable::new(exports());
    guest
}

/// What the boot is started with.
pub(super) struct Start {
    page: [u8; 4096],
    entry: start_info::KernelEntry,
    image: Image,
}

impl Start {
    /// Reads the start_info page, and says what the kernel knows by itself.
    pub(super) fn read(
        start_info: u64,
        image: &Image,
    ) -> Result<([u8; 4096], start_info::KernelEntry), start_info::StartInfoError> {
        let entry = start_info::KernelEntry {
            start_info: VirtAddr::new_truncate(start_info),
            virt_base: KERNEL_MAP,
            image_start: KernelMap::BUILDER.address(image.range().start()),
            image_end: KernelMap::BUILDER.address(image.range().end()),
        };
        if !entry.start_info.is_aligned(4096_u64) || entry.start_info < entry.image_end {
            let (found, image_end) = (entry.start_info, entry.image_end);
            return Err(start_info::StartInfoError::StartInfoAddress { found, image_end });
        }
        let pointer = pointer::to::<[u8; 4096]>(entry.start_info);
        // SAFETY: the address starts a page behind the image, as just checked, where Xen's builders put start_info; should
        // it not be mapped all the same, the page fault is reported.
        Ok((unsafe { pointer.read_volatile() }, entry))
    }

    fn boot(&self, xen: Xen) -> Result<Guest, Failure> {
        boot::boot(xen, &self.page, &self.entry, &self.image).map_err(|(_, failure)| failure)
    }
}

fn start(
    xen: &mut Xen,
    start_info: u64,
    refused_relocation: u64,
    traps: Result<(), Errno>,
) -> Result<Start, Failure> {
    let image = slide::image();
    let (page, entry) = Start::read(start_info, &image).map_err(|cause| Failure::new(Stage::Entry, cause))?;
    if unchecked_value(&page, "report") == Some(b"json") {
        logger::report_facts();
    }
    #[cfg(feature = "fault-injection")]
    let page = fail::spoiled_as_asked(page);
    let early = traps
        .map_err(|errno| Failure::new(Stage::Entry, Cause::Traps(errno)))
        .and_then(|()| all_relocated(refused_relocation))
        .and_then(|()| demands::confirm(&Host).map_err(|missing| Failure::new(Stage::Entry, missing)))
        // Before the image's address was chosen this was tried, and a refusal could not be said. Where the image moved it
        // changes nothing.
        .and_then(|()| {
            mmu::unmap_guard(xen, image.guard, image.map).map_err(|cause| Failure::new(Stage::Entry, cause))
        });
    if early.is_err()
        && let Some(authority) = Authority::take()
    {
        // Nothing will attach the console in the ordinary way any more.
        refusal::attach_console(xen, &authority, &page, &entry);
    }
    early?;
    Ok(Start { page, entry, image })
}

/// Refuses an image with a relocation that `start.S` does not apply; 0 stands for none.
fn all_relocated(refused: u64) -> Result<(), Failure> {
    // The lower half of `r_info`.
    let kind = refused as u32;
    if refused == 0 { Ok(()) } else { Err(Failure::new(Stage::Entry, Cause::Relocation { kind })) }
}
