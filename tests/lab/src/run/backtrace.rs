//! Names for the addresses of a backtrace.
//!
//! The kernel prints return addresses only; its ELF file has the symbols and lines. Addresses of modules have no names here.

use std::path::Path;

use addr2line::Loader;
use anyhow::{Result, anyhow};

/// What a line of addresses starts with: the kernel prints it (`xen-guest/src/sys/backtrace.rs`). `scripts/boot` asks for no facts, so a
/// word must do; the run `dom0-text-written` fails if the two are no longer the same.
const MARK: &str = "backtrace:";

/// Names the functions of every backtrace in a guest's log, innermost first.
///
/// # Errors
/// The kernel's file cannot be read as ELF with debug information.
pub(crate) fn named(log: &str, kernel: &Path) -> Result<Vec<String>> {
    let addresses = addresses(log);
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    let loader = Loader::new(kernel).map_err(|error| anyhow!("{}: {error}", kernel.display()))?;
    // A return address may be the first byte of what follows the call, in another line or function.
    Ok(addresses.into_iter().flat_map(|address| frames(&loader, address.saturating_sub(1))).collect())
}

/// The addresses of every backtrace in a guest's log.
pub(crate) fn addresses(log: &str) -> Vec<u64> {
    let traces = log.lines().filter_map(|line| line.trim().strip_prefix(MARK));
    let words = traces.flat_map(str::split_whitespace);
    words.filter_map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()).collect()
}

/// The functions that `address` lies in: one, and those inlined around it.
fn frames(loader: &Loader, address: u64) -> Vec<String> {
    let mut lines = Vec::new();
    if let Ok(mut frames) = loader.find_frames(address) {
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|name| name.demangle().ok());
            let place = frame.location.and_then(|place| Some((place.file?, place.line?)));
            let name = name.as_deref().unwrap_or("?");
            lines.push(match place {
                Some((file, line)) => format!("{address:#x} {name} at {file}:{line}"),
                None => format!("{address:#x} {name}"),
            });
        }
    }
    if lines.is_empty() {
        let symbol = loader.find_symbol(address).unwrap_or("no symbol");
        lines.push(format!("{address:#x} {symbol}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_program_gets_its_name() {
        let program = std::env::current_exe().unwrap();
        let loader = Loader::new(&program).unwrap();
        // The program may be relocated: its own file's symbol table knows the unrelocated address.
        let bytes = std::fs::read(&program).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let symbol = object::Object::symbols(&file)
            .find(|symbol| object::ObjectSymbol::name(symbol).is_ok_and(|name| name.contains("fresh")))
            .unwrap();
        let address = object::ObjectSymbol::address(&symbol);
        assert!(frames(&loader, address)[0].contains("fresh"), "{:?}", frames(&loader, address));
    }

    #[test]
    fn addresses_of_the_marked_lines_only() {
        let log = "fatal: page fault at 0x1\n  backtrace: 0x2 x 0xffffffff81000003\n 0x4\n  backtrace:\n";
        assert_eq!(addresses(log), [2, 0xffff_ffff_8100_0003]);
        assert!(named(log, Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn a_log_without_a_backtrace_needs_no_kernel() {
        assert_eq!(named("verdict: SUCCESS\n", Path::new("/nonexistent")).unwrap(), Vec::<String>::new());
    }
}
