//! One episode: a specimen under the beam, a dose meter, and a running score.

use super::blueprint::Blueprint;
use super::briefing::Briefing;
use super::distortion::Distortion;
use super::scan::{Frame, Scan};
use super::site::LatticeSite;
use super::specimen::Specimen;
use super::stretch::Stretch;
use super::task::{Finding, Report, Scorer, SiteBelief, Task, Truth};
use super::visited::{Known, Visited};
use crate::error::{Error, Result};
use crate::metric::QualityCurve;
use crate::random::{Purpose, StreamKey};
use crate::stem::{Arrivals, Charge, DoseMeter};
use crate::units::{Dose, Point, Seed};
use ndarray::{Array2, ArrayView1};
use std::fmt;
use std::sync::Arc;

/// Part of the dose left by which a scan may exceed it: what rounding can bring about.
const ROUNDING: f64 = 1e-9;

/// Most pixels of an image.
const MAX_PIXELS: f64 = (1 << 24) as f64;

/// A specimen under the beam.
///
/// The truth is private: it leaves only through [`Episode::finish`] and [`Episode::into_image`], which consume the episode. What a policy can get
/// is frames (Poisson counts) and the dose meter's reading.
///
/// ```compile_fail
/// # use dosewise::prelude::*;
/// fn peek(episode: &Episode) -> bool {
///     episode.specimen.truth() == episode.specimen.truth() // refused by the compiler: the specimen is private
/// }
/// ```
///
/// ```
/// use dosewise::prelude::*;
/// let world = World::load("worlds/mos2-l1.toml")?;
/// let mut episode = world.episode(Seed(7));
/// let frame = episode.scan(&Scan::at([Point::new(10.0, 10.0)], Dose(100.0)))?;
/// assert_eq!(frame.len(), 1);
/// assert!((episode.spent().0 * world.briefing().area() - 100.0).abs() < 1e-5); // one Å² at 100 e⁻/Å²
/// # Ok::<(), dosewise::Error>(())
/// ```
pub struct Episode {
    briefing: Arc<Briefing>,
    specimen: Specimen,
    scorer: Scorer,
    meter: DoseMeter,
    distortion: Distortion,
    /// Root of the arrival processes of all places.
    arrivals: StreamKey,
    /// Root of the noise that the detector adds.
    noise: StreamKey,
    time: f64,
    visited: Visited,
    /// The visits that are just being made; empty between scans but for its memory.
    stretch: Stretch,
    curve: QualityCurve,
    last: Option<Finding>,
    scans: usize,
}

/// How far a scan has got.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// Visits that are done.
    done: usize,
    /// Line of the next one, and its place in the line.
    line: usize,
    along: usize,
    /// How far that line is displaced as a whole.
    displaced: Point,
    /// What is known of the records of its places.
    known: Known,
}

/// The score sheet of a finished episode.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Quality of the answer held after each dose, from 0 to the budget.
    pub curve: QualityCurve,
    /// Dose spent, e⁻/Å² averaged over the field.
    pub spent: Dose,
    /// Share of what the beam can damage in the field that it has damaged: atoms, or decaying cells.
    pub damaged_fraction: f64,
    /// Duration, s.
    pub time: f64,
    /// Number of scans.
    pub scans: usize,
    /// What was asked about, as it was when the episode began.
    pub truth: Truth,
    /// What the last answer is worth in all its aspects; none if none was handed in.
    pub report: Option<Report>,
}

impl Episode {
    pub(super) fn new(briefing: Arc<Briefing>, blueprint: Arc<Blueprint>, seed: Seed) -> Self {
        let specimen = Specimen::realise(blueprint, &briefing, seed);
        let budget = Charge::from_electrons(briefing.budget_electrons());
        Self {
            curve: briefing.blank_curve.clone(),
            meter: DoseMeter::new(budget),
            scorer: scorer(specimen.truth(), &briefing),
            distortion: Distortion::new(&briefing.scan, seed),
            specimen,
            arrivals: StreamKey::new(seed, Purpose::Counts),
            noise: StreamKey::new(seed, Purpose::Readout),
            time: 0.0,
            visited: Visited::default(),
            stretch: Stretch::default(),
            last: None,
            scans: 0,
            briefing,
        }
    }

