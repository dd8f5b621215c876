//! What contradicts itself in a kernel's file, and what is merely unusual.

use crate::features::{AUTO_TRANSLATED, SUPERVISOR_MODE};
use crate::image::{Image, Source};
use crate::note::{Form, HYPERCALL_PAGE, INIT_P2M, Note};
use crate::red_zone;
use crate::settings::Settings;

/// Xen's own addresses (`public/arch-x86/xen-x86_64.h`).
pub(crate) const HOLE: std::ops::Range<u64> = 0xffff_8000_0000_0000..0xffff_8800_0000_0000;
/// How many functions with a red zone are named.
const NAMED: usize = 8;

/// Checks all rules: contradictions, and remarks.
pub(crate) fn check(image: &Image<'_>, settings: &Settings) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut unusual) = (Vec::new(), Vec::new());
    wrong.extend(image.notes.iter().filter_map(form));
    wrong.extend(doubled(image));
    wrong.extend(identity(settings));
    wrong.extend(bounds(settings));
    wrong.extend(entry(image, settings));
    wrong.extend(hypercall_page(image, settings));
    wrong.extend(init_p2m(settings));
    // Linux moves its per-processor data itself, and has a segment that it frees after the start.
    let segments = segments(image, settings);
    match settings.is_linux() {
        true => unusual.extend(segments.into_iter().map(|(found, _)| format!("known of Linux: {found}"))),
        false => wrong.extend(segments.into_iter().map(|(found, remedy)| format!("{found}; {remedy}"))),
    }
    let found = red_zone::find(image);
    if let Some(line) = red_zone::line(&found, image, NAMED) {
        if settings.is_linux() {
            unusual.push(format!("known of Linux: {line}, in code for user mode, which may use it"));
        } else if image.functions.is_empty() {
            unusual.push(format!("{line}; without symbols it may be data among code"));
        } else {
            wrong.push(format!(
                "{line}: Xen overwrites it; build with a target that has none (x86_64-unknown-none), C with -mno-red-zone"
            ));
        }
    }
    if image.unresolved > 0 {
        wrong.push(format!(
            "{} relocations are not relative: nobody resolves symbols for a kernel; link it statically",
            image.unresolved
        ));
    }
    unusual.extend(remarks(image, settings));
    (wrong, unusual)
}

/// A note's content has the form of its type.
fn form(note: &Note) -> Option<String> {
    let (name, len) = (note.name(), note.content.len());
    match note.form() {
        Form::Number if note.value().is_none() => {
            Some(format!("{name} has {len} bytes: Xen reads it as 0 unless it has 1, 2, 4 or 8; write .quad"))
        }
        Form::Text if note.text().is_none() => {
            Some(format!("{name} is not ended by a NUL within its {len} bytes; write .asciz"))
        }
        _ => None,
    }
}

/// Of two notes of a type the last counts.
fn doubled(image: &Image<'_>) -> Vec<String> {
    let others = |at: usize, note: &Note| {
        image.notes[at + 1..].iter().any(|other| other.kind == note.kind && other.content != note.content)
    };
    let doubled = image.notes.iter().enumerate().filter(|(at, note)| others(*at, note));
    doubled.map(|(_, note)| format!("{} stands twice with different values; keep one", note.name())).collect()
}

/// What Xen asks for before it looks at addresses (libelf, `elf_xen_note_check`).
fn identity(settings: &Settings) -> Vec<String> {
    let mut wrong = Vec::new();
    match &settings.loader {
        None if !settings.is_linux() => wrong.push(
            "no LOADER: Xen loads only images for the generic loader, or of GUEST_OS linux; add LOADER \"generic\""
                .to_owned(),
        ),
        Some(loader) if !settings.is_linux() && !loader.starts_with("generic") => {
            wrong.push(format!("LOADER is \"{loader}\", not \"generic\", and Xen refuses it"));
        }
        _ => {}
    }
    match &settings.xen_version {
        None => wrong.push("no XEN_VERSION: Xen refuses it; add XEN_VERSION \"xen-3.0\"".to_owned()),
        Some(version) if !version.starts_with("xen-3.0") => {
            wrong.push(format!("XEN_VERSION is \"{version}\", not \"xen-3.0\", and Xen refuses it"));
        }
        Some(_) => {}
    }
    let features = &settings.features;
    for name in &features.unknown_required {
        wrong.push(format!("FEATURES requires {name}, which Xen does not know there; it refuses the kernel"));
    }
    for (bit, why) in [
        (SUPERVISOR_MODE, "supervisor_mode_kernel: a PV kernel runs in ring 3"),
        (AUTO_TRANSLATED, "auto_translated_physmap: that is not PV on x86"),
    ] {
        if features.required & bit != 0 {
            wrong.push(format!("FEATURES requires {why}"));
        }
    }
    wrong
}

