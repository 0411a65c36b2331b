//! Where the specimen has drifted to, followed from the counts on the known lattice.

use crate::units::Point;
use crate::world::Briefing;
use nalgebra::{Matrix2, Vector2};

/// Longest correction of the displacement at a time, Å.
const LONGEST_STEP: f64 = 0.3;
/// Standard deviation along each axis of where a kick that was noticed has led, Å.
const AFTER_KICK: f64 = 0.4;

/// A Kalman filter of the beam's displacement on the specimen.
///
/// Between frames the displacement diffuses with the world's drift speed; each visit contributes one term of a
/// Gauss-Newton step on the Poisson likelihood, Σ (n/λ − 1) ∇λ, with Fisher information Σ ∇λ ∇λᵀ/λ.
#[derive(Debug, Clone)]
pub(super) struct DriftTracker {
    shift: Vector2<f64>,
    covariance: Matrix2<f64>,
    gradient: Vector2<f64>,
    information: Matrix2<f64>,
    time: f64,
    speed: f64,
    decay: f64,
}

impl DriftTracker {
    /// `None` for a world whose specimen stays where it is.
    pub(super) fn new(briefing: &Briefing) -> Option<Self> {
        (briefing.scan.drift_speed > 0.0 || briefing.scan.kick_interval.is_some()).then(|| Self {
            shift: Vector2::zeros(),
            covariance: Matrix2::zeros(),
            gradient: Vector2::zeros(),
            information: Matrix2::zeros(),
            time: 0.0,
            speed: briefing.scan.drift_speed,
            decay: briefing.scan.drift_decay,
        })
    }

    /// Best estimate of the displacement, Å.
    pub(super) fn shift(&self) -> Point {
        Point::new(self.shift.x, self.shift.y)
    }

    /// Lets time pass up to `time` s: the displacement may have changed by what the drift covers, in a direction not known.
    pub(super) fn pass(&mut self, time: f64) {
        let travelled = |t: f64| self.speed * self.decay * (1.0 - (-t / self.decay).exp());
        let step = (travelled(time) - travelled(self.time)).max(0.0);
        // The direction stays the same all along, so the variance grows with the square of the whole path: adding
        // (whole path)² increments keeps the filter honest about a steady drift.
        let (before, after) = (travelled(self.time), travelled(self.time) + step);
        self.covariance += Matrix2::identity() * (0.5 * (after * after - before * before));
        self.time = self.time.max(time);
    }

    /// The stage has been kicked by about this.
    pub(super) fn kick(&mut self, step: Point) {
        self.shift += Vector2::new(step.y, step.x);
        self.covariance += Matrix2::identity() * AFTER_KICK.powi(2);
    }

    /// One visit at the believed true place: the slope of its log-likelihood by the expected number of electrons, the
    /// variance of the reading, and the slope of the expected number by the place (1/Å).
    pub(super) fn see(&mut self, score: f64, variance: f64, gradient: Vector2<f64>) {
        if score.is_finite() && variance > 0.0 {
            self.gradient += gradient * score;
            self.information += gradient * gradient.transpose() / variance;
        }
    }

    /// Digests what was seen since the last call.
    pub(super) fn update(&mut self) {
        // P' = (P⁻¹ + F)⁻¹ = (1 + P F)⁻¹ P, which needs no inverse of P.
        let posterior = |share: f64| {
            let gain = Matrix2::identity() + self.covariance * self.information * share;
            gain.try_inverse().map(|inverse| inverse * self.covariance)
        };
        if let Some(covariance) = posterior(1.0) {
            let step = covariance * self.gradient;
            // The image is linear in the shift only over a fraction of a column spacing: a longer step is cut, and what
            // was seen counts for as little.
            let share = (LONGEST_STEP / step.norm()).min(1.0);
            self.shift += step * share;
            self.covariance = posterior(share).unwrap_or(covariance);
        }
        self.gradient = Vector2::zeros();
        self.information = Matrix2::zeros();
    }
}
