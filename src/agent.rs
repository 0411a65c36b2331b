//! An agent: a navigator and an analyst, run through an episode.

use crate::analyst::Analyst;
use crate::error::Result;
use crate::metric::QualityCurve;
use crate::navigator::{Navigator, Step, View};
use crate::units::Dose;
use crate::world::task::Report;
use crate::world::{Briefing, Episode, Finding, Measurements, Truth};
use ndarray::Array2;
use std::sync::Arc;

/// A long scan is taken in so many parts of the budget, and an answer handed in after each.
const CHECKPOINTS: f64 = 100.0;
/// Pixel of the pictures of a record, Å.
pub const PICTURE_PIXEL: f64 = 0.25;

/// A navigator paired with an analyst.
pub struct Agent {
    navigator: Box<dyn Navigator>,
    analyst: Box<dyn Analyst>,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Quality of the answer held after each dose.
    pub curve: QualityCurve,
    /// Dose spent, e⁻/Å² averaged over the field.
    pub spent: Dose,
    /// Share of what the beam can damage in the field that it has damaged: atoms, or decaying cells.
    pub damaged_fraction: f64,
    /// Duration, s.
    pub time: f64,
    /// Number of scans.
    pub scans: usize,
    /// What the last answer is worth in all its aspects, its honesty among them.
    pub report: Option<Report>,
}

impl Trace {
    /// Area under the quality-versus-dose curve, see [`QualityCurve::dec_auc`].
    pub fn dec_auc(&self) -> f64 {
        self.curve.dec_auc()
    }

    /// Quality of the answer held at the budget.
    pub fn final_quality(&self) -> f64 {
        self.curve.final_quality()
    }
}

/// A run with everything that a picture of it needs.
#[derive(Debug, Clone)]
pub struct Record {
    /// The score sheet.
    pub trace: Trace,
    /// What the operator knew.
    pub briefing: Arc<Briefing>,
    /// What was measured.
    pub measurements: Measurements,
    /// The final answer.
    pub finding: Finding,
    /// What was asked about, as it was when the episode began.
    pub truth: Truth,
    /// Noise-free image of the pristine specimen on pixels of [`PICTURE_PIXEL`] Å: fraction of the electrons detected.
    pub field: Array2<f64>,
}

impl Agent {
    /// Pairs a navigator with an analyst.
    pub fn new(navigator: impl Navigator + 'static, analyst: impl Analyst + 'static) -> Self {
        Self {
            navigator: Box::new(navigator),
            analyst: Box::new(analyst),
        }
    }

    /// Runs the episode to its end: until the navigator stops or the budget is spent.
    ///
    /// The answer counts from every hundredth of the budget (a single visit is not divided), and at the end; a long scan is
    /// taken in such parts, which are exactly the scan. An agent is used up by its run: it has learnt about one specimen.
    ///
    /// # Errors
    /// What the navigator, the analyst or the microscope refuse.
    pub fn run(mut self, episode: Episode) -> Result<Trace> {
        let mut episode = episode;
        self.drive(&mut episode)?;
        Ok(close(episode).0)
    }

    /// Runs the episode and keeps what a picture of it needs.
    ///
    /// # Errors
    /// As [`Agent::run`].
    pub fn record(mut self, episode: Episode) -> Result<Record> {
        let mut episode = episode;
        let field = episode.field(PICTURE_PIXEL);
        let measurements = self.drive(&mut episode)?;
        let briefing = episode.briefing().clone();
        let (trace, truth) = close(episode);
        Ok(Record {
            trace,
            briefing,
            measurements,
            finding: self.analyst.finding().clone(),
            truth,
            field,
        })
    }

    fn drive(&mut self, episode: &mut Episode) -> Result<Measurements> {
        let briefing = episode.briefing().clone();
        let mut measurements = Measurements::new(&briefing);
        let part = briefing.budget_electrons() / CHECKPOINTS;
        let mut unreported = 0.0;
        while episode.remaining().0 > 0.0 {
            let view = View::new(
                &briefing,
                &measurements,
                self.analyst.finding(),
                episode.spent(),
            );
            let Step::Scan(scan) = self.navigator.next(&view)? else {
                break;
            };
            let mut progress = episode.begin(&scan)?;
            while !Episode::is_done(&scan, &progress) {
                let frame = episode.advance(&scan, &mut progress, part - unreported);
                self.analyst.observe(&frame)?;
                unreported += frame.electrons.iter().sum::<f64>();
                measurements.push(&briefing, frame);
                if unreported >= part {
                    episode.submit(self.analyst.finding())?;
                    unreported = 0.0;
                }
            }
        }
        episode.submit(self.analyst.finding())?;
        Ok(measurements)
    }
}

fn close(episode: Episode) -> (Trace, Truth) {
    let outcome = episode.finish();
    let trace = Trace {
        curve: outcome.curve,
        spent: outcome.spent,
        damaged_fraction: outcome.damaged_fraction,
        time: outcome.time,
        scans: outcome.scans,
        report: outcome.report,
    };
    (trace, outcome.truth)
}
