//! What must be true of a run besides its end.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use core_walk::{CoreFile, Kernel, MfnDump, examine};

use crate::machine::options::Mode;
use crate::run::backtrace;
use crate::run::facts::{Fact, Facts};
use crate::suite::case::Evidence;
use crate::suite::secret;
use crate::suite::walked;
use tools::process;

/// How long the model may take, its building included.
const COMPARISON: Duration = Duration::from_secs(600);
/// First address of the module window, and the first behind it.
pub(crate) const WINDOW: (u64, u64) = (0xffff_ffff_a000_0000, 0xffff_ffff_ff00_0000);

/// The text page of every PC's screen.
const SCREEN: u64 = 0xb8000;

/// The module hello is in the window, and said one line with the right numbers in it: an address of its own, its greeting, its weight.
pub(crate) fn module_spoke(evidence: &Evidence) -> Result<()> {
    let said = evidence.guest.lines().find(|line| {
        let numbers: Vec<u64> = addresses(line).collect();
        !line.starts_with('@')
            && numbers.contains(&0x1001)
            && line.split(|sign: char| !sign.is_ascii_digit()).any(|word| word == "1027")
            && numbers.iter().any(|number| (WINDOW.0..WINDOW.1).contains(number))
    });
    said.context("the module hello did not say that it lies in the window and counts right").map(|_| ())
}

/// Every hypercall of the guest was accepted, by its own count, but for the one of `fail=call`.
pub(crate) fn nothing_refused(evidence: &Evidence) -> Result<()> {
    let refused = evidence.facts.one("hypercalls")?.number("refused")?;
    let wanted = u64::from(evidence.cmdline.split_whitespace().any(|word| word == "fail=call"));
    ensure!(refused == wanted, "Xen refused {refused} hypercalls, not {wanted}");
    Ok(())
}

/// What was mapped later is in both address spaces; as dom0 in the lower half too.
pub(crate) fn spaces_agree(evidence: &Evidence) -> Result<()> {
    let found = evidence.facts.all("space").map(|fact| fact.text("both have")).collect::<Result<Vec<_>>>()?;
    let wanted: &[&str] =
        if evidence.mode == Mode::DomU { &["shared_info"] } else { &["shared_info", "screen"] };
    ensure!(found == wanted, "{found:?} is mapped in both address spaces, not {wanted:?}");
    let devices = evidence.facts.region("device memory");
    let devices = devices.context("no region for device memory")?;
    for space in evidence.facts.all("space") {
        let at = space.hex("at")?;
        let right = match space.text("both have")? {
            "screen" => at == SCREEN,
            _ => (devices.hex("start")?..devices.hex("last")?).contains(&at),
        };
        ensure!(right, "mapped elsewhere: {space:?}");
    }
    Ok(())
}

/// The payload's pages had each protection in turn, and only one of the two addresses of a page can ever be written or
/// executed against it.
pub(crate) fn protection_changes(evidence: &Evidence) -> Result<()> {
    let payload = evidence.facts.region("payload");
    let payload = payload.context("no region for the payload")?;
    let addresses = payload.hex("start")?..payload.hex("last")?;
    let mut seen = Vec::new();
    for mapping in evidence.facts.all("mapping") {
        let access = mapping.text("access")?;
        let may = (mapping.flag("writable")?, mapping.flag("executable")?, mapping.flag("alias writable")?);
        let wanted = (access == "ReadWrite", access == "Execute", access == "ReadWrite");
        ensure!(may == wanted, "pages mapped {access} may be written, executed, written elsewhere: {may:?}");
        ensure!(addresses.contains(&mapping.hex("at")?), "mapped elsewhere: {mapping:?}");
        seen.push(access);
    }
    let wanted = ["ReadWrite", "Read", "Execute", "ReadWrite"];
    ensure!(seen == wanted, "the payload's pages were {seen:?}, not {wanted:?}");
    Ok(())
}

/// The audit looked at every entry of the P2M, and found every page the guest was given.
pub(crate) fn whole_audit(evidence: &Evidence) -> Result<()> {
    let audit = Audit::of(&evidence.facts)?;
    let memory = evidence.facts.one("memory")?.number("pages")?;
    let p2m = evidence.facts.one("p2m")?;
    let (counted, entries) = (audit.entries(), p2m.number("entries")?);
    ensure!(counted == entries, "the audit counts {counted} entries, the P2M has {entries}");
    let confirmed = audit.confirmed;
    ensure!(confirmed == memory, "the audit confirms {confirmed} pages, the guest counts {memory} of memory");
    let given = evidence.given()?;
    // Pages under a hole of the machine get other numbers; only with the list left in place they go back, all but the image's.
    let image: u64 =
        walked::renumbered(&evidence.facts)?.iter().map(|(pages, _)| pages.end - pages.start).sum();
    let gone = if p2m.flag("copied")? { 0 } else { audit.identity.saturating_sub(image) };
    let expected = confirmed + gone..=confirmed + gone + cleared(&evidence.facts)?;
    ensure!(expected.contains(&given), "{given} pages were given, the audit confirms {confirmed}");
    Ok(())
}

