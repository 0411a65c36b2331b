//! The per-site detector: counts near each column of the known lattice become the probability that it is a defect.

use super::Analyst;
use super::drift::DriftTracker;
use super::kick_watch::KickWatch;
use super::reading::Reading;
use super::site_states::{SiteStates, log_sum_exp};
use super::spatial_prior::SpatialPrior;
use crate::error::Result;
use crate::units::Point;
use crate::world::damage::DoseMap;
use crate::world::{Briefing, Finding, Frame, LatticeSite, NumberBelief, SiteBelief, Task, World};
use nalgebra::Vector2;
use std::sync::Arc;

/// Distance up to which a visit informs about a column, Å: the image of a column has faded to a few per cent there.
const REACH: f64 = 2.4;
/// Step of the finite difference that gives the slope of the image, Å.
const SLOPE_STEP: f64 = 0.05;

/// Knows the lattice, the response of every species, the damage law and the statistics of the counts.
///
/// For each column it keeps a hidden Markov filter over (what it was, what it has lost): log-messages are multiplied by
/// the likelihood of every visit nearby and spread by the dose that passes (exact for one column; the neighbours enter
/// at their current expectation). Readout noise is summed over the numbers of electrons that it may hide. Drift is
/// followed on the lattice itself, and in worlds with clustered defects the prior of a column follows its neighbourhood.
///
/// Neighbours and clustered priors are refreshed once a frame from the beliefs so far, and old counts are not read again:
/// a scan taken in one frame and in several gives slightly different answers.
#[derive(Debug, Clone)]
pub struct SiteLikelihood {
    briefing: Arc<Briefing>,
    kinds: Vec<SiteStates>,
    kind_of: Vec<usize>,
    messages: Vec<Vec<f64>>,
    log_prior: Vec<Vec<f64>>,
    spatial: Option<Arc<SpatialPrior>>,
    drift: Option<DriftTracker>,
    kicks: Option<KickWatch>,
    dose_map: Option<DoseMap>,
    /// Probability of each appearance of each column as it is now.
    appearance: Vec<Vec<f64>>,
    log_likelihood: Vec<Vec<f64>>,
    fluence: Vec<f64>,
    beliefs: Vec<SiteBelief>,
    /// Mean and variance of the number that a task of counting asks for.
    numbers: Vec<(f64, f64)>,
    finding: Finding,
}

impl SiteLikelihood {
    /// The detector for `world`, from what its operator knows.
    ///
    /// # Errors
    /// None today; a world whose facts contradict each other would be refused here.
    pub fn for_world(world: &World) -> Result<Self> {
        Ok(Self::new(world.briefing().clone()))
    }

    fn new(briefing: Arc<Briefing>) -> Self {
        let kinds: Vec<SiteStates> = briefing.kinds.iter().map(SiteStates::new).collect();
        let kind_of: Vec<usize> = briefing.sites.iter().map(|site| site.kind).collect();
        let own = || kind_of.iter().map(|&kind| &kinds[kind]);
        let priors = |kind: &SiteStates| kind.hypotheses.iter().map(|h| h.prior.ln()).collect();
        let believed = |site: &LatticeSite| SiteBelief {
            position: site.position,
            log_odds: 0.0,
            class: None,
        };
        let mut analyst = Self {
            messages: own().map(SiteStates::initial_messages).collect(),
            log_prior: own().map(priors).collect(),
            log_likelihood: own().map(|kind| vec![0.0; kind.appearances]).collect(),
            appearance: vec![Vec::new(); kind_of.len()],
            spatial: SpatialPrior::learn(&briefing).map(Arc::new),
            drift: DriftTracker::new(&briefing),
            kicks: KickWatch::new(&briefing),
            dose_map: briefing.dose_map(),
            fluence: vec![0.0; kind_of.len()],
            beliefs: briefing.sites.iter().map(believed).collect(),
            numbers: vec![(0.0, 0.0); kind_of.len()],
            finding: Finding::empty(briefing.task),
            kinds,
            kind_of,
            briefing,
        };
        analyst.refresh(0..analyst.kind_of.len());
        analyst
    }