    /// What the operator knows.
    pub fn briefing(&self) -> &Arc<Briefing> {
        &self.briefing
    }

    /// Dose spent so far, e⁻/Å² averaged over the field.
    pub fn spent(&self) -> Dose {
        Dose(self.meter.spent().electrons() / self.briefing.area())
    }

    /// Dose left, e⁻/Å² averaged over the field.
    pub fn remaining(&self) -> Dose {
        Dose(self.meter.remaining().electrons() / self.briefing.area())
    }

    /// Runs a whole scan.
    ///
    /// # Errors
    /// [`Error::OutsideField`] when a position lies outside the field, [`Error::Argument`] when the dose, the footprint or
    /// the list of positions is not valid, [`Error::BudgetSpent`] when nothing is left, [`Error::BudgetExceeded`] when the
    /// scan asks for more than is left. No electron is given in any of these cases.
    pub fn scan(&mut self, scan: &Scan) -> Result<Frame> {
        self.check(scan)?;
        let (asked, remaining) = (scan.electrons(), self.meter.remaining().electrons());
        // Visits are rounded to the meter's unit; that alone must not refuse a scan that asks for all that is left.
        if asked > remaining * (1.0 + ROUNDING) {
            return Err(Error::BudgetExceeded {
                asked: asked / self.briefing.area(),
                remaining: remaining / self.briefing.area(),
            });
        }
        let mut progress = self.begin(scan)?;
        Ok(self.advance(scan, &mut progress, f64::INFINITY))
    }

    /// Refuses a scan that cannot run here, or when nothing is left to run it with.
    fn check(&self, scan: &Scan) -> Result<()> {
        scan.check(self.briefing.height, self.briefing.width)?;
        if self.meter.remaining().is_zero() {
            return Err(Error::BudgetSpent {
                budget: self.briefing.budget.0,
            });
        }
        Ok(())
    }

    /// Checks a scan and prepares to run it in parts.
    pub(crate) fn begin(&mut self, scan: &Scan) -> Result<Progress> {
        self.check(scan)?;
        self.scans += 1;
        Ok(Progress {
            known: self.visited.begin(scan.grid(), scan.len()),
            done: 0,
            line: 0,
            along: 0,
            displaced: Point::default(),
        })
    }

    /// Runs the scan on until `electrons` are given, the scan ends or the budget ends; the visit that crosses the
    /// budget is truncated there.
    pub(crate) fn advance(
        &mut self,
        scan: &Scan,
        progress: &mut Progress,
        electrons: f64,
    ) -> Frame {
        let left = scan.len().saturating_sub(progress.done);
        let mut frame = Frame::with_capacity(left);
        frame.lines = scan.lines(progress.done);
        let mut given = 0.0;
        while progress.done < scan.len() && given < electrons && !self.meter.remaining().is_zero() {
            self.send(scan, progress, &mut given, electrons);
            self.distortion.displace(&mut self.stretch);
            self.specimen.expose(&mut self.stretch);
            self.detect(&mut frame);
        }
        if progress.done == scan.len() && progress.known == Known::Fresh {
            self.visited.complete(scan.grid());
        }
        if progress.done < scan.len() && self.meter.remaining().is_zero() {
            frame.truncated = true;
            progress.done = scan.len();
        }
        frame
    }

    /// Whether a scan that was begun has more to do.
    pub(crate) fn is_done(scan: &Scan, progress: &Progress) -> bool {
        progress.done >= scan.len()
    }

