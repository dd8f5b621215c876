//! What each stage of the boot cost.

use core::fmt;

use arrayvec::ArrayVec;

use crate::{boot::stage::Stage, platform::Platform};

/// How many stages there is room for.
const STAGES: usize = 12;

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
    started: u64,
    hypercalls: u64,
    frames: u64,
}

impl Timeline {
    /// Starts the clock.
    pub(crate) fn start(platform: &impl Platform) -> Self {
        Self {
            records: ArrayVec::new(),
            started: platform.ticks(),
            hypercalls: platform.hypercalls(),
            frames: 0,
        }
    }

    /// Ends a stage; `frames` is how many were taken since the boot began.
    pub(crate) fn end(&mut self, platform: &impl Platform, stage: Stage, frames: u64) {
        let (ticks, hypercalls) = (platform.ticks(), platform.hypercalls());
        let before = self.records.last().map_or(self.started, |record| record.ticks);
        let record = StageCost {
            stage,
            ticks,
            took: ticks.saturating_sub(before),
            hypercalls: hypercalls.saturating_sub(self.hypercalls),
            frames: frames.saturating_sub(self.frames),
        };
        (self.hypercalls, self.frames) = (hypercalls, frames);
        // A stage too many is only left out of the report.
        let _full = self.records.try_push(record);
    }

    /// Returns the stages in the order they ended.
    #[must_use]
    pub fn records(&self) -> &[StageCost] {
        &self.records
    }

    /// Shows the stages as JSON, one line each.
    #[must_use]
    pub const fn json(&self) -> Json<'_> {
        Json(self)
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

/// A report as JSON lines.
#[derive(Debug)]
pub struct Json<'r>(&'r Timeline);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, StageCost { stage, ticks, took, hypercalls, frames }) in
            self.0.records.iter().enumerate()
        {
            let line_feed = if number == 0 { "" } else { "\n" };
            write!(
                f,
                "{line_feed}@report {{\"stage\":\"{stage}\",\"tsc\":{ticks},\"took\":{took},\
                 \"hypercalls\":{hypercalls},\"frames\":{frames}}}"
            )?;
        }
        Ok(())
    }
}