/// The most pages that can have gone back because they were in use for some time under a hole of the machine.
fn cleared(facts: &Facts) -> Result<u64> {
    let mut most = 0;
    if facts.stages().any(|(stage, _)| stage == "clear holes") {
        for built in facts.all("built") {
            let pages = built.number("pages")?;
            most += match built.text("name")? {
                "page tables" | "boot stack" | "P2M list" | "ramdisk" | "start_info" => pages,
                // The tables of an image at an address of its own.
                "kernel image" => pages.div_ceil(512) + 1,
                _ => 0,
            };
        }
    }
    Ok(most)
}

/// What the audit counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Entries the M2P confirms.
    pub(crate) confirmed: u64,
    pub(crate) missing: u64,
    pub(crate) identity: u64,
    pub(crate) foreign: u64,
}

impl Audit {
    pub(crate) fn of(facts: &Facts) -> Result<Self> {
        let audit = facts.one("audit")?;
        Ok(Self {
            confirmed: audit.number("confirmed")?,
            missing: audit.number("missing")?,
            identity: audit.number("identity")?,
            foreign: audit.number("foreign")?,
        })
    }

    /// All entries.
    pub(crate) fn entries(&self) -> u64 {
        self.confirmed + self.missing + self.identity + self.foreign
    }
}

/// The one reason that was given, in one line for people and as one fact, for an end that nobody wanted.
pub(crate) fn fatal(evidence: &Evidence) -> Result<&Fact> {
    let lines = evidence.guest.lines().filter(|line| line.starts_with("fatal:")).count();
    ensure!(lines == 1, "{lines} fatal lines instead of one");
    let fatal = evidence.facts.one("fatal")?;
    secret::slide_said(evidence, fatal)?;
    Ok(fatal)
}

/// The boot ended in this stage because of an error of this kind.
pub(crate) fn boot_failed(evidence: &Evidence, stage: &str, error: &str) -> Result<()> {
    let fatal = fatal(evidence)?;
    let found = (fatal.text("stage")?, fatal.text("error")?);
    ensure!(
        found.0 == stage && found.1.starts_with(error),
        "another refusal than {stage}, {error}: {found:?}"
    );
    Ok(())
}

/// The boot was entered a second time, which ended the domain.
pub(crate) fn entered_again(evidence: &Evidence) -> Result<()> {
    boot_failed(evidence, "entry", "Again")
}

/// The guest died of a page fault: who did it, what of, and where.
#[derive(Debug)]
pub(crate) struct PageFault {
    /// The module that was running; empty if none was.
    pub(crate) module: String,
    /// The error code (Intel's manual, volume 3, "Page-Fault Exception"): present 1, write 2, fetch 16.
    pub(crate) code: u64,
    pub(crate) address: u64,
    /// The module that the address belongs to.
    pub(crate) of: String,
    pub(crate) rip: u64,
    /// How far the image was from where it was linked.
    pub(crate) slide: u64,
    /// Where it happened, and the return addresses.
    pub(crate) backtrace: Vec<u64>,
}

impl PageFault {
    pub(crate) fn of(evidence: &Evidence) -> Result<Self> {
        let fatal = fatal(evidence)?;
        ensure!(fatal.number("vector")? == 14, "no page fault: {fatal:?}");
        Ok(Self {
            module: fatal.text("module")?.to_owned(),
            code: fatal.number("code")?,
            address: fatal.hex("address")?,
            of: fatal.text("of")?.to_owned(),
            rip: fatal.hex("rip")?,
            slide: secret::slide_said(evidence, fatal)?,
            backtrace: fatal.list("backtrace")?,
        })
    }
}

/// The report of a page fault says in words what is at the address, beginning with these.
pub(crate) fn explained(evidence: &Evidence, place: &str, mapped: &str) -> Result<()> {
    let fatal = fatal(evidence)?;
    let found = (fatal.text("place")?, fatal.text("mapped")?);
    ensure!(found.0 == place && found.1.starts_with(mapped), "something else is there: {found:?}");
    Ok(())
}

/// The demonstration failed because of something of this name, by an error of this kind.
pub(crate) fn failed_by(evidence: &Evidence, about: &str, error: &str) -> Result<()> {
    let failure = evidence.facts.one("failure")?;
    let found = (failure.text("about")?, failure.text("error")?);
    ensure!(found.0 == about && found.1.contains(error), "another failure than {about}, {error}: {found:?}");
    Ok(())
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
    cargo.args(["run", "--quiet", "--package", "xen-guest-conformance", "--", domain]).arg(log);
    let said = process::run("the comparison with the model", &mut cargo, COMPARISON)?;
    std::fs::write(out.join("conformance.txt"), said)?;
    Ok(())
}

/// A spoilt start_info was refused, by its field.
pub(crate) fn start_info_refused(evidence: &Evidence) -> Result<()> {
    boot_failed(evidence, "start_info", "StartInfo(PageTableBase")
}