    /// Difference between what column `site` looks like now, on average, and the perfect column, seen from an offset.
    fn deviation(&self, site: usize, responses: &[f64]) -> f64 {
        let now: f64 = self.appearance[site]
            .iter()
            .zip(responses)
            .map(|(p, r)| p * r)
            .sum();
        now - responses[0]
    }

    /// Appends the response of every appearance of a column from an offset; the first is that of the perfect column.
    fn responses(&self, site: usize, offset: Point, into: &mut Vec<f64>) {
        let kind = self.kind_of[site];
        let appearances = 0..self.kinds[kind].appearances;
        into.extend(appearances.map(|look| self.briefing.response(kind, look, offset.y, offset.x)));
    }

    fn refresh(&mut self, sites: impl Iterator<Item = usize>) {
        for site in sites {
            self.believe(site);
        }
        if let Some(spatial) = self.spatial.clone() {
            let probabilities = self.beliefs.iter().map(SiteBelief::probability);
            let probabilities: Vec<f64> = probabilities.collect();
            for site in 0..self.kind_of.len() {
                let prior = spatial.probability(site, &probabilities);
                let kind = &self.kinds[self.kind_of[site]];
                let mean = 1.0 - kind.hypotheses[0].prior;
                if mean <= 0.0 {
                    continue;
                }
                let log_priors = self.log_prior[site].iter_mut();
                for (log_prior, hypothesis) in log_priors.zip(&kind.hypotheses) {
                    *log_prior = match hypothesis.class {
                        None => (1.0 - prior).ln(),
                        Some(_) => (prior * hypothesis.prior / mean).ln(),
                    };
                }
                self.believe(site);
            }
        }
        self.finding = match self.briefing.task {
            Task::Counting => {
                let numbers = self.beliefs.iter().zip(&self.numbers);
                let told = numbers.map(|(belief, &(number, variance))| NumberBelief {
                    position: belief.position,
                    number,
                    variance,
                });
                Finding::Counting(told.collect())
            }
            _ => Finding::PointDefects(self.beliefs.clone()),
        };
    }

    /// Recomputes the belief about one site from its messages.
    fn believe(&mut self, site: usize) {
        let kind = &self.kinds[self.kind_of[site]];
        let mut evidence = kind.evidence(&self.messages[site]);
        for (e, prior) in evidence.iter_mut().zip(&self.log_prior[site]) {
            *e += prior;
        }
        let best = (1..evidence.len()).max_by(|&a, &b| evidence[a].total_cmp(&evidence[b]));
        let mut appearance = std::mem::take(&mut self.appearance[site]);
        kind.appearance_probabilities(&self.messages[site], &self.log_prior[site], &mut appearance);
        self.appearance[site] = appearance;
        let log_odds = log_sum_exp(&evidence[1..]) - evidence[0];
        let belief = &mut self.beliefs[site];
        belief.log_odds = log_odds.clamp(-500.0, 500.0);
        belief.class = best.and_then(|h| kind.hypotheses[h].class);
        let total = log_sum_exp(&evidence);
        let (mut mean, mut square) = (0.0, 0.0);
        for (e, hypothesis) in evidence.iter().zip(&kind.hypotheses) {
            let probability = (e - total).exp();
            mean += probability * hypothesis.number;
            square += probability * hypothesis.number.powi(2);
        }
        self.numbers[site] = (mean, (square - mean * mean).max(0.0));
    }
}

