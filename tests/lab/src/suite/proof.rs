//! What must be true of a run besides its end.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use core_walk::{CoreFile, Expected, Kernel, MfnDump, examine};
use x86_64::VirtAddr;

use crate::machine::options::Mode;
use crate::suite::case::Evidence;
use tools::process;

/// How long the model may take, its building included.
const COMPARISON: Duration = Duration::from_secs(600);
/// First address of the module window, and the first behind it.
const WINDOW: (u64, u64) = (0xffff_ffff_a000_0000, 0xffff_ffff_ff00_0000);

/// The module said its line, from inside the module window, with the right numbers in it.
pub(crate) fn module_spoke(evidence: &Evidence) -> Result<()> {
    let line = evidence.guest.lines().find(|line| line.contains("hello from a module at "));
    let line = line.context("the module said nothing")?;
    ensure!(line.contains("greeting 0x1001, weight 1027"), "the module counts wrong: {line}");
    let inside = addresses(line).any(|address| (WINDOW.0..WINDOW.1).contains(&address));
    ensure!(inside, "the module does not lie in the module window: {line}");
    Ok(())
}

/// Every hypercall of the guest was accepted, by its own count.
pub(crate) fn nothing_refused(evidence: &Evidence) -> Result<()> {
    let line = evidence.guest.lines().find(|line| line.starts_with("hypercalls: "));
    let line = line.context("the guest did not count its hypercalls")?;
    let made = line.strip_prefix("hypercalls: ").and_then(|rest| rest.strip_suffix(" made, 0 refused"));
    let made: u64 = made.with_context(|| format!("Xen refused something: {line}"))?.parse()?;
    // The traps, the demands, the tables, the pin, the switch: no boot does with less.
    ensure!(made > 10, "so few hypercalls cannot be all: {line}");
    Ok(())
}

/// What was mapped later is in both address spaces; as dom0 in the lower half too.
pub(crate) fn spaces_agree(evidence: &Evidence) -> Result<()> {
    let count =
        evidence.guest.lines().filter(|line| line.starts_with("spaces: ") && line.contains(" in both"));
    let wanted = if evidence.mode == Mode::DomU { 1 } else { 2 };
    ensure!(count.count() == wanted, "not {wanted} lines of mappings in both address spaces");
    Ok(())
}

/// The audit looked at every entry of the P2M, and found every page the guest was given.
pub(crate) fn whole_audit(evidence: &Evidence) -> Result<()> {
    let audit = Audit::of(&evidence.guest)?;
    let memory = mapped_and_all(&evidence.guest).context("the picture does not count the pages")?.1;
    let entries = numbers(&evidence.guest).context("the picture does not show the direct map")?;
    let counted = audit.confirmed + audit.missing + audit.identity + audit.foreign;
    ensure!(counted == entries, "the audit counts {counted} entries, the P2M has {entries}");
    let confirmed = audit.confirmed;
    ensure!(confirmed == memory, "the audit confirms {confirmed} pages, the guest counts {memory} of memory");
    let given = evidence.given()?;
    // Pages under a hole of the machine get other numbers; only with the list left in place they go back.
    let gone = if evidence.guest.contains(" as the builder put it") { audit.identity } else { 0 };
    ensure!(given == confirmed + gone, "{given} pages were given, the audit confirms {confirmed}");
    Ok(())
}

/// The line of the audit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Entries the M2P confirms.
    pub(crate) confirmed: u64,
    pub(crate) missing: u64,
    pub(crate) identity: u64,
    pub(crate) foreign: u64,
}

impl Audit {
    pub(crate) fn of(guest: &str) -> Result<Self> {
        let line =
            guest.lines().find_map(|line| line.strip_prefix("audit: ")).context("there was no audit")?;
        let parts: Vec<&str> = line.split(", ").collect();
        let words = ["pages confirmed by the M2P", "missing", "identity", "foreign"];
        let counts: Option<Vec<u64>> = (parts.iter().zip(words))
            .map(|(part, word)| part.strip_suffix(word)?.trim_end().parse().ok())
            .collect();
        match counts.as_deref() {
            Some(&[confirmed, missing, identity, foreign]) if parts.len() == 4 => {
                Ok(Self { confirmed, missing, identity, foreign })
            }
            _ => bail!("not the whole audit: {line}"),
        }
    }
}

/// How many page numbers there are: the direct map has an address for each, with memory or without.
fn numbers(guest: &str) -> Option<u64> {
    let (_, pages) = guest.lines().find_map(|line| line.split_once("  direct map "))?;
    pages.trim().strip_suffix(" pages")?.parse().ok()
}

/// The numbers of the guest's words `12 of 34 pages mapped`: pages of memory.
pub(crate) fn mapped_and_all(guest: &str) -> Option<(u64, u64)> {
    guest.lines().find_map(|line| {
        let (counts, _) = line.split_once(" pages mapped")?;
        let (mapped, all) =
            counts.rsplit_once("; ").map_or(counts, |(_, counts)| counts).split_once(" of ")?;
        Some((mapped.parse().ok()?, all.parse().ok()?))
    })
}

