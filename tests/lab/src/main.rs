//! The lab: boots real Xen in QEMU and a guest in it; what `scripts/` calls.
//!
//! Real Xen runs here without hardware for it: QEMU emulates the machine, Xen boots in it, and the guest either is dom0 or
//! gets created by a small Linux dom0 with `xl`. Exit statuses are those of the project's interface; 2 is any error of the
//! lab itself.

mod apt;
mod backtrace;
mod bench;
mod boot;
mod boot_runs;
mod budget;
mod build;
mod case;
mod changed;
mod circles;
mod complaint;
mod cpio;
mod deb;
mod dom0;
mod folder;
mod follow;
mod holes;
mod host;
mod host_runs;
mod image;
mod inventory;
mod machine;
mod machine_runs;
mod measured;
mod miri;
mod module_runs;
mod mutations;
mod need;
mod options;
mod outcome;
mod outside;
mod packages;
mod paths;
mod peers;
mod process;
mod processor_runs;
mod proof;
mod qemu;
mod ration;
mod release;
mod run;
mod screen;
mod serial;
mod setup;
mod shim;
mod size;
mod soak;
mod suite;
mod watch;
mod xens_runs;

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
        bail!("which command? setup, build, boot, test, bench, mutations, inventory, circles");
    }
    let name = arguments.remove(0);
    match name.to_str() {
        Some("setup") => {
            setup::ensure(release::Release::default())?;
            // Needed by one group of tests alone, which fails without it: no reason to stop anybody else.
            if let Err(error) = miri::ensure() {
                eprintln!("setup: {error:#}: `scripts/test miri` will fail");
            }
            Ok(ExitCode::SUCCESS)
        }
        Some("build") => {
            build::kernels()?;
            build::modules()?;
            Ok(ExitCode::SUCCESS)
        }
        Some("boot") => boot::boot(arguments),
        Some("test") => suite::test(&arguments),
        Some("bench") => bench::bench(&arguments),
        Some("mutations") => mutations::mutations(&arguments),
        Some("inventory") => inventory::inventory(),
        Some("circles") => circles::circles(),
        _ => bail!("no command {}", name.display()),
    }
}