impl Analyst for SiteLikelihood {
    fn observe(&mut self, frame: &Frame) -> Result<()> {
        frame.check()?;
        let Some(&end) = frame.time.last() else {
            return Ok(());
        };
        let mut reading = Reading::default();
        let mut touched: Vec<usize> = Vec::new();
        let mut is_touched = vec![false; self.kind_of.len()];
        // Columns near the beam: which, where their responses stand, and how far they are from perfect.
        let mut near: Vec<(usize, std::ops::Range<usize>, f64)> = Vec::new();
        let mut responses: Vec<f64> = Vec::new();
        if let Some(drift) = &mut self.drift {
            drift.pass(end);
        }
        let briefing = self.briefing.clone();
        let mut shift = self
            .drift
            .as_ref()
            .map_or(Point::default(), DriftTracker::shift);
        if let Some(mut kicks) = self.kicks.take() {
            let kick = kicks.look(frame, shift, &briefing, |place| {
                briefing.perfect_image(place)
            });
            if let (Some(step), Some(drift)) = (kick, &mut self.drift) {
                drift.kick(step);
                shift = drift.shift();
            }
            self.kicks = Some(kicks);
        }
        for (index, aim) in frame.positions.iter().enumerate() {
            let (mut place, electrons) = (*aim + shift, frame.electrons[index]);
            if let Some(position) = frame.position_in_line(index) {
                place.x -= briefing.scan.lag(position);
            }
            let mut doses = [0.0; 2];
            if let Some(map) = &mut self.dose_map {
                doses = briefing.expose_map(map, place, electrons);
            }
            near.clear();
            responses.clear();
            let perfect = briefing.perfect_image(place) + briefing.contamination(doses);
            let mut mean = perfect;
            for site in briefing.sites_near(place, REACH) {
                let offset = place - briefing.sites[site].position;
                let start = responses.len();
                self.responses(site, offset, &mut responses);
                let deviation = self.deviation(site, &responses[start..]);
                mean += deviation;
                self.fluence[site] += electrons * briefing.illumination(offset.y, offset.x);
                near.push((site, start..responses.len(), deviation));
            }
            let noise = briefing.reading_noise(frame.signal[index]);
            reading.read(frame.signal[index], noise);
            // Interpolation may undershoot zero between columns; no place is perfectly dark.
            let darkest = (1e-3 * perfect).max(1e-9);
            for (site, range, deviation) in &near {
                let responses = &responses[range.clone()];
                if !is_touched[*site] {
                    is_touched[*site] = true;
                    touched.push(*site);
                }
                let others = mean - deviation - responses[0];
                for (total, response) in self.log_likelihood[*site].iter_mut().zip(responses) {
                    *total += reading.log_likelihood(electrons * (others + response).max(darkest));
                }
            }
            if let Some(drift) = &mut self.drift {
                let slope = |dy: f64, dx: f64| {
                    let ahead = briefing.perfect_image(place + Point::new(dy, dx));
                    let behind = briefing.perfect_image(place - Point::new(dy, dx));
                    electrons * (ahead - behind) / (2.0 * SLOPE_STEP)
                };
                let gradient = Vector2::new(slope(SLOPE_STEP, 0.0), slope(0.0, SLOPE_STEP));
                let expected = electrons * mean.max(darkest);
                drift.see(reading.score(expected), expected + noise * noise, gradient);
            }
        }
        for &site in &touched {
            let kind = &self.kinds[self.kind_of[site]];
            // Half of the wear comes before the counts and half after: the error of the split is of third order.
            let half = 0.5 * std::mem::take(&mut self.fluence[site]);
            kind.wear(&mut self.messages[site], half);
            kind.see(&mut self.messages[site], &self.log_likelihood[site]);
            kind.wear(&mut self.messages[site], half);
            self.log_likelihood[site].iter_mut().for_each(|l| *l = 0.0);
            // Only ratios matter; keep the numbers small.
            let highest = self.messages[site]
                .iter()
                .copied()
                .fold(f64::NEG_INFINITY, f64::max);
            self.messages[site].iter_mut().for_each(|m| *m -= highest);
        }
        self.refresh(touched.into_iter());
        if let Some(drift) = &mut self.drift {
            drift.update();
        }
        Ok(())
    }

    fn finding(&self) -> &Finding {
        &self.finding
    }
}