/// Real Xen answered the probes in a domU as the model does.
pub(crate) fn model_conforms_in_domu(evidence: &Evidence) -> Result<()> {
    model_conforms("domu", evidence)
}

/// Real Xen answered the probes in dom0 as the model does.
pub(crate) fn model_conforms_in_dom0(evidence: &Evidence) -> Result<()> {
    model_conforms("dom0", evidence)
}

/// Real Xen answered the probes in a guest of its shim as the model does.
pub(crate) fn model_conforms_on_shim(evidence: &Evidence) -> Result<()> {
    model_conforms("shim", evidence)
}

fn model_conforms(domain: &str, evidence: &Evidence) -> Result<()> {
    let out = &evidence.report.out;
    let mut cargo = tools::cargo();
    // On a shim, guest.log holds the shim's lines too.
    let log = out.join("probes.log");
    std::fs::write(&log, &evidence.guest)?;
    cargo.args(["run", "--quiet", "--package", "conformance", "--", domain]).arg(log);
    let said = process::run("the comparison with the model", &mut cargo, COMPARISON)?;
    std::fs::write(out.join("conformance.txt"), said)?;
    Ok(())
}

/// A spoilt start_info was refused in one line that says what was found.
pub(crate) fn start_info_refused(evidence: &Evidence) -> Result<()> {
    let lines: Vec<&str> = evidence.guest.lines().filter(|line| line.starts_with("fatal:")).collect();
    let [line] = lines[..] else { bail!("{} fatal lines instead of one", lines.len()) };
    ensure!(line.starts_with("fatal: start_info: pt_base is 0x"), "another refusal: {line}");
    Ok(())
}

/// A ring in a page that is none of the two behind start_info was refused in one line that names ring, frame, page and room.
pub(crate) fn ring_refused<const CONSOLE: bool>(evidence: &Evidence) -> Result<()> {
    let lines: Vec<&str> = evidence.guest.lines().filter(|line| line.starts_with("fatal:")).collect();
    let [line] = lines[..] else { bail!("{} fatal lines instead of one", lines.len()) };
    let (stage, ring) = if CONSOLE { ("start_info", "console") } else { ("p2m check", "xenstore") };
    let front = format!("fatal: {stage}: the {ring} ring is in machine frame ");
    ensure!(line.starts_with(&front) && line.contains(", by Xen's M2P pfn 0x"), "another refusal: {line}");
    ensure!(line.contains(" right behind start_info;"), "another refusal: {line}");
    Ok(())
}

/// A trap told the access, the address, the registers and the way there.
pub(crate) fn trap_shown(evidence: &Evidence) -> Result<()> {
    let first = "fatal: page fault: writing protected memory at 0xffffffff81000000";
    for part in [first, "  rip ffffffff81", "  backtrace: 0xffffffff81"] {
        ensure!(evidence.guest.lines().any(|line| line.starts_with(part)), "no line starts with {part:?}");
    }
    Ok(())
}

/// The builder put the P2M where the source document saw it.
pub(crate) fn source_document_layout(evidence: &Evidence) -> Result<()> {
    let line =
        evidence.xl.lines().find(|line| line.contains("phys2mach")).context("xl.log shows no phys2mach")?;
    let squeezed: String = line.split_whitespace().collect();
    ensure!(
        squeezed.contains("phys2mach:0xffffffff925c7000->0xffffffffa25c7000"),
        "the P2M lies elsewhere: {line}"
    );
    Ok(())
}

/// One line of the guest names the module window's start and the range of the builder's P2M.
pub(crate) fn both_ranges_named(evidence: &Evidence) -> Result<()> {
    let names_both = |line: &str| {
        let all: Vec<u64> = addresses(line).collect();
        [WINDOW.0, 0xffff_ffff_925c_7000, 0xffff_ffff_a25c_7000].iter().all(|address| all.contains(address))
    };
    let count = evidence.guest.lines().filter(|line| names_both(line)).count();
    ensure!(count > 0, "no line names the module's range and the P2M's");
    Ok(())
}

/// The failure is told in the verdict, with a reason.
pub(crate) fn reason_given(evidence: &Evidence) -> Result<()> {
    let last = &evidence.report.last;
    let reason =
        last.strip_prefix("verdict: FAILURE").with_context(|| format!("no verdict of failure: {last}"))?;
    ensure!(reason.trim().len() > 8, "the verdict gives no reason: {last}");
    Ok(())
}

/// The verdict says that a gzip is cut off.
pub(crate) fn gzip_cut(evidence: &Evidence) -> Result<()> {
    let last = &evidence.report.last;
    let start = "verdict: FAILURE ramdisk: gzip at byte 0x";
    ensure!(last.starts_with(start) && last.contains(" is truncated: its 0x"), "another verdict: {last}");
    Ok(())
}

