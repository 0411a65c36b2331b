//! What a study is about: what may be tried, and whether large or small values are wanted.

use super::constraint::Constraint;
use super::space::Space;
use crate::units::Seed;
use serde::{Deserialize, Serialize};

/// Whether large or small values are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Large values are wanted.
    #[default]
    Maximise,
    /// Small values are wanted.
    Minimise,
}

/// What is to be optimised.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What may be tried.
    pub space: Space,
    /// Whether large or small values are wanted.
    pub direction: Direction,
    /// Decides the initial design and every search.
    pub seed: Seed,
    /// Quantities that must keep within limits, see [`Problem::subject_to`].
    pub constraints: Vec<Constraint>,
    /// Parameters that the value does not depend on, see [`Problem::effort`].
    pub effort: Vec<String>,
}

impl Problem {
    /// Looks for the setting with the largest value.
    pub fn maximise(space: Space) -> Self {
        Self {
            space,
            direction: Direction::Maximise,
            seed: Seed(0),
            constraints: Vec::new(),
            effort: Vec::new(),
        }
    }

    /// Looks for the setting with the smallest value.
    pub fn minimise(space: Space) -> Self {
        Self {
            direction: Direction::Minimise,
            ..Self::maximise(space)
        }
    }

    /// Sets the seed, 0 by default.
    pub fn seed(self, seed: Seed) -> Self {
        Self { seed, ..self }
    }
}

impl From<Space> for Problem {
    /// Maximises.
    fn from(space: Space) -> Self {
        Self::maximise(space)
    }
}