/// The image's addresses (libelf, `elf_xen_addr_calc_check`; dom0_build.c for the hole).
fn bounds(settings: &Settings) -> Vec<String> {
    let Settings { start, end, virt_base, paddr_offset, .. } = settings;
    let mut wrong = Vec::new();
    let base = virt_base.unwrap_or(0);
    if virt_base.is_none() && paddr_offset.is_some() {
        wrong.push("PADDR_OFFSET without VIRT_BASE: Xen refuses that; add VIRT_BASE".to_owned());
    }
    if start > end || base > *start {
        wrong.push(format!(
            "the image {start:#x}..{end:#x}, by its load addresses, is not at or above VIRT_BASE {base:#x}: Xen says it is \
             out of bounds; load it at link address - VIRT_BASE + PADDR_OFFSET"
        ));
    }
    if *start < HOLE.end && *end > HOLE.start {
        wrong.push(format!("the image {start:#x}..{end:#x} overlaps Xen's own addresses; link it elsewhere"));
    }
    wrong
}

/// What is odd about segments, and how to mend it.
fn segments(image: &Image<'_>, settings: &Settings) -> Vec<(String, &'static str)> {
    let mut wrong = Vec::new();
    for segment in &image.segments {
        let (first, last) = (segment.start, segment.start.saturating_add(segment.len));
        let loaded = settings.address_of(segment.load);
        if loaded != first {
            let found = format!(
                "the segment linked at {first:#x} would be loaded at {loaded:#x}: its load address is {:#x}, not {:#x} (link \
                 address - VIRT_BASE + PADDR_OFFSET)",
                segment.load,
                first.wrapping_sub(settings.address_of(0))
            );
            wrong.push((found, "mend AT() in the linker script"));
        }
        if first < settings.virt_base.unwrap_or(0) {
            wrong.push((
                format!("the segment {first:#x}..{last:#x} lies below VIRT_BASE"),
                "link it above, or lower VIRT_BASE",
            ));
        }
        if segment.writable && segment.executable {
            wrong.push((
                format!("the segment {first:#x}..{last:#x} is writable and executable"),
                "give code and data pages of their own",
            ));
        }
    }
    wrong
}

fn entry(image: &Image<'_>, settings: &Settings) -> Option<String> {
    let entry = settings.entry;
    match image.segments.iter().find(|segment| segment.contains(entry)) {
        None => {
            Some(format!("the entry {entry:#x} is in no segment; set ENTRY, or ENTRY() in the linker script"))
        }
        Some(segment) if !segment.executable => {
            Some(format!("the entry {entry:#x} is in a segment that is not executable"))
        }
        Some(_) => None,
    }
}

fn hypercall_page(image: &Image<'_>, settings: &Settings) -> Option<String> {
    let page = settings.hypercall_page?;
    let holds = |address| image.segments.iter().any(|segment| segment.contains(address));
    if !page.is_multiple_of(4096) {
        Some(format!("HYPERCALL_PAGE {page:#x} is not the start of a page"))
    } else if !holds(page) || !holds(page.saturating_add(4095)) {
        Some(format!("HYPERCALL_PAGE {page:#x} is no page of a segment; dom0's builder refuses that"))
    } else {
        (page..page.saturating_add(4096)).contains(&settings.entry).then(|| {
            format!(
                "HYPERCALL_PAGE {page:#x} is the page of the entry {:#x}: Xen writes over it",
                settings.entry
            )
        })
    }
    .filter(|_| image.note(HYPERCALL_PAGE).is_some())
}

fn init_p2m(settings: &Settings) -> Option<String> {
    let list = settings.init_p2m?;
    let base = settings.virt_base.unwrap_or(0);
    let slot = list & !((1 << 39) - 1);
    let what = if !list.is_multiple_of(4096) {
        "is not the start of a page: domU's builder drops it, and dom0's does not"
    } else if HOLE.contains(&list) {
        "is one of Xen's own addresses: Xen does not check that, and the guest faults"
    } else if (settings.start..=settings.end).contains(&list) || list >= base {
        "is not below VIRT_BASE: domU's builder drops it, and it may meet the boot mapping"
    } else if slot == base & !((1 << 39) - 1) {
        "shares a top-level page-table entry with the boot mapping"
    } else {
        return None;
    };
    Some(format!("INIT_P2M {list:#x} {what}; choose a multiple of 0x8000000000 below VIRT_BASE {base:#x}"))
}

fn remarks(image: &Image<'_>, settings: &Settings) -> Vec<String> {
    let mut unusual = Vec::new();
    if settings.virt_base.is_none() {
        unusual.push("no VIRT_BASE: Xen takes 0, so page 0 is mapped at address 0".to_owned());
    }
    if image.note(INIT_P2M).is_none() {
        unusual.push(
            "no INIT_P2M: the P2M list is in the boot mapping, which ends a dom0 at 512 GiB, and reaches above \
             0xffffffffa0000000 in a large guest"
                .to_owned(),
        );
    }
    if image.source == Source::Strings {
        unusual.push("__xen_guest is the old form: notes can say more".to_owned());
    }
    if !settings.features.unknown.is_empty() {
        unusual
            .push(format!("FEATURES names {}, which Xen passes over", settings.features.unknown.join(", ")));
    }
    if image.functions.is_empty() {
        unusual.push("no symbols (stripped): functions cannot be named, in a backtrace neither".to_owned());
    }
    unusual
}
