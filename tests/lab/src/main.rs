//! The lab: boots real Xen in QEMU and a guest in it; what `scripts/` calls.
//!
//! Real Xen runs here without hardware for it: QEMU emulates the machine, Xen boots in it, and the guest either is dom0 or
//! gets created by a small Linux dom0 with `xl`. Exit statuses are those of the project's interface; 2 is any error of the
//! lab itself.

mod bench;
mod build;
mod explain;
mod machine;
mod notes;
mod picture;
mod run;
mod setup;
mod suite;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use tools::kernel_target;
use tools::usage::{self, Usage};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match command(arguments) {
        Ok(code) => code,
        Err(error) => {
            usage::report("lab", &error);
            ExitCode::from(2)
        }
    }
}

fn command(mut arguments: Vec<OsString>) -> Result<ExitCode> {
    if arguments.is_empty() {
        return Err(unknown("no command").into());
    }
    let name = arguments.remove(0);
    match name.to_str() {
        Some(script @ ("setup" | "build")) if !arguments.is_empty() => takes_nothing(script, &arguments),
        Some("setup") => {
            kernel_target::ensure()?;
            setup::ensure(setup::release::Release::default())?;
            // Needed by one group of tests alone, which fails without it: no reason to stop anybody else.
            if let Err(error) = checks::miri::ensure() {
                tools::note!("setup: {error:#}: `scripts/test miri` will fail");
            }
            if let Err(error) = checks::features::ensure() {
                tools::note!("setup: {error:#}: `scripts/test features` will fail");
            }
            Ok(ExitCode::SUCCESS)
        }
        Some("build") => {
            build::kernels()?;
            build::modules()?;
            Ok(ExitCode::SUCCESS)
        }
        Some("boot") => run::boot::boot(arguments),
        Some("check-notes") => notes::check(&arguments),
        Some("explain") => explain::explain(&arguments),
        Some("test") => suite::test(&arguments),
        Some("bench") => bench::bench(&arguments),
        _ => Err(unknown(&format!("no command {}", name.display())).into()),
    }
}

/// Shows the help of a script that takes nothing, or refuses what it was given.
fn takes_nothing(script: &str, arguments: &[OsString]) -> Result<ExitCode> {
    let (script, help) = match script {
        "setup" => ("setup", include_str!("../../../scripts/help/setup.txt")),
        _ => ("build", include_str!("../../../scripts/help/build.txt")),
    };
    if is_help(arguments) {
        tools::say!("{}", help.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let words: Vec<String> = arguments.iter().map(|word| word.display().to_string()).collect();
    let wrong = format!("it takes no arguments, not {}", words.join(" "));
    Err(Usage { script, wrong, instead: format!("scripts/{script}") }.into())
}

/// Whether nothing but help is asked for.
fn is_help(arguments: &[OsString]) -> bool {
    matches!(arguments, [word] if word == "--help" || word == "-h")
}

fn unknown(wrong: &str) -> Usage {
    let instead = "scripts/setup, scripts/build, scripts/boot, scripts/check-notes, scripts/explain, scripts/test or scripts/bench".to_owned();
    Usage { script: "lab", wrong: wrong.to_owned(), instead }
}