    /// Sends the beam on the next stretch of visits: as many as are alike, within a line of a rectangle, until `electrons` are
    /// given or the budget ends.
    fn send(&mut self, scan: &Scan, progress: &mut Progress, given: &mut f64, electrons: f64) {
        let wanted = scan.charge(progress.done);
        let charge = wanted.min(self.meter.remaining());
        let number = (self.meter.remaining().holds(charge))
            .min(visits_until(electrons - *given, charge))
            .min(scan.alike(progress.done, progress.along, Stretch::MOST));
        self.meter.draw(charge.times(number));
        *given += number as f64 * charge.electrons();
        let (line, along) = (progress.line, progress.along);
        let settings = &self.briefing.scan;
        let stretch = &mut self.stretch;
        if scan.is_rectangle() {
            stretch.begin(charge, Some(along));
            let places = (along..along + number).map(|along| scan.position_in(line, along));
            stretch.places.extend(places);
            stretch.count(&mut self.visited, progress.known, progress.done);
            if along == 0 {
                let flyback = if line > 0 { settings.flyback_us } else { 0.0 };
                self.time += 1e-6 * flyback;
                let start = [stretch.keys[0], stretch.numbers[0]];
                progress.displaced = self.distortion.of_line(start);
            }
            let displaced = stretch.places.iter().map(|p| *p + progress.displaced);
            stretch.truly.extend(displaced);
            progress.along += number;
            if progress.along == scan.line_length() {
                (progress.line, progress.along) = (line + 1, 0);
            }
        } else {
            // a beam that jumps from place to place has no line
            stretch.begin(charge, None);
            let places = (line..line + number).map(|line| scan.position_in(line, 0));
            stretch.places.extend(places);
            stretch.count(&mut self.visited, progress.known, progress.done);
            let visits = stretch.keys.iter().zip(&stretch.numbers);
            let displaced = visits.map(|(key, number)| self.distortion.of_line([*key, *number]));
            let displaced = stretch.places.iter().zip(displaced).map(|(p, by)| *p + by);
            stretch.truly.extend(displaced);
            progress.line += number;
        }
        progress.done += number;
        let duration = charge.electrons() / self.briefing.electrons_per_second;
        let time = &mut self.time;
        stretch.times.extend((0..number).map(|_| {
            let settled = *time + 1e-6 * settings.settle_us;
            *time = settled + duration;
            settled + 0.5 * duration
        }));
    }

    /// Counts what the stretch of visits sends to the detector.
    fn detect(&mut self, frame: &mut Frame) {
        let stretch = &self.stretch;
        let first = frame.signal.len();
        let visits = stretch.keys.iter().zip(&stretch.records);
        let visits = visits.zip(&stretch.expected);
        frame.signal.extend(visits.map(|((key, record), expected)| {
            let [from, to] = self.visited.expose(*record, *expected);
            let count = Arrivals::of(self.arrivals, *key).between(from, to);
            // processors convert signed integers in one step
            count as i64 as f64
        }));
        let briefing = &self.briefing;
        if briefing.gain_noise > 0.0 || briefing.readout_noise > 0.0 {
            let visits = stretch.keys.iter().zip(&stretch.numbers);
            for (signal, (key, number)) in frame.signal[first..].iter_mut().zip(visits) {
                let mut noise = self.noise.with_pair(*key, *number).stream();
                *signal *= 1.0 + briefing.gain_noise * noise.quick_normal();
                *signal += briefing.readout_noise * noise.quick_normal();
            }
        }
        let electrons = stretch.charge.electrons();
        frame.positions.extend_from_slice(&stretch.places);
        frame
            .electrons
            .extend(stretch.places.iter().map(|_| electrons));
        frame.time.extend_from_slice(&stretch.times);
    }

    /// Hands in an answer; it counts from the dose spent so far until the next one. The score is not told.
    ///
    /// # Errors
    /// [`Error::Argument`] when the finding holds NaN.
    pub fn submit(&mut self, finding: &Finding) -> Result<()> {
        let quality = self.scorer.quality(finding)?;
        let dose = self.spent().0.min(self.briefing.budget.0);
        self.curve.push(dose, quality)?;
        self.last = Some(finding.clone());
        Ok(())
    }

    /// Ends the episode: the last answer is held to the budget, and the truth comes out.
    pub fn finish(self) -> Outcome {
        Outcome {
            spent: self.spent(),
            damaged_fraction: self.specimen.damaged_fraction(),
            time: self.time,
            scans: self.scans,
            report: (self.last.as_ref()).and_then(|last| self.scorer.report(last).ok()),
            truth: self.specimen.truth().clone(),
            curve: self.curve,
        }
    }