/// A ring in a page that is none of the two behind start_info was refused, by its name.
pub(crate) fn ring_refused<const CONSOLE: bool>(evidence: &Evidence) -> Result<()> {
    match CONSOLE {
        true => boot_failed(evidence, "start_info", "StartInfo(RingElsewhere { ring: Console"),
        false => boot_failed(evidence, "p2m check", "StartInfo(RingElsewhere { ring: Xenstore"),
    }
}

/// A trap gave the access, the address, the place and the way there.
pub(crate) fn trap_shown(evidence: &Evidence) -> Result<()> {
    let fault = PageFault::of(evidence)?;
    let [address, rip] = [fault.address, fault.rip].map(|at| at.wrapping_sub(fault.slide));
    let right = fault.code & 0b10011 == 0b11 && address == 0xffff_ffff_8100_0000 && fault.module.is_empty();
    ensure!(right && rip >> 24 == 0xff_ffff_ff81, "another fault: {fault:x?}");
    explained(evidence, "kernel text", "read-only, pfn 0x1000")?;
    ensure!(fault.backtrace.len() > 1, "no way there: {fault:x?}");
    ensure!(fault.backtrace[0] == fault.rip, "the way does not begin where it happened: {fault:x?}");
    // What `scripts/boot` shows, which nobody asks for facts.
    ensure!(
        backtrace::addresses(&evidence.guest) == fault.backtrace,
        "the line of addresses is not known by its word any more"
    );
    let named = &evidence.named;
    let ours = named.iter().any(|line| line.contains("xen_guest::sys::fail::write at "));
    ensure!(ours, "the function that wrote is not among those on the way: {named:?}");
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

/// The gzip was found to be cut off.
pub(crate) fn gzip_cut(evidence: &Evidence) -> Result<()> {
    failed_by(evidence, "ramdisk", "Gzip(Truncated")
}

/// The refusal says how much memory would do.
pub(crate) fn more_memory_asked(evidence: &Evidence) -> Result<()> {
    let last = &evidence.report.last;
    ensure!(last.contains("--memory 28M"), "no word of how much would do: {last}");
    Ok(())
}

/// What refused, the builder or the guest, gave one reason.
pub(crate) fn refused_in_one_line(evidence: &Evidence) -> Result<()> {
    if evidence.report.refused {
        return Ok(());
    }
    let reasons = evidence.facts.all("fatal").chain(evidence.facts.all("failure")).count();
    ensure!(reasons == 1, "{reasons} reasons instead of one");
    Ok(())
}

/// Nobody asked for facts, and there are none.
pub(crate) fn no_facts(evidence: &Evidence) -> Result<()> {
    let facts = evidence.guest.lines().filter(|line| line.starts_with('@')).count();
    ensure!(facts == 0, "{facts} lines for programs without report=json");
    Ok(())
}

/// The dumped tables keep every promise.
pub(crate) fn tables_walked(evidence: &Evidence) -> Result<()> {
    let out = &evidence.report.out;
    let core = CoreFile::open(&out.join("core"))?;
    let kernel = Kernel::open(&evidence.kernel)?;
    let listing = MfnDump::parse(&std::fs::read_to_string(out.join("p2m.txt"))?)?;
    // A guest that died with a module does not say where they end.
    let memory = evidence.facts.all("memory").next();
    let module_end = memory.map_or(Ok(WINDOW.1), |memory| memory.hex("modules_end"))?;
    let mut expected = walked::expected(&evidence.facts, &kernel, module_end)?;
    expected.own_list = !evidence.cmdline.split_whitespace().any(|word| word == "revector=off");
    let report = examine(&core, &kernel, &expected, Some(&listing))?;
    std::fs::write(out.join("walk.txt"), report.to_string())?;
    ensure!(report.is_clean(), "the walker found something (walk.txt): {:?}", report.counts);
    // A guest that died may have done so before it counted.
    if let Ok(audit) = Audit::of(&evidence.facts) {
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

/// All hexadecimal numbers with `0x` in a line.
pub(crate) fn addresses(line: &str) -> impl Iterator<Item = u64> {
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
    use super::{Audit, addresses};
    use crate::run::facts::Facts;

    #[test]
    fn the_whole_audit_or_none() {
        let line =
            "@fact {\"fact\":\"audit\",\"confirmed\":16384,\"missing\":1,\"identity\":20,\"foreign\":300}";
        let whole = Audit { confirmed: 16384, missing: 1, identity: 20, foreign: 300 };
        assert_eq!(Audit::of(&Facts::of(line).unwrap()).unwrap(), whole);
        assert_eq!(whole.entries(), 16705);
        for cut in [String::new(), line.replace(",\"foreign\":300", ""), format!("{line}\n{line}")] {
            assert!(Audit::of(&Facts::of(&cut).unwrap()).is_err(), "{cut}");
        }
    }

    #[test]
    fn numbers_in_a_line() {
        let line =
            "the module needs 0xffffffffa0000000..0xffffffffa0004000, the P2M has 0xffff_ffff_925c_7000 (0x)";
        let all: Vec<u64> = addresses(line).collect();
        assert_eq!(all, [0xffff_ffff_a000_0000, 0xffff_ffff_a000_4000, 0xffff_ffff_925c_7000]);
    }
}
