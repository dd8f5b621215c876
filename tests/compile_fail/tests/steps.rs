//! Each step that a kernel outside this repository can forget: the error names it.
//!
//! *What this is*: a package as somebody else would write it, with a kernel for each forgotten step, built by cargo as
//! they would build it: without this repository's flags. The first kernel forgets nothing.
//!
//! *What is not noticed*: what only a boot shows. `tests/lab` boots kernels without those flags.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");
const SAFE: &str = "#![forbid(unsafe_code)]\n";
const KERNEL: &str = "#![no_std]\n#![no_main]\n\nuse xen_guest::{Guest, sys};\nuse sys::{Reason, shutdown};\n\n\
                      pub fn main(guest: Guest) -> ! {\n    let _ = guest.picture();\n    shutdown(Reason::Poweroff)\n}\n\n";

/// What somebody does, and what cargo says to it.
struct Step {
    name: &'static str,
    entry: &'static str,
    arguments: &'static [&'static str],
    /// For rustc, with `cargo rustc`.
    flags: &'static [&'static str],
    /// Words of the errors; none if nothing was forgotten.
    errors: &'static [&'static str],
}

const GOOD: Step = Step {
    name: "complete",
    entry: "xen_guest::entry!(main, stack = 0x80000);",
    arguments: &["rustc"],
    flags: &[],
    errors: &[],
};

const STEPS: [Step; 13] = [
    GOOD,
    Step {
        name: "no_entry",
        entry: "",
        errors: &["error: the kernel has no payload: write xen_guest::entry!(main) in main.rs"],
        ..GOOD
    },
    Step {
        name: "host_target",
        arguments: &["check", "--target", "x86_64-unknown-linux-gnu"],
        errors: &[
            "write `build.target = \"x86_64-unknown-none\"` in .cargo/config.toml",
            // The second says that nothing more is compiled.
            "due to 2 previous errors",
        ],
        ..GOOD
    },
    Step {
        name: "stack_too_small",
        entry: "xen_guest::entry!(main, stack = 0x3f000);",
        errors: &["entry!: the stack takes at least 128 KiB, without optimization 256 KiB"],
        ..GOOD
    },
    Step {
        name: "stack_too_large",
        entry: "xen_guest::entry!(main, stack = 1 << 30);",
        errors: &["entry!: the stack takes at most 64 MiB"],
        ..GOOD
    },
    Step {
        name: "stack_of_no_pages",
        entry: "xen_guest::entry!(main, stack = 0x80001);",
        errors: &["entry!: the stack takes whole pages of 4096 bytes"],
        ..GOOD
    },
    Step {
        name: "stack_by_name",
        entry: "const STACK: usize = 64 << 20;\nxen_guest::entry!(main, stack = STACK);",
        ..GOOD
    },
    Step {
        name: "packed_relocations",
        flags: &["--", "-Clink-arg=-zpack-relative-relocs"],
        errors: &["error: start.S applies no packed relocations"],
        ..GOOD
    },
    Step {
        name: "code_of_another_name",
        entry: "xen_guest::entry!(main);\ncore::arch::global_asm!(\".pushsection .hot,\\\"axR\\\",@progbits\", \"nop\", \".popsection\");",
        errors: &["error: the kernel has code in a section whose name does not begin with .text."],
        ..GOOD
    },
    Step {
        name: "writable_code_of_another_name",
        entry: "xen_guest::entry!(main);\ncore::arch::global_asm!(\".pushsection .patched,\\\"awxR\\\",@progbits\", \"nop\", \".popsection\");",
        errors: &["error: the kernel has code in a section whose name does not begin with .text."],
        ..GOOD
    },
    Step {
        name: "memory_of_another_name",
        entry: "xen_guest::entry!(main);\ncore::arch::global_asm!(\".pushsection .noinit,\\\"awR\\\",@nobits\", \".skip 8\", \".popsection\");",
        errors: &[
            "error: the kernel has memory without content in a section whose name does not begin with .bss.",
        ],
        ..GOOD
    },
    Step {
        name: "data_of_another_name",
        entry: "xen_guest::entry!(main);\ncore::arch::global_asm!(\".pushsection .some,\\\"awR\\\",@progbits\", \".quad 1\", \
                \".popsection\", \".pushsection .other,\\\"aR\\\",@progbits\", \".byte 1\", \".popsection\");",
        ..GOOD
    },
    Step {
        name: "another_script",
        flags: &["--", "-Lnative=other"],
        errors: &["error: undefined symbol: linked_by_xen_guest_ld"],
        ..GOOD
    },
];

#[test]
fn a_forgotten_step_is_named() -> Result<()> {
    let folder = package()?;
    let mut complaints = Vec::new();
    for step in &STEPS {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(&folder).args(step.arguments).args(["--offline", "--quiet", "--bin", step.name]);
        cargo.arg("--target-dir").arg(Path::new(SCRATCH).join("steps-target")).args(step.flags);
        // Instead of those in this repository's .cargo/config.toml, which cargo finds from here.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", "");
        let output = cargo.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let right = output.status.success() == step.errors.is_empty()
            && step.errors.iter().all(|error| said.contains(error));
        if !right {
            complaints.push(format!("{}: {}\n{said}", step.name, output.status));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

/// Writes the package, and returns its folder.
fn package() -> Result<PathBuf> {
    let folder = Path::new(SCRATCH).join("steps");
    let root = Path::new(ROOT).canonicalize()?;
    let manifest = format!(
        "[package]\nname = \"steps\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nxen-guest = {{ path = {:?} }}\n",
        root.join("xen-guest")
    );
    write(&folder.join("Cargo.toml"), &manifest)?;
    // The versions that are here: nothing is fetched.
    write(&folder.join("Cargo.lock"), &fs::read_to_string(root.join("Cargo.lock"))?)?;
    write(&folder.join(".cargo/config.toml"), "build.target = \"x86_64-unknown-none\"\n")?;
    write(&folder.join("other/xen-guest.ld"), "ENTRY(_start)\nSECTIONS { .text : { *(.text .text.*) } }\n")?;
    for step in &STEPS {
        let safe = if step.entry.contains("global_asm!") { "" } else { SAFE };
        let text = format!("{safe}{KERNEL}{}\n", step.entry);
        write(&folder.join("src/bin").join(step.name).with_extension("rs"), &text)?;
    }
    ensure!(folder.is_dir(), "the package is not there");
    Ok(folder)
}

/// Writes a file if it is not so already: cargo builds again what was written.
fn write(file: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(file).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let name = || file.display().to_string();
    file.parent().map_or(Ok(()), fs::create_dir_all).with_context(name)?;
    fs::write(file, text).with_context(name)
}
