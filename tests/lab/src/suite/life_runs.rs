//! The runs on real Xen that are about a guest that stays up: what the toolstack asks for, and what is typed.

use anyhow::{Context, Result, ensure};

use crate::run::outcome::Outcome;
use crate::suite::case::{Case, Evidence};

/// Asks for what no guest knows, for a letter, for a suspend, and then for an end, and shows what became of each.
const SHUTDOWN: &str = "
P=/local/domain/$DOMID/control
for word in dance suspend; do
    xenstore-write $P/shutdown $word; sleep 1; echo \"after $word: [$(xenstore-read $P/shutdown)]\"
done
xl sysrq $DOMID h; sleep 1; echo \"after h: [$(xenstore-read $P/sysrq)]\"
echo \"it can: poweroff [$(xenstore-read $P/feature-poweroff)] reboot [$(xenstore-read $P/feature-reboot)] \\
suspend [$(xenstore-read $P/feature-suspend)]\"
start=$(date +%s); xl shutdown -w $DOMID; echo \"xl shutdown ended with $? after $(($(date +%s) - start)) s\"
";
const REBOOT: &str = "start=$(date +%s); xl reboot -w $DOMID; echo \"xl reboot ended with $? after $(($(date +%s) - start)) s\"\n";
const SYSRQ: &str = "xl sysrq $DOMID c; sleep 2\n";
/// A request that is written while the guest cannot run.
const PAUSED: &str = "
for round in $(seq 100); do xl pause $DOMID && xl unpause $DOMID || echo \"round $round failed\"; done
xl pause $DOMID; xl shutdown -w $DOMID & sleep 2; xl unpause $DOMID; wait; echo \"paused 100 times\"
";

/// The runs; they belong to the group `xen`.
pub(crate) const LIFE: [Case; 6] = [
    shutdown("life-shutdown", "domu --cmdline then=idle"),
    // The rings are the outer Xen's.
    shutdown("life-shutdown-on-shim", "domu --shim --memory 128M --cmdline then=idle"),
    // GRUB has spoken with xenstored before.
    shutdown("life-shutdown-by-grub", "domu --through grub --cmdline then=idle"),
    Case {
        script: Some(REBOOT),
        proofs: &[obeys_reboot],
        ..Case::good("life-reboot", "domu --cmdline then=idle")
    },
    Case {
        script: Some(SYSRQ),
        outcomes: &[Outcome::Crashed],
        proofs: &[obeys_sysrq],
        ..Case::good("life-sysrq", "domu --cmdline then=idle")
    },
    Case {
        script: Some(PAUSED),
        proofs: &[survives_pauses],
        ..Case::good("life-paused", "domu --cmdline then=idle")
    },
];

/// A guest that is asked for many things, and at last for an end.
pub(crate) const fn shutdown(name: &'static str, line: &'static str) -> Case {
    Case { script: Some(SHUTDOWN), proofs: &[obeys_shutdown], ..Case::good(name, line) }
}

/// What the script in dom0 printed.
fn script(evidence: &Evidence) -> Result<String> {
    let path = evidence.report.out.join("script.log");
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// What the guest said of requests, in order.
fn requests(evidence: &Evidence) -> Vec<&str> {
    evidence.guest.lines().filter_map(|line| line.strip_prefix("control: ")).collect()
}

/// The seconds that a command of the toolstack took, which must have ended well.
fn seconds(script: &str, command: &str) -> Result<u64> {
    let start = format!("{command} ended with 0 after ");
    let line = script.lines().find_map(|line| line.strip_prefix(&start));
    Ok(line
        .with_context(|| format!("{command} did not end well:\n{script}"))?
        .trim_end_matches(" s")
        .parse()?)
}

fn obeys_shutdown(evidence: &Evidence) -> Result<()> {
    let script = script(evidence)?;
    for word in ["dance", "suspend", "h"] {
        ensure!(script.contains(&format!("after {word}: []\n")), "{word} was not taken:\n{script}");
    }
    ensure!(
        script.contains("it can: poweroff [1] reboot [1] suspend []"),
        "it says something else:\n{script}"
    );
    let expected = ["\"dance\", which is unknown", "suspend", "sysrq 'h'", "poweroff"];
    ensure!(requests(evidence) == expected, "it saw {:?}", requests(evidence));
    // Other machines share the processors.
    ensure!(seconds(&script, "xl shutdown")? < 10, "it took long:\n{script}");
    Ok(())
}

fn obeys_reboot(evidence: &Evidence) -> Result<()> {
    ensure!(requests(evidence) == ["reboot"], "it saw {:?}", requests(evidence));
    let script = script(evidence)?;
    ensure!(script.contains("reason code 1"), "it did not end to be started again:\n{script}");
    ensure!(seconds(&script, "xl reboot")? < 10, "it took long:\n{script}");
    Ok(())
}

fn obeys_sysrq(evidence: &Evidence) -> Result<()> {
    ensure!(requests(evidence) == ["sysrq 'c'"], "it saw {:?}", requests(evidence));
    Ok(())
}

fn survives_pauses(evidence: &Evidence) -> Result<()> {
    let script = script(evidence)?;
    ensure!(script.ends_with("paused 100 times\n") && !script.contains("failed"), "{script}");
    ensure!(requests(evidence) == ["poweroff"], "it saw {:?}", requests(evidence));
    Ok(())
}
