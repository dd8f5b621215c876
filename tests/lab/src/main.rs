//! The lab: boots real Xen in QEMU and a guest in it; what `scripts/` calls.
//!
//! Real Xen runs here without hardware for it: QEMU emulates the machine, Xen boots in it, and the guest either is dom0 or
//! gets created by a small Linux dom0 with `xl`. Exit statuses are those of the project's interface; 2 is any error of the
//! lab itself.

mod bench;
mod build;
mod machine;
mod picture;
mod run;
mod setup;
mod suite;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match command(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn command(mut arguments: Vec<OsString>) -> Result<ExitCode> {
    if arguments.is_empty() {
        bail!("which command? setup, build, boot, test, bench");
    }
    let name = arguments.remove(0);
    match name.to_str() {
        Some("setup") => {
            setup::ensure(setup::release::Release::default())?;
            // Needed by one group of tests alone, which fails without it: no reason to stop anybody else.
            if let Err(error) = checks::miri::ensure() {
                eprintln!("setup: {error:#}: `scripts/test miri` will fail");
            }
            Ok(ExitCode::SUCCESS)
        }
        Some("build") => {
            build::kernels()?;
            build::modules()?;
            Ok(ExitCode::SUCCESS)
        }
        Some("boot") => run::boot::boot(arguments),
        Some("test") => suite::test(&arguments),
        Some("bench") => bench::bench(&arguments),
        _ => bail!("no command {}", name.display()),
    }
}
