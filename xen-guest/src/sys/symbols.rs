//! The bounds that `xen-guest.ld` defines.

use core::sync::atomic::{AtomicU64, Ordering};

use start_info::{PAGE_SIZE, Pfn, PfnRange};
use x86_64::VirtAddr;

use mmu::layout::{KERNEL_MAP, KernelMap};

use crate::{
    boot::{image::Image, kaslr::Kaslr},
    sys::{stack::Stack, walk::Parts},
};

unsafe extern "C" {
    safe static image_start: u8;
    safe static text_end: u8;
    safe static constant_end: u8;
    safe static image_end: u8;
    safe static relocations_start: u8;
    safe static relocations_end: u8;
    safe static boot_stack_guard: u8;
    safe static boot_stack: u8;
    safe static boot_stack_end: u8;
    safe static image_slide: AtomicU64;
}

fn address(symbol: &u8) -> VirtAddr {
    VirtAddr::from_ptr(symbol)
}

/// Returns how far the image is from where it was linked, in bytes.
pub(super) fn slide() -> u64 {
    image_slide.load(Ordering::Relaxed)
}

/// Returns the address of the symbol in the builder's mapping.
fn linked(symbol: &u8) -> VirtAddr {
    // The linker script asserts that the image was linked between KERNEL_MAP and the module window.
    VirtAddr::new_truncate(address(symbol).as_u64().wrapping_sub(slide()))
}

fn pfn(symbol: &u8) -> Pfn {
    Pfn::clamped((linked(symbol) - KERNEL_MAP) / PAGE_SIZE)
}

/// The first page that `symbol`, the end of something, leaves free.
fn pages_to(symbol: &u8) -> Pfn {
    Pfn::clamped((linked(symbol) - KERNEL_MAP).div_ceil(PAGE_SIZE))
}

/// Returns the parts of the kernel image, as the builder has mapped them.
pub(super) fn image() -> Image {
    Image {
        text: PfnRange::between(pfn(&image_start), pfn(&text_end)),
        constant: PfnRange::between(pfn(&text_end), pfn(&constant_end)),
        data: PfnRange::between(pfn(&constant_end), pfn(&image_end)),
        guard: pfn(&boot_stack_guard),
        relocations: PfnRange::between(pfn(&relocations_start), pages_to(&relocations_end)),
        map: KernelMap::BUILDER,
        drawn: None,
        kaslr: Kaslr::OFF,
    }
}

/// Tells whether `address` lies in the kernel's text.
pub(super) fn is_text(at: u64) -> bool {
    (address(&image_start).as_u64()..address(&text_end).as_u64()).contains(&at)
}

/// Returns the boot stack.
pub(super) fn stack() -> Stack {
    Stack { start: address(&boot_stack).as_u64(), end: address(&boot_stack_end).as_u64() }
}

/// Returns where the parts of the image are.
pub(super) fn parts() -> Parts {
    let [start, text, constant, end] =
        [&image_start, &text_end, &constant_end, &image_end].map(|symbol| address(symbol).as_u64());
    let Stack { start: stack, end: stack_end } = stack();
    Parts {
        text: start..text,
        constant: text..constant,
        data: constant..end,
        guard: address(&boot_stack_guard).as_u64()..stack,
        stack: stack..stack_end,
    }
}

/// Returns where the kernel's text starts.
#[cfg(feature = "fault-injection")]
pub(super) fn text() -> VirtAddr {
    address(&image_start)
}
