//! Four characterisation tasks: what an answer looks like, what the truth is, and how one is scored against the other.
//!
//! An answer is a [`Finding`]: beliefs about places, each with its uncertainty. A [`Truth`] is the specimen as it was before
//! the first electron: what the beam destroys or makes later is not in it. A [`Scorer`] holds the truth and gives every
//! finding a quality in `[0, 1]`. One rule fixes the zero of all four scales: **the best answer that looks at nothing scores
//! zero**, for every place alike or drawn at random.
//!
//! | task | score of an answer | score of the best answer that looks at nothing |
//! |---|---|---|
//! | point defects | average precision of the ranking by log-odds | the prevalence `s/n` |
//! | domains | mean intersection over union | `O / (K (1 + O))`, `O = Σ_k π_k / (1 − π_k)` over the `K` classes |
//! | polarisation | `1 − RMSE / RMS(truth − mean)` | 0, by the mean of the truth |
//! | counting | `1 − MAE / MAE of the median` | 0, by the median of the truth |
//!
//! Quality is `clip((score − zero) / (1 − zero), 0, 1)`. Answers are matched to places one to one, within half the distance
//! from the place to its nearest neighbour.
//!
//! ```
//! use dosewise::units::Point;
//! use dosewise::world::task::{Finding, NumberBelief, Scorer, Truth};
//!
//! let positions: Vec<Point> = (0..4).map(|i| Point::new(0.0, 3.0 * f64::from(i))).collect();
//! let numbers = vec![5.0, 6.0, 7.0, 8.0]; // atoms of four columns
//! let scorer = Scorer::new(Truth::Counting { positions: positions.clone(), numbers })?;
//!
//! let quality = |numbers: &[f64]| {
//!     let belief = |(&number, &position)| NumberBelief { position, number, variance: 1.0 };
//!     scorer.quality(&Finding::Counting(numbers.iter().zip(&positions).map(belief).collect()))
//! };
//! assert_eq!(quality(&[6.0; 4])?, 0.0); // off by one on average, as any median
//! assert_eq!(quality(&[5.0, 6.0, 7.0, 7.0])?, 0.75); // off by a quarter
//! assert_eq!(quality(&[5.0, 6.0, 7.0])?, 0.0); // a place without an answer holds nothing: off by two
//! # Ok::<(), dosewise::Error>(())
//! ```

mod belief;
mod calibration;
mod counting;
mod domains;
mod finding;
mod places;
mod point_defects;
mod polarisation;
mod score;
mod truth;

pub use belief::{LabelBelief, NumberBelief, SiteBelief, VectorBelief};
pub use calibration::Calibration;
pub use finding::Finding;
pub use score::{Details, Report, Scorer};
pub use truth::Truth;

use serde::{Deserialize, Serialize};

/// What has to be found out about a specimen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Which places are defects, and of which class.
    #[default]
    PointDefects,
    /// To which domain, phase or grain each place belongs.
    Domains,
    /// A vector at each place: polarisation or displacement.
    Polarisation,
    /// A number at each place: atoms in a column, fraction of an element.
    Counting,
}

impl Task {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::PointDefects,
        Self::Domains,
        Self::Polarisation,
        Self::Counting,
    ];

    /// The name in world files and error messages.
    ///
    /// ```
    /// assert_eq!(dosewise::world::task::Task::PointDefects.name(), "point_defects");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::PointDefects => "point_defects",
            Self::Domains => "domains",
            Self::Polarisation => "polarisation",
            Self::Counting => "counting",
        }
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_files_say() {
        for task in Task::ALL {
            let written = serde_json::to_string(&task).unwrap();
            assert_eq!(written, format!("\"{task}\""));
            assert_eq!(serde_json::from_str::<Task>(&written).unwrap(), task);
        }
    }
}
