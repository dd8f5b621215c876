//! What each stage of the boot cost.
//!
//! *What this is*: the costs, kept for the payload, and with `report=json` printed as each stage ends. So a boot that fails leaves a
//! line for every stage that it finished.
//!
//! *What must hold*: what is printed for programs is in no stage's cost.

use core::fmt;

use arrayvec::ArrayVec;

use crate::{boot::stage::Stage, platform::Platform};

/// How many stages there is room for.
const STAGES: usize = 13;

/// The cost of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageCost {
    /// The stage.
    pub stage: Stage,
    /// The time stamp counter at the stage's end.
    pub ticks: u64,
    /// Ticks since the previous stage ended.
    pub took: u64,
    /// Hypercalls made in the stage.
    pub hypercalls: u64,
    /// Frames taken in the stage.
    pub frames: u64,
}

/// The stages so far.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    records: ArrayVec<StageCost, STAGES>,
    /// The counter where the stage under way began, and later by what was printed for programs since.
    ticks: u64,
    hypercalls: u64,
    frames: u64,
    /// Whether stages are printed as they end.
    live: bool,
}

impl Timeline {
    /// Starts the clock, after a stage that had none.
    pub(crate) fn start(platform: &impl Platform, before: Option<StageCost>) -> Self {
        Self {
            records: before.into_iter().collect(),
            ticks: platform.ticks(),
            hypercalls: platform.hypercalls(),
            frames: 0,
            live: false,
        }
    }

    /// From now on stages are printed as they end, if the command line asks for it; what ended before, at once.
    pub(crate) fn set_live(&mut self, platform: &impl Platform, live: bool) {
        self.live = live;
        for index in 0..self.records.len() {
            if let Some(&record) = self.records.get(index) {
                self.tell(platform, &Json(&record));
            }
        }
    }

    /// Prints something for programs, if stages are. No stage pays for it.
    pub(crate) fn tell(&mut self, platform: &impl Platform, line: &dyn fmt::Display) {
        if self.live {
            self.say(platform, line);
        }
    }

    /// Prints a line that no stage pays for.
    pub(crate) fn say(&mut self, platform: &impl Platform, line: &dyn fmt::Display) {
        let (ticks, hypercalls) = (platform.ticks(), platform.hypercalls());
        log::info!("{line}");
        self.ticks = self.ticks.saturating_add(platform.ticks().saturating_sub(ticks));
        let made = platform.hypercalls().saturating_sub(hypercalls);
        self.hypercalls = self.hypercalls.saturating_add(made);
    }

    /// Ends a stage; `frames` is how many were taken since the boot began.
    pub(crate) fn end(&mut self, platform: &impl Platform, stage: Stage, frames: u64) {
        let (ticks, hypercalls) = (platform.ticks(), platform.hypercalls());
        let record = StageCost {
            stage,
            ticks,
            took: ticks.saturating_sub(self.ticks),
            hypercalls: hypercalls.saturating_sub(self.hypercalls),
            frames: frames.saturating_sub(self.frames),
        };
        (self.ticks, self.hypercalls, self.frames) = (ticks, hypercalls, frames);
        // A stage too many is only left out of the report.
        let _full = self.records.try_push(record);
        self.tell(platform, &Json(&record));
    }

    /// Returns the stages in the order they ended.
    #[must_use]
    pub fn records(&self) -> &[StageCost] {
        &self.records
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.records.iter().map(|record| record.took).sum();
        write!(f, "  stage         of all ticks  hypercalls  frames")?;
        for StageCost { stage, took, hypercalls, frames, .. } in &self.records {
            let share = took.saturating_mul(100) / total.max(1);
            let bar = (share / 5) as usize;
            write!(
                f,
                "\n  {stage:<12} {share:>3} % {took:>13}  {hypercalls:>9}  {frames:>6}  {:#<bar$}",
                ""
            )?;
        }
        Ok(())
    }
}

/// The cost of a stage as a line for programs.
struct Json<'r>(&'r StageCost);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StageCost { stage, ticks, took, hypercalls, frames } = self.0;
        write!(
            f,
            "@report {{\"stage\":\"{stage}\",\"tsc\":{ticks},\"took\":{took},\"hypercalls\":{hypercalls},\"frames\":{frames}}}"
        )
    }
}
