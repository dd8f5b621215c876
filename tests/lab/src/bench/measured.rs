//! What one boot cost, read from its `report=json` lines.
//!
//! A stage's cost is the difference of the time stamp counters at its end and at the end of the one before.

use anyhow::{Result, ensure};

use crate::run::facts::{Fact, Facts};
use crate::suite::proof::Audit;

/// The stages of a boot, in their order.
pub(crate) const STAGES: [&str; 10] = [
    "start_info",
    "p2m check",
    "memory map",
    "layout",
    "renumber",
    "direct map",
    "p2m",
    "page tables",
    "release",
    "shared_info",
];

/// The stage before these, where the image's address is chosen.
pub(crate) const KASLR: &str = "kaslr";

/// What a stage cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    pub(crate) hypercalls: u64,
    pub(crate) frames: u64,
}

impl Cost {
    fn of(fact: &Fact) -> Result<Self> {
        let [instructions, hypercalls, frames] =
            ["took", "hypercalls", "frames"].map(|field| fact.number(field));
        Ok(Self { instructions: instructions?, hypercalls: hypercalls?, frames: frames? })
    }
}

/// What a boot cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Pages of the guest: what its audit confirmed. Numbers that stand for devices are none.
    pub(crate) pages: u64,
    /// How many of them the direct map had at the end.
    pub(crate) mapped: u64,
    /// The time stamp counter when the last stage had ended.
    pub(crate) until_payload: u64,
    /// The choice of the image's address, if there was one.
    pub(crate) kaslr: Option<Cost>,
    /// One for each of [`STAGES`].
    pub(crate) costs: [Cost; STAGES.len()],
}

impl Measured {
    /// Reads the guest's console.
    ///
    /// # Errors
    /// A stage is missing, or the lines are not what docs/boot.md says.
    pub(crate) fn of(guest: &str) -> Result<Self> {
        let facts = Facts::of(guest)?;
        let mapped = facts.one("memory")?.number("mapped")?;
        let pages = Audit::of(&facts)?.confirmed;
        ensure!(pages > 0, "a guest without a page");
        let mut stages: Vec<_> = facts.stages().collect();
        let kaslr = stages.iter().position(|(name, _)| *name == KASLR).map(|at| stages.remove(at));
        let kaslr = kaslr.map(|(_, fact)| Cost::of(fact)).transpose()?;
        ensure!(stages.len() >= STAGES.len(), "{} stages reported of {}", stages.len(), STAGES.len());
        let mut costs = [Cost::default(); STAGES.len()];
        let mut before = None;
        for ((name, cost), (stage, fact)) in STAGES.iter().zip(&mut costs).zip(stages) {
            ensure!(stage == *name, "the report has stage {stage} in place of {name}");
            let (end, instructions) = (fact.number("tsc")?, fact.number("took")?);
            // What is printed between two stages is in neither.
            let since = before.map_or(Some(end), |before| end.checked_sub(before));
            ensure!(since.is_some_and(|since| instructions <= since), "time runs backwards: {fact:?}");
            *cost = Cost::of(fact)?;
            before = Some(end);
        }
        let until_payload = before.unwrap_or_default();
        Ok(Self { pages, mapped, until_payload, kaslr, costs })
    }

    /// All stages together.
    pub(crate) fn sum(&self) -> Cost {
        self.kaslr.iter().chain(&self.costs).fold(Cost::default(), |sum, cost| Cost {
            instructions: sum.instructions + cost.instructions,
            hypercalls: sum.hypercalls + cost.hypercalls,
            frames: sum.frames + cost.frames,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Cost, Measured, STAGES};

    /// A console on which each stage took `took` instructions, one hypercall and two frames.
    pub(crate) fn console(pages: u64, took: u64) -> String {
        let line = |(number, stage): (usize, &&str)| {
            let tsc = 1000 + took * (number as u64 + 1);
            format!(
                "@report {{\"stage\":\"{stage}\",\"tsc\":{tsc},\"took\":{took},\"hypercalls\":1,\"frames\":2}}\n"
            )
        };
        let lines: String = STAGES.iter().enumerate().map(line).collect();
        let audit = format!("\"confirmed\":{pages},\"missing\":0,\"identity\":97,\"foreign\":0");
        let memory = format!("\"pages\":{pages},\"mapped\":{pages},\"free\":5");
        format!("@fact {{\"fact\":\"audit\",{audit}}}\n{lines}@fact {{\"fact\":\"memory\",{memory}}}\n")
    }

    #[test]
    fn the_lines_of_a_boot() {
        let measured = Measured::of(&console(7, 500)).unwrap();
        assert_eq!((measured.pages, measured.mapped), (7, 7));
        assert_eq!(measured.costs, [Cost { instructions: 500, hypercalls: 1, frames: 2 }; STAGES.len()]);
        assert_eq!(measured.sum(), Cost { instructions: 5000, hypercalls: 10, frames: 20 });
    }

    #[test]
    fn the_choice_of_an_address_is_a_cost_of_its_own() {
        let line = "@report {\"stage\":\"kaslr\",\"tsc\":900,\"took\":70,\"hypercalls\":3,\"frames\":0}\n";
        let measured = Measured::of(&format!("{line}{}", console(7, 500))).unwrap();
        assert_eq!(measured.kaslr, Some(Cost { instructions: 70, hypercalls: 3, frames: 0 }));
        assert_eq!(measured.sum(), Cost { instructions: 5070, hypercalls: 13, frames: 20 });
        assert_eq!((measured.until_payload, Measured::of(&console(7, 500)).unwrap().kaslr), (6000, None));
    }

    #[test]
    fn a_report_that_is_not_whole() {
        let whole = console(7, 500);
        for broken in [
            whole.replace("\"frames\":2", "\"frames\":x"),
            whole.replace("\"stage\":\"p2m\"", "\"stage\":\"p3m\""),
            whole.replace("\"tsc\":2500", "\"tsc\":1"),
            whole.replace("\"mapped\"", "\"taken\""),
            whole.lines().take(6).collect::<Vec<_>>().join("\n"),
        ] {
            assert!(Measured::of(&broken).is_err(), "{broken}");
        }
    }
}
