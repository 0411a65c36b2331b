//! The detector of domains: counts in each cell become the probability of each phase.

use super::Analyst;
use super::coupling::Coupling;
use super::drift::DriftTracker;
use super::kick_watch::KickWatch;
use super::reading::Reading;
use crate::error::{Error, Result};
use crate::units::Point;
use crate::world::damage::DoseMap;
use crate::world::{Briefing, Finding, Frame, LabelBelief, Task, VectorBelief, World};
use nalgebra::Vector2;
use std::sync::Arc;

/// Step of the finite difference that gives the slope of the image, Å.
const SLOPE_STEP: f64 = 0.05;
/// Probability below which a phase does not count for where the specimen has drifted to.
const NEGLIGIBLE: f64 = 0.02;
/// Passes of messages over the grid after each frame; they go on from where the last frame left them.
const SWEEPS: usize = 2;

/// Knows the lattice, what each phase looks like, how it decays, and how likely it is beside another.
///
/// Each visit is a reading of the cell that it falls into: its likelihood under every phase, as worn by the dose that the cell
/// has had, multiplies that cell's evidence. Neighbours are coupled by belief propagation with the pair statistics of the
/// world's published law. Drift is followed on the image expected under the present beliefs.
#[derive(Debug, Clone)]
pub struct DomainLikelihood {
    briefing: Arc<Briefing>,
    /// For each cell the logarithm of the weight of each phase.
    log_evidence: Vec<f64>,
    beliefs: Vec<f64>,
    coupling: Coupling,
    drift: Option<DriftTracker>,
    kicks: Option<KickWatch>,
    dose_map: Option<DoseMap>,
    finding: Finding,
}

impl DomainLikelihood {
    /// The detector for `world`, from what its operator knows.
    ///
    /// # Errors
    /// [`Error::Argument`] for a world that is not one of domains.
    pub fn for_world(world: &World) -> Result<Self> {
        let briefing = world.briefing().clone();
        if briefing.phases.is_empty() {
            let found = format!("{}, of {}", briefing.name, briefing.task.name());
            return Err(Error::argument("world", found, "a world of domains"));
        }
        let coupling = Coupling::new(&briefing);
        let priors: Vec<f64> = coupling
            .weights()
            .iter()
            .map(|weight| weight.ln())
            .collect();
        let cells = briefing.cells.len();
        let mut analyst = Self {
            log_evidence: priors.repeat(cells),
            beliefs: vec![0.0; cells * priors.len()],
            coupling,
            drift: DriftTracker::new(&briefing),
            kicks: KickWatch::new(&briefing),
            dose_map: briefing.dose_map(),
            finding: Finding::empty(briefing.task),
            briefing,
        };
        analyst.refresh();
        Ok(analyst)
    }

    /// The image expected at a place of a cell under the present beliefs.
    fn mean_image(&self, cell: usize, place: Point, doses: [f64; 2]) -> f64 {
        let phases = self.briefing.phases.len();
        let beliefs = self.beliefs[cell * phases..][..phases].iter().enumerate();
        let likely = beliefs.filter(|(_, belief)| **belief > NEGLIGIBLE);
        likely
            .map(|(phase, belief)| belief * self.briefing.phase_image(phase, place, doses))
            .sum()
    }

    fn refresh(&mut self) {
        let phases = self.briefing.phases.len();
        let mut evidence = self.log_evidence.clone();
        for own in evidence.chunks_mut(phases) {
            let highest = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            own.iter_mut()
                .for_each(|value| *value = (*value - highest).exp());
        }
        for _ in 0..SWEEPS {
            self.coupling.sweep(&evidence);
        }
        self.coupling.beliefs(&evidence, &mut self.beliefs);
        let cells = self.briefing.cells.iter().zip(self.beliefs.chunks(phases));
        let facts = &self.briefing.phases;
        self.finding = match self.briefing.task {
            Task::Polarisation => Finding::Polarisation(
                cells
                    .map(|(cell, beliefs)| {
                        let mean = |of: &dyn Fn([f64; 2]) -> f64| -> f64 {
                            beliefs
                                .iter()
                                .zip(facts)
                                .map(|(b, f)| b * of(f.vector))
                                .sum()
                        };
                        let vector = [mean(&|v| v[0]), mean(&|v| v[1])];
                        let square = mean(&|v| v[0] * v[0] + v[1] * v[1]);
                        let spread = square - vector[0].powi(2) - vector[1].powi(2);
                        VectorBelief {
                            position: cell.position,
                            vector,
                            variance: 0.5 * spread.max(0.0),
                        }
                    })
                    .collect(),
            ),
            _ => Finding::Domains(
                cells
                    .map(|(cell, beliefs)| {
                        let mut probabilities = vec![0.0; self.briefing.domain_classes.len()];
                        for (belief, fact) in beliefs.iter().zip(facts) {
                            probabilities[fact.class] += belief;
                        }
                        LabelBelief {
                            position: cell.position,
                            probabilities,
                        }
                    })
                    .collect(),
            ),
        };
    }
}

impl Analyst for DomainLikelihood {
    fn observe(&mut self, frame: &Frame) -> Result<()> {
        frame.check()?;
        let Some(&end) = frame.time.last() else {
            return Ok(());
        };
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
                let cell = briefing.cell_of(place);
                let known = cell.map(|cell| self.mean_image(cell, place, [0.0; 2]));
                known.unwrap_or_else(|| briefing.perfect_image(place))
            });
            if let (Some(step), Some(drift)) = (kick, &mut self.drift) {
                drift.kick(step);
                shift = drift.shift();
            }
            self.kicks = Some(kicks);
        }
        let phases = briefing.phases.len();
        let mut reading = Reading::default();
        for (index, aim) in frame.positions.iter().enumerate() {
            let (mut place, electrons) = (*aim + shift, frame.electrons[index]);
            if let Some(position) = frame.position_in_line(index) {
                place.x -= briefing.scan.lag(position);
            }
            let mut doses = [0.0; 2];
            if let Some(map) = &mut self.dose_map {
                doses = briefing.expose_map(map, place, electrons);
            }
            let Some(cell) = briefing.cell_of(place) else {
                continue;
            };
            let carbon = briefing.contamination(doses);
            let noise = briefing.reading_noise(frame.signal[index]);
            reading.read(frame.signal[index], noise);
            for phase in 0..phases {
                let seen = briefing.phase_image(phase, place, doses) + carbon;
                let rate = electrons * seen.max(1e-9);
                self.log_evidence[cell * phases + phase] += reading.log_likelihood(rate);
            }
            if self.drift.is_some() {
                let image =
                    |dy: f64, dx: f64| self.mean_image(cell, place + Point::new(dy, dx), doses);
                let slope = |dy: f64, dx: f64| {
                    electrons * (image(dy, dx) - image(-dy, -dx)) / (2.0 * SLOPE_STEP)
                };
                let gradient = Vector2::new(slope(SLOPE_STEP, 0.0), slope(0.0, SLOPE_STEP));
                let expected = electrons * (image(0.0, 0.0) + carbon).max(1e-9);
                if let Some(drift) = &mut self.drift {
                    drift.see(reading.score(expected), expected + noise * noise, gradient);
                }
            }
        }
        self.refresh();
        if let Some(drift) = &mut self.drift {
            drift.update();
        }
        Ok(())
    }

    fn finding(&self) -> &Finding {
        &self.finding
    }
}
