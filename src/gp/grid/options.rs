//! Settings of inference on a grid.

use super::conjugate_gradient::Limits;
use crate::error::{Error, Result};
use crate::units::Seed;
use serde::{Deserialize, Serialize};

/// How iterative and random parts of inference on a grid behave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridOptions {
    /// Conjugate gradients stop when the residual, in the norm of the preconditioner, has fallen by this factor.
    /// Default 10⁻⁸.
    pub tolerance: f64,
    /// Largest number of iterations. Default 1000.
    pub max_iterations: usize,
    /// Largest matrix that is factored: eigenvectors that matter, or observed pixels. Beyond it variances and
    /// likelihoods are estimated. Default 3000 (about 200 MB).
    pub largest_factor: usize,
    /// Random probes of an estimated log determinant. Default 16.
    pub probes: usize,
    /// Lanczos steps a probe. Default 100; it ends early where more would change nothing.
    pub lanczos_steps: usize,
    /// An estimated variance takes `probing_spacing`² right-hand sides at once, whose non-zero pixels are this many
    /// apart; should exceed the correlation length of the posterior error. Default 8.
    pub probing_spacing: usize,
    /// Independent repetitions of an estimated variance, at least 2, from which its standard error is judged.
    /// Default 4.
    pub probing_repeats: usize,
    /// Decides all probes. Default 0.
    pub seed: Seed,
}

impl Default for GridOptions {
    fn default() -> Self {
        Self {
            tolerance: 1e-8,
            max_iterations: 1000,
            largest_factor: 3000,
            probes: 16,
            lanczos_steps: 100,
            probing_spacing: 8,
            probing_repeats: 4,
            seed: Seed(0),
        }
    }
}

impl GridOptions {
    pub(super) fn check(&self) -> Result<()> {
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            let allowed = "a number between 0 and 1";
            return Err(Error::argument("tolerance", self.tolerance, allowed));
        }
        let counts = [
            ("probes", self.probes, 2, 100_000),
            ("lanczos_steps", self.lanczos_steps, 1, 1000),
            ("probing_spacing", self.probing_spacing, 1, 1024),
            ("probing_repeats", self.probing_repeats, 2, 100_000),
        ];
        for (name, value, low, high) in counts {
            if !(low..=high).contains(&value) {
                return Err(Error::argument(name, value, format!("{low} to {high}")));
            }
        }
        Ok(())
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            tolerance: self.tolerance,
            iterations: self.max_iterations,
        }
    }
}