    /// Ends the episode unscored and returns the noise-free image of the specimen as it is now, on pixels of `pixel` Å:
    /// the fraction of the electrons detected, `[row, column]` = `[y, x]`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a pixel beyond the field's smaller side, or so small that there were more than 2²⁴ of them.
    pub fn into_image(self, pixel: f64) -> Result<Array2<f64>> {
        let side = self.briefing.height.min(self.briefing.width);
        let smallest = (self.briefing.area() / MAX_PIXELS).sqrt();
        if !(smallest..=side).contains(&pixel) {
            return Err(Error::argument(
                "pixel",
                pixel,
                format!("{smallest:.4} to {side} Å"),
            ));
        }
        Ok(self.field(pixel))
    }

    /// The noise-free image of the specimen as it is now, on pixels of `pixel` Å, for the pictures of a finished run.
    pub(crate) fn field(&self, pixel: f64) -> Array2<f64> {
        let extent = |length: f64| (length / pixel).floor().max(1.0) as usize;
        let shape = (extent(self.briefing.height), extent(self.briefing.width));
        let mut image = Array2::zeros(shape);
        let middle = |index: usize| (index as f64 + 0.5) * pixel;
        for (row, mut line) in image.outer_iter_mut().enumerate() {
            let places = (0..shape.1).map(|column| Point::new(middle(row), middle(column)));
            let places: Vec<Point> = places.collect();
            line.assign(&ArrayView1::from(&self.specimen.signals(&places)));
        }
        image
    }

    /// What an ideal detector would show of the pristine specimen, the beam hitting where it is aimed, if each visit were that
    /// many times as long and did no harm: for the oracle.
    pub(crate) fn without_noise(&self, scan: &Scan, times: f64) -> Frame {
        let places: Vec<Point> = (0..scan.len()).map(|index| scan.position(index)).collect();
        let electrons: Vec<f64> = (0..scan.len())
            .map(|i| times * scan.charge(i).electrons())
            .collect();
        let signals = self.specimen.signals(&places);
        let seen = signals.iter().zip(&electrons);
        Frame {
            signal: seen.map(|(signal, n)| n * signal).collect(),
            time: vec![0.0; places.len()],
            positions: places,
            electrons,
            truncated: false,
            // the beam hits where it is aimed
            lines: None,
        }
    }

    /// The truth, for the one navigator that may know it: the clairvoyant reference.
    pub(crate) fn truth_for_bound(&self) -> &Truth {
        self.specimen.truth()
    }
}

/// Shows what an operator may know; the specimen and the seed from which it follows stay hidden.
impl fmt::Debug for Episode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Episode")
            .field("world", &self.briefing.name)
            .field("spent", &self.spent())
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}

/// Number of visits after which so many electrons are given; at least one.
fn visits_until(electrons: f64, charge: Charge) -> usize {
    let each = charge.electrons();
    // casts send what is too large to the largest number
    let number = (electrons / each).ceil().max(1.0) as usize;
    // the quotient of a whole number of visits may have been rounded up
    match number > 1 && (number - 1) as f64 * each >= electrons {
        true => number - 1,
        false => number,
    }
}

/// Scores answers against the truth of a specimen; what the briefing alone tells earns nothing.
fn scorer(truth: &Truth, briefing: &Briefing) -> Scorer {
    let scorer =
        Scorer::new(truth.clone()).expect("places of a world are apart, labels have classes");
    if briefing.task != Task::PointDefects {
        return scorer;
    }
    let believed = |site: &LatticeSite| {
        let prevalence = briefing.prevalence(site.kind).clamp(1e-12, 1.0 - 1e-12);
        SiteBelief {
            position: site.position,
            log_odds: (prevalence / (1.0 - prevalence)).ln(),
            class: None,
        }
    };
    let prior = Finding::PointDefects(briefing.sites.iter().map(believed).collect());
    scorer.above(&prior).expect("a finding of the same places")
}