/// The refusal says how much memory would do.
pub(crate) fn more_memory_asked(evidence: &Evidence) -> Result<()> {
    let last = &evidence.report.last;
    ensure!(last.contains("give --memory 24M or more"), "no word of how much would do: {last}");
    Ok(())
}

/// What refused, the builder or the guest, said why in one line.
pub(crate) fn refused_in_one_line(evidence: &Evidence) -> Result<()> {
    if evidence.report.last.starts_with("xl create refused: ") {
        return Ok(());
    }
    let lines: Vec<&str> = evidence.guest.lines().filter(|line| line.contains("refus")).collect();
    ensure!(lines.len() == 1, "{} lines of refusal instead of one", lines.len());
    Ok(())
}

/// The dumped tables keep every promise.
pub(crate) fn tables_walked(evidence: &Evidence) -> Result<()> {
    let out = &evidence.report.out;
    let core = CoreFile::open(&out.join("core"))?;
    let kernel = Kernel::open(&evidence.kernel)?;
    let listing = MfnDump::parse(&std::fs::read_to_string(out.join("p2m.txt"))?)?;
    let image_end = image_end(&std::fs::read(&evidence.kernel)?)?;
    // A guest that died with a module does not say where they end.
    let module_end = named(&evidence.guest, "modules end at ").unwrap_or(WINDOW.1);
    let mut expected = Expected::new(VirtAddr::new_truncate(image_end), VirtAddr::new_truncate(module_end));
    expected.own_list = !evidence.guest.contains(" as the builder put it");
    let report = examine(&core, &kernel, &expected, Some(&listing))?;
    std::fs::write(out.join("walk.txt"), report.to_string())?;
    ensure!(report.is_clean(), "the walker found something (walk.txt): {:?}", report.counts);
    // A guest that died may have done so before it counted.
    if let Ok(audit) = Audit::of(&evidence.guest) {
        let identity = report.summary.identity;
        ensure!(
            identity == audit.identity,
            "the walker saw {identity} identity entries, the guest {}",
            audit.identity
        );
    }
    ensure!(report.summary.mappings > 0 && report.summary.mfndump_lines > 0, "the walker saw nothing");
    std::fs::remove_file(out.join("core"))?;
    Ok(())
}

/// Where the image in an ELF file ends: the end of its last loaded segment.
fn image_end(elf: &[u8]) -> Result<u64> {
    use object::read::elf::{FileHeader, ProgramHeader};
    let header = object::elf::FileHeader64::<object::Endianness>::parse(elf)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, elf)?.iter();
    let loaded = segments.filter(|segment| segment.p_type(endian) == object::elf::PT_LOAD);
    loaded.map(|segment| segment.p_vaddr(endian) + segment.p_memsz(endian)).max().context("no loaded segment")
}

/// The first number that follows `words` in a text.
fn named(text: &str, words: &str) -> Option<u64> {
    text.lines().find_map(|line| addresses(line.split_once(words)?.1).next())
}

/// All hexadecimal numbers with `0x` in a line.
fn addresses(line: &str) -> impl Iterator<Item = u64> {
    line.split("0x").skip(1).filter_map(|rest| {
        let digits: String = rest
            .chars()
            .take_while(|sign| sign.is_ascii_hexdigit() || *sign == '_')
            .filter(|sign| *sign != '_')
            .collect();
        u64::from_str_radix(&digits, 16).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::{Audit, addresses, mapped_and_all, numbers};

    #[test]
    fn the_whole_audit_or_none() {
        let line = "audit: 16384 pages confirmed by the M2P, 1 missing, 20 identity, 300 foreign";
        let whole = Audit { confirmed: 16384, missing: 1, identity: 20, foreign: 300 };
        assert_eq!(Audit::of(line).unwrap(), whole);
        for cut in [
            "",
            "audit: 16384 pages confirmed by the M2P, 1 missing, 20 identity",
            "audit: many pages confirmed by the M2P, 1 missing, 20 identity, 300 foreign",
            "audit: 16384 pages confirmed by the M2P, 1 missing, 20 identity, 300 foreign, 1 odd",
        ] {
            assert!(Audit::of(cut).is_err(), "{cut}");
        }
    }

    #[test]
    fn the_pages_in_the_picture() {
        let line = "  image ends at 0x1, modules end at 0x2; 12 of 34 pages mapped, 5 free";
        assert_eq!(mapped_and_all(line), Some((12, 34)));
        let line = "  ffff880000000000 .. ffff890074a25fff  direct map       268913190 pages";
        assert_eq!(numbers(line), Some(268_913_190));
        assert_eq!(mapped_and_all("mapping memory: 16 of 128 GiB"), None);
    }

    #[test]
    fn numbers_in_a_line() {
        let line =
            "the module needs 0xffffffffa0000000..0xffffffffa0004000, the P2M has 0xffff_ffff_925c_7000 (0x)";
        let all: Vec<u64> = addresses(line).collect();
        assert_eq!(all, [0xffff_ffff_a000_0000, 0xffff_ffff_a000_4000, 0xffff_ffff_925c_7000]);
    }
}
