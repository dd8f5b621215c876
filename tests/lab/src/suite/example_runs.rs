//! The examples on real Xen: each says what it is there to show.

use anyhow::{Result, ensure};

use crate::build::Kernel;
use crate::suite::case::{Case, Evidence};

/// Somebody types on the console, as `xl console` would.
const TYPES: &str = "printf 'hello\\r' >\"$(xenstore-read /local/domain/$DOMID/console/tty)\"; sleep 4\n";
/// Somebody has something to say through xenstore, and then wants an end.
const SAYS: &str = "sleep 1\nxenstore-write /local/domain/$DOMID/data/message 'hello guest'; sleep 1
xenstore-ls /local/domain/$DOMID/data
xenstore-write /local/domain/$DOMID/data/message reconnect; sleep 2\nxl shutdown -w \"$DOMID\"\n";

/// The runs of the group `xen` that boot an example.
pub(crate) const EXAMPLES: [Case; 8] = [
    Case::example("example-hello", "domu --cmdline name=you", "hello", &[greets]),
    Case {
        kernel: Kernel::Packaged,
        proofs: &[greets],
        ..Case::good("example-hello-packaged", "domu --cmdline name=you")
    },
    Case::example("example-frames-and-pages", "domu", "frames-and-pages", &[gives_all_back]),
    Case::example("example-modules", "domu --memory 67M", "modules", &[loads_both]),
    Case {
        script: Some(TYPES),
        ..Case::example("example-events-timer-console", "domu", "events-timer-console", &[ticks, reads_line])
    },
    Case {
        script: Some(SAYS),
        ..Case::example("example-xenstore-shutdown", "domu", "xenstore-shutdown", &[obeys])
    },
    Case::example("example-dom0-acpi", "dom0 --memory 515M", "dom0-acpi", &[lists_tables]),
    Case::example("example-own-allocator-and-panic", "domu", "own-allocator-and-panic", &[has_a_heap]),
];

/// The line of an example that begins so, without that beginning. An example is read by people: it has no facts.
fn line<'e>(evidence: &'e Evidence, start: &str) -> Result<&'e str> {
    let line = evidence.guest.lines().find_map(|line| line.strip_prefix(start));
    line.ok_or_else(|| anyhow::anyhow!("it does not say \"{start}\""))
}

fn greets(evidence: &Evidence) -> Result<()> {
    let sum: u64 = (0..1000).map(|number| number * number).sum();
    let said = line(evidence, "hello from a kernel outside the repository: the squares add up to ")?;
    ensure!(said == sum.to_string(), "the squares add up to {said}");
    ensure!(line(evidence, "command line ")? == "\"name=you\", name=Some(\"you\")", "another command line");
    Ok(())
}

fn gives_all_back(evidence: &Evidence) -> Result<()> {
    line(evidence, "refused: the pages may be read only")?;
    let said = evidence.guest.matches(" says Ok(\"across both\")").count();
    ensure!(said == 2, "it read its two pages {said} times, not twice");
    let frames = evidence.guest.lines().find_map(|line| line.split_once(" frames free before, "));
    let Some((before, after)) = frames else { anyhow::bail!("it does not say how many frames are free") };
    ensure!(after.strip_suffix(" after") == Some(before), "{before} frames free before, {after}");
    Ok(())
}

fn loads_both(evidence: &Evidence) -> Result<()> {
    line(evidence, "hello 0.1.0 at module 0x")?;
    line(evidence, "plainc 2.1 at module 0x")?;
    line(evidence, "plainc: goodbye from C")?;
    let end = line(evidence, "the module window ends at ")?;
    ensure!(end == "0xffffffffa0000000 again", "modules are left: {end}");
    Ok(())
}

/// Ticks come when they are due, and not much later: other machines share the processors.
fn ticks(evidence: &Evidence) -> Result<()> {
    for tick in 0..3 {
        let said = line(evidence, &format!("tick {tick} after "))?;
        let late: u64 = said.trim_end_matches(" us").parse()?;
        ensure!((100_000..2_000_000).contains(&late), "tick {tick} came after {late} us");
    }
    ensure!(line(evidence, "5 events came")?.is_empty(), "other events came");
    let waited = line(evidence, "waited for one: ")?;
    ensure!(waited == "true, for another: false", "waited for one: {waited}");
    // 2024 began then.
    let seconds: u64 = line(evidence, "wall clock: ")?.trim_end_matches(" s since 1970").parse()?;
    ensure!(seconds > 1_704_067_200, "the wall clock says {seconds}");
    Ok(())
}

fn reads_line(evidence: &Evidence) -> Result<()> {
    ensure!(line(evidence, "you typed ")? == "Ok(\"hello\\r\")", "it read something else");
    Ok(())
}

fn obeys(evidence: &Evidence) -> Result<()> {
    ensure!(line(evidence, "this domain is ")? == "guest", "another domain");
    line(evidence, "the toolstack made control/shutdown")?;
    ensure!(line(evidence, "message: ")? == "hello guest", "another message");
    // oxenstored offers it, the xenstored in C does not. Either way the guest goes on.
    let reconnected = line(evidence, "reconnected: ")?;
    ensure!(reconnected == "Ok(())" || reconnected.contains("NoReconnect"), "{reconnected}");
    ensure!(line(evidence, "asked for ")? == "poweroff", "asked for something else");
    Ok(())
}

fn lists_tables(evidence: &Evidence) -> Result<()> {
    line(evidence, "  FACP at 0x")?;
    line(evidence, "  DSDT at 0x")?;
    line(evidence, "screen: text, 80 columns")?;
    Ok(())
}

fn has_a_heap(evidence: &Evidence) -> Result<()> {
    let said = line(evidence, "a string in a heap of ")?;
    let bytes: usize = said.trim_end_matches(" bytes").parse()?;
    ensure!((1 << 20..=4 << 20).contains(&bytes), "the heap has {bytes} bytes");
    Ok(())
}
