//! Names for the addresses that a guest, or Xen for it, left when it ended.
//!
//! The kernel prints return addresses only; its ELF file has the names. Addresses of modules are named where their range
//! is known (`scripts/explain`).

use std::path::Path;

use anyhow::Result;

use crate::run::dump::Dump;
use crate::run::names::Names;
use crate::run::slide;

/// What a line of addresses starts with: the kernel prints it (`xen-guest/src/sys/backtrace.rs`). `scripts/boot` asks for no facts, so a
/// word must do; the run `dom0-text-written` fails if the two are no longer the same.
pub(crate) const MARK: &str = "backtrace:";

/// Names the functions of every backtrace in a guest's log, innermost first; and where the guest was by Xen's dump. The
/// guest's log says how far its image slid, also for what Xen says.
///
/// # Errors
/// The kernel's file cannot be read as ELF.
pub(crate) fn named(log: &str, xen: &str, kernel: &Path) -> Result<Vec<String>> {
    let (addresses, dump) = (addresses(log), Dump::last(xen));
    if addresses.is_empty() && dump.is_none() {
        return Ok(Vec::new());
    }
    let names = Names::of(kernel)?.slid_by(slide::of(log).unwrap_or_default());
    let dump =
        dump.filter(|dump| names.is_code(dump.rip)).map(|dump| dump.explained(&names)).unwrap_or_default();
    let rips = rips(log);
    let way = addresses.iter().flat_map(|address| names.frames(inside(*address, &rips)));
    let mut lines: Vec<String> = way.chain(dump).collect();
    if log.lines().any(|line| line.trim().starts_with(MARK) && line.contains("guesses")) {
        lines.push(
            "there are no frame pointers: words of the stack that may be return addresses; build with \
             -C force-frame-pointers=yes"
                .to_owned(),
        );
    }
    lines.extend(names.lacks());
    Ok(lines)
}

/// Returns an address inside the code that was running. A return address may be the first byte of what follows the call, in
/// another line or function; where a trap happened is exact.
pub(crate) fn inside(address: u64, rips: &[u64]) -> u64 {
    if rips.contains(&address) { address } else { address.saturating_sub(1) }
}

/// The addresses where traps happened, by their rows of registers.
pub(crate) fn rips(log: &str) -> Vec<u64> {
    let rows = log.lines().filter_map(|line| line.trim_start().strip_prefix("rip ")?.get(..16));
    rows.filter_map(|digits| u64::from_str_radix(digits, 16).ok()).collect()
}

/// The addresses of every backtrace in a guest's log.
pub(crate) fn addresses(log: &str) -> Vec<u64> {
    let traces = log.lines().filter_map(|line| line.trim().strip_prefix(MARK));
    let words = traces.flat_map(str::split_whitespace);
    words.filter_map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use kit::kernel::{BASE, KernelFile};

    use super::*;

    #[test]
    fn addresses_of_the_marked_lines_only() {
        let log =
            "fatal: page fault at 0x1\n  backtrace: (a guess) 0x2 x 0xffffffff81000003\n 0x4\n  backtrace:\n";
        assert_eq!(addresses(log), [2, 0xffff_ffff_8100_0003]);
        assert!(named(log, "", Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn a_return_address_is_in_the_code_before_it_and_a_trap_where_it_is() {
        let rips = rips("fatal: page fault\n  rip ffffffff81000108  cs e030\n  r9  0000000000000001\n");
        assert_eq!(rips, [0xffff_ffff_8100_0108]);
        assert_eq!([inside(rips[0], &rips), inside(9, &rips), inside(0, &rips)], [rips[0], 8, 0]);
    }

    /// The guest's log says how far, for its own lines and for Xen's.
    #[test]
    fn an_image_that_slid_has_names() {
        let mut kernel = KernelFile::good();
        kernel.sections.push((".text".into(), 1, 6, BASE + 0x100_0000, vec![0x90; 0x100]));
        kernel.functions = vec![("main".into(), BASE + 0x100_0000, 0x100)];
        let path = std::env::temp_dir().join(format!("lab-backtrace-{}", std::process::id()));
        std::fs::write(&path, kernel.bytes()).unwrap();
        let log = "  backtrace: 0xffffffff91000011\n  image slid by 0x10000000\n";
        let xen = "(XEN) RIP:    e033:[<ffffffff91000020>]\n(XEN) RFLAGS: 0   CONTEXT: pv guest (d1v0)\n\
                   (XEN) rbp: 0   rsp: ffffffff91002ff0   r8:  0\n(XEN) cr3: 0   cr2: 0000000000000000\n";
        let lines = named(log, xen, &path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(lines[0], "0xffffffff91000010 main");
        assert!(lines[1].starts_with("Xen ended it at rip 0xffffffff91000020, "), "{lines:?}");
        assert_eq!(lines[2], "0xffffffff91000020 main");
    }

    #[test]
    fn a_log_without_a_backtrace_needs_no_kernel() {
        let nowhere = Path::new("/nonexistent");
        assert_eq!(named("verdict: SUCCESS\n", "(XEN) x\n", nowhere).unwrap(), Vec::<String>::new());
    }
}
