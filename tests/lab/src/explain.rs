//! `scripts/explain LOG ELF`: what the addresses in a log mean, by the kernel's file.
//!
//! *What this is*: each line that holds an address of the kernel's code, or of a module whose range the log says, with the
//! names below it; and what Xen's dump of the guest shows. It takes any log: of the guest, or Xen's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use crate::machine::size::PAGE;
use crate::notes::{from_where_one_stands, wrong};
use crate::run::backtrace;
use crate::run::dump::Dump;
use crate::run::names::Names;
use crate::run::slide;
use tools::file;

const USAGE: &str = include_str!("../../../scripts/help/explain.txt");

/// Where kernels are linked, up to the module window.
const KERNEL: u64 = 0xffff_ffff_8000_0000;
/// Where the module window begins.
const WINDOW: u64 = 0xffff_ffff_a000_0000;

/// Said where Xen's dump of a guest has no address of the file, and nothing says that the image slid.
const UNKNOWN: &str = "Xen's dump has another address than any of this kernel's code, and the log does not say how far its image \
                       slid: put the guest's own log before it (cat guest.log xen.log), with report=json on its command line, \
                       or boot with kaslr=off";

/// Modules by name, with first and last address.
type Modules = BTreeMap<String, (u64, u64)>;

/// Does what `scripts/explain` was asked to.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn explain(arguments: &[OsString]) -> Result<ExitCode> {
    if let [help] = arguments
        && (help == "--help" || help == "-h")
    {
        tools::say!("{}", USAGE.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let [log, kernel] = arguments else {
        return Err(wrong("explain", "LOG ELF", "two files", arguments).into());
    };
    let log = String::from_utf8_lossy(&file::bytes(&from_where_one_stands(log))?).into_owned();
    let slide = slide::of(&log);
    let names = Names::of(&from_where_one_stands(kernel))?.slid_by(slide.unwrap_or_default());
    if let Some(slide) = slide.filter(|slide| *slide != 0) {
        tools::say!("the image slid by {slide:#x}: so much less are its addresses in the file");
    }
    if let Some(stranger) = stranger(&log, &names) {
        tools::say!("{stranger}");
    }
    let lines = explained(&log, &names);
    for line in &lines {
        tools::say!("{line}");
    }
    if lines.is_empty() {
        tools::say!("the log has no address of this kernel's code");
    }
    if slide.is_none() && is_lost(&log, &names) {
        tools::say!("{UNKNOWN}");
    }
    if let Some(lacks) = names.lacks() {
        tools::say!("{lacks}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Says if the log is of another kernel than the file: by its return addresses, of which each must follow a call. A kernel
/// has no identity that its log could name: nothing but a flag has the linker write one.
fn stranger(log: &str, names: &Names) -> Option<String> {
    let rips = backtrace::rips(log);
    let returns: Vec<u64> = backtrace::addresses(log)
        .into_iter()
        .filter(|address| (KERNEL..WINDOW).contains(address) && !rips.contains(address))
        .collect();
    let odd: Vec<&u64> = returns.iter().filter(|address| !names.is_after_call(**address)).collect();
    odd.first().map(|first| {
        format!(
            "the log is of another kernel, or of another build of it: {} of its {} return addresses follow no call in this \
             file, the first {first:#x}; the names are wrong, give the file that was booted",
            odd.len(),
            returns.len()
        )
    })
}

/// Whether Xen's dump shows a kernel at an address that is none of this file's code.
fn is_lost(log: &str, names: &Names) -> bool {
    Dump::last(log).is_some_and(|dump| (KERNEL..WINDOW).contains(&dump.rip) && !names.is_code(dump.rip))
}

/// The lines with addresses, and below each their names.
fn explained(log: &str, names: &Names) -> Vec<String> {
    let (modules, rips) = (modules(log), backtrace::rips(log));
    let mut lines = Vec::new();
    for line in log.lines().filter(|line| !line.starts_with('@')) {
        let is_end = line.starts_with("fatal:") || line.contains("panicked at");
        // Of a row of registers only rip is sure to be code that ran.
        let is_registers =
            ["rax ", "rsi ", "r9 ", "r13 "].iter().any(|name| line.trim_start().starts_with(name));
        let is_way = line.contains(backtrace::MARK);
        let found = numbers(line).filter(|_| !is_registers && !line.starts_with("(XEN)"));
        let named: Vec<String> = found
            .flat_map(|address| {
                let inside = if is_way { backtrace::inside(address, &rips) } else { address };
                name(inside, names, &modules)
            })
            .collect();
        if is_end || !named.is_empty() {
            lines.push(line.to_owned());
            lines.extend(named.into_iter().map(|line| format!("    {line}")));
        }
    }
    if let Some(dump) = Dump::last(log).filter(|dump| names.is_code(dump.rip)) {
        lines.extend(dump.explained(names));
    }
    lines
}

/// What an address is: functions of the kernel, or a place in a module.
fn name(address: u64, names: &Names, modules: &Modules) -> Vec<String> {
    if names.is_code(address) {
        return names.frames(address);
    }
    let holds = modules.iter().find(|(_, (start, last))| (*start..=*last).contains(&address));
    holds
        .map(|(name, (start, _))| format!("{address:#x} module {name}+{:#x}", address - start))
        .into_iter()
        .collect()
}

/// The hexadecimal numbers in a line that may be addresses of a kernel: of 16 digits, or with `0x`. What stands after two dots
/// is the end of a range, and belongs to it no more.
fn numbers(line: &str) -> impl Iterator<Item = u64> {
    let ends = line.split("..").enumerate();
    let kept = ends.map(|(at, part)| match part.find(|sign: char| !sign.is_ascii_alphanumeric()) {
        _ if at == 0 => part,
        Some(end) => &part[end..],
        None => "",
    });
    kept.flat_map(|part| part.split(|sign: char| !sign.is_ascii_alphanumeric())).filter_map(|word| {
        let digits = word.strip_prefix("0x").unwrap_or(if word.len() == 16 { word } else { "" });
        u64::from_str_radix(digits, 16).ok()
    })
}

/// The modules whose range a log says: in the line of their loading, in the table, or in a report for programs.
fn modules(log: &str) -> Modules {
    let mut modules = Modules::new();
    for line in log.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let range = |start: &str, end: &str, more: u64| {
            let hex = |text: &str| u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok();
            Some((hex(start)?, hex(end)?.checked_sub(more)?))
        };
        let found = match &words[..] {
            ["module", name, .., "module", place] => place
                .split_once("..")
                .and_then(|(start, end)| Some((name.trim_end_matches(':'), range(start, end, 1)?))),
            [name, start, last, ..] if start.len() == 16 && last.len() == 16 => {
                // Words of a stack look like this too: only whole pages of the module window are a module.
                let whole = |(start, last): &(u64, u64)| {
                    *start >= WINDOW && start < last && start % PAGE == 0 && last % PAGE == PAGE - 1
                };
                range(start, last, 0).filter(whole).map(|range| (*name, range))
            }
            _ => None,
        };
        if let Some((name, range)) = found {
            modules.insert(name.to_owned(), range);
        }
        if let Some(report) = line.strip_prefix("@report ")
            && let Ok(report) = serde_json::from_str::<Value>(report)
            && let Some(name) = report["stage"].as_str().and_then(|stage| stage.strip_prefix("module "))
            && let (Some(start), Some(last)) = (report["start"].as_str(), report["last"].as_str())
            && let Some(range) = range(start, last, 0)
        {
            modules.insert(name.to_owned(), range);
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use kit::kernel::{BASE, KernelFile};

    use super::{Modules, explained, is_lost, modules, stranger};
    use crate::run::names::Names;
    use crate::run::slide;

    /// Two functions of no operations; before the second's first byte there is a call.
    fn kernel(name: &str) -> Names {
        let mut kernel = KernelFile::good();
        let mut code = vec![0x90; 0x300];
        code[0xfb] = 0xe8;
        kernel.sections.push((".text".into(), 1, 6, BASE + 0x100_0000, code));
        kernel.functions =
            vec![("first".into(), BASE + 0x100_0000, 0x100), ("second".into(), BASE + 0x100_0100, 0x100)];
        let path = std::env::temp_dir().join(format!("lab-explain-{name}-{}", std::process::id()));
        std::fs::write(&path, kernel.bytes()).unwrap();
        let names = Names::of(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        names
    }

    const LOG: &str = "\
hello
module hello 0.1.0: module 0xffffffffa0000000..0xffffffffa0005000
module next 0.1.0: module 0xffffffffa0005000..0xffffffffa0006000
fatal: page fault: writing protected memory at 0x8
  rip ffffffff81000108  cs e030
  rax ffffffff81000108  rbx 0000000000000000
  rsi ffffffff81000108  rdi 0000000000000000
  r9  ffffffff81000108  r10 0000000000000000
  r13 ffffffff81000108  r14 0000000000000000
  backtrace: 0xffffffff81000108 0xffffffff81000100 0xffffffffa0000010 0xffffffff90000000
@fact {\"rip\":\"0xffffffff81000108\"}
";

    #[test]
    fn addresses_of_the_kernel_and_of_modules_are_named_below_their_line() {
        let expected = [
            "module hello 0.1.0: module 0xffffffffa0000000..0xffffffffa0005000",
            "    0xffffffffa0000000 module hello+0x0",
            "module next 0.1.0: module 0xffffffffa0005000..0xffffffffa0006000",
            "    0xffffffffa0005000 module next+0x0",
            "fatal: page fault: writing protected memory at 0x8",
            "  rip ffffffff81000108  cs e030",
            "    0xffffffff81000108 second",
            "  backtrace: 0xffffffff81000108 0xffffffff81000100 0xffffffffa0000010 0xffffffff90000000",
            "    0xffffffff81000108 second",
            "    0xffffffff810000ff first",
            "    0xffffffffa000000f module hello+0xf",
        ];
        assert_eq!(explained(LOG, &kernel("named")), expected);
    }

    /// The log of the same kernel at another base: what is the kernel's is elsewhere, and the modules' is where it was.
    #[test]
    fn an_image_that_slid_has_the_same_names() {
        const SLIDE: u64 = 0x1234_5000;
        let moved =
            |log: &str| log.replace("ffffffff810001", "ffffffff933451") + "  image slid by 0x12345000\n";
        let log = moved(LOG);
        assert_eq!(slide::of(&log), Some(SLIDE));
        let names = kernel("slid").slid_by(SLIDE);
        let said = explained(&log, &names);
        let expected = explained(LOG, &kernel("unslid"));
        let expected: Vec<String> = expected
            .iter()
            .map(|line| {
                line.replace("ffffffff810001", "ffffffff933451").replace("ffffffff810000", "ffffffff933450")
            })
            .collect();
        assert_eq!(said, expected);
        assert!(said.contains(&"    0xffffffff93345108 second".to_owned()), "{said:?}");
        // Each return address follows a call, where the image ran and nowhere else.
        let returns = |log: &str| log.replace("0xffffffff90000000", "0x0");
        assert_eq!(stranger(&returns(&log), &names), None);
        assert!(
            stranger(&returns(&log), &kernel("unmoved")).unwrap().contains("1 of its 1 return addresses")
        );
        assert!(stranger(&returns(LOG), &names).is_some());
        // Xen's own words of a guest that it ended.
        let xen = "(XEN) RIP:    e033:[<ffffffff93345108>]\n(XEN) RFLAGS: 0   CONTEXT: pv guest (d1v0)\n\
                   (XEN) rbp: 0   rsp: ffffffff93346000   r8:  0\n(XEN) cr3: 0   cr2: ffffffff93340000\n";
        assert!(is_lost(xen, &kernel("lost")) && !is_lost(xen, &names) && !is_lost(LOG, &names));
        let dump = explained(&format!("{log}{xen}"), &names).split_off(said.len());
        assert_eq!(dump.get(1).map(String::as_str), Some("0xffffffff93345108 second"), "{dump:?}");
    }

    #[test]
    fn a_log_of_another_kernel_is_known_by_its_return_addresses() {
        let names = kernel("stranger");
        let said = |log: &str| stranger(log, &names);
        let with = |address: &str| said(&LOG.replace("0xffffffff90000000", address));
        // Where it trapped, and what is a module's or no kernel's, need no call before it.
        assert_eq!(with("0x0"), None);
        assert_eq!(said("hello\n"), None);
        for other in ["0xffffffff90000000", "0xffffffff81000101"] {
            let line = with(other).unwrap();
            assert!(line.contains(&format!(
                "1 of its 2 return addresses follow no call in this file, the first {other};"
            )));
        }
    }

    #[test]
    fn modules_are_known_by_any_line_with_their_range() {
        let log = "\
module one: module 0xffffffffa0000000..0xffffffffa0001000
  two              ffffffffa0001000  ffffffffa0001fff        100
  four             ffffffffa0001000  ffffffffa0002000        100
  five             ffffffff81001000  ffffffff81001fff        100
  six              ffffffffa0001008  ffffffffa0001fff        100
  seven            ffffffffa0003000  ffffffffa0001fff        100
@report {\"stage\":\"module three\",\"start\":\"0xffffffffa0002000\",\"last\":\"0xffffffffa0002fff\"}
@report {\"stage\":\"p2m\"}
";
        let page = |at: u64| (0xffff_ffff_a000_0000 + at * 0x1000, 0xffff_ffff_a000_0fff + at * 0x1000);
        let expected = [("one", page(0)), ("three", page(2)), ("two", page(1))];
        assert_eq!(modules(log), Modules::from(expected.map(|(name, range)| (name.to_owned(), range))));
    }
}
