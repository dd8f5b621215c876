//! Checks of this repository that start no machine; `scripts/check` and `scripts/mutations` call them.

mod changed;
mod circles;
mod inventory;
mod mutations;
mod names;
mod sizes;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use tools::usage;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match command(arguments) {
        Ok(code) => code,
        Err(error) => {
            usage::report("checks", &error);
            ExitCode::from(2)
        }
    }
}

fn command(mut arguments: Vec<OsString>) -> Result<ExitCode> {
    if arguments.is_empty() {
        bail!("which command? mutations, inventory, circles, names, sizes");
    }
    let name = arguments.remove(0);
    match name.to_str() {
        Some("mutations") => mutations::mutations(&arguments),
        Some("circles") => circles::circles(),
        Some("names") => names::names(),
        Some("inventory") => inventory::inventory(),
        Some("sizes") => sizes::sizes(),
        _ => bail!("no command {}", name.display()),
    }
}
