//! The doses among which the best is taken at each place.

use crate::acquisition::Candidate;
use crate::error::{Error, Result};

/// Doses of a range that are compared before the best is refined, equally spaced in their logarithm.
const COMPARED: usize = 33;
/// Rounds of the golden section, each of which leaves 0.618 of the bracket: 1e-8 of it in the end.
const ROUNDS: usize = 38;
/// (√5 − 1)/2.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// Doses (e⁻/Å²) on offer at every place.
#[derive(Debug, Clone, PartialEq)]
pub enum Doses {
    /// These ones; of equally good ones the first is taken.
    Grid(Vec<f64>),
    /// Any from `least` to `most`: the best of 33 in geometric progression, refined by golden sections between its neighbours.
    Range {
        /// Smallest dose, e⁻/Å².
        least: f64,
        /// Largest dose, e⁻/Å².
        most: f64,
    },
}

impl Doses {
    /// Refuses no dose, ranges that end before they begin, and doses that are not finite and positive.
    pub(super) fn check(&self) -> Result<()> {
        let sound = |dose: &f64| dose.is_finite() && *dose > 0.0;
        match self {
            Self::Grid(doses) if doses.is_empty() => {
                Err(Error::argument("doses", "none", "at least one dose"))
            }
            Self::Grid(doses) => match doses.iter().find(|dose| !sound(dose)) {
                Some(wrong) => Err(Error::argument(
                    "doses",
                    wrong,
                    "finite doses above 0 e⁻/Å²",
                )),
                None => Ok(()),
            },
            Self::Range { least, most } if sound(least) && sound(most) && least <= most => Ok(()),
            Self::Range { least, most } => Err(Error::argument(
                "doses",
                format!("{least} to {most}"),
                "finite doses above 0 e⁻/Å², the least not above the most",
            )),
        }
    }

    /// The dose of the highest score.
    pub(super) fn best(
        &self,
        judge: impl Fn(f64) -> Result<(Candidate, f64)>,
    ) -> Result<(Candidate, f64)> {
        match self {
            Self::Grid(doses) => highest(doses.iter().map(|dose| judge(*dose))),
            Self::Range { least, most } if least == most => judge(*least),
            Self::Range { least, most } => {
                let logs = most.ln() - least.ln();
                // the ends as they are, not as their logarithms round
                let at = |share: f64| {
                    judge(if share <= 0.0 {
                        *least
                    } else if share >= 1.0 {
                        *most
                    } else {
                        (least.ln() + share * logs).exp().clamp(*least, *most)
                    })
                };
                let spacing = 1.0 / (COMPARED - 1) as f64;
                let coarse = highest((0..COMPARED).map(|i| at(spacing * i as f64)))?;
                let centre = (coarse.0.dose().ln() - least.ln()) / logs;
                let mut left = (centre - spacing).max(0.0);
                let mut right = (centre + spacing).min(1.0);
                let inner = |left: f64, right: f64| right - GOLDEN * (right - left);
                let outer = |left: f64, right: f64| left + GOLDEN * (right - left);
                let (mut a, mut b) = (at(inner(left, right))?, at(outer(left, right))?);
                for _ in 0..ROUNDS {
                    if a.1 >= b.1 {
                        right = outer(left, right);
                        (b, a) = (a, at(inner(left, right))?);
                    } else {
                        left = inner(left, right);
                        (a, b) = (b, at(outer(left, right))?);
                    }
                }
                highest([coarse, a, b].map(Ok))
            }
        }
    }
}

/// The first of the highest; a score of NaN is handed on as the highest of all, to be refused.
fn highest(judged: impl IntoIterator<Item = Result<(Candidate, f64)>>) -> Result<(Candidate, f64)> {
    let mut best: Option<(Candidate, f64)> = None;
    for found in judged {
        let found = found?;
        if found.1.is_nan() {
            return Ok(found);
        }
        if best.is_none_or(|held| found.1 > held.1) {
            best = Some(found);
        }
    }
    best.ok_or_else(|| Error::argument("doses", "none", "at least one dose"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(score: impl Fn(f64) -> f64) -> impl Fn(f64) -> Result<(Candidate, f64)> {
        move |dose| Ok((Candidate::new(0.0, 1.0, 1.0 / dose, dose)?, score(dose)))
    }

    #[test]
    fn the_best_of_a_range_is_found_inside_and_at_its_ends() {
        let range = Doses::Range {
            least: 0.1,
            most: 1e4,
        };
        // the slope of ln d − d/7 vanishes at d = 7
        let (candidate, _) = range.best(at(|dose| dose.ln() - dose / 7.0)).unwrap();
        assert!((candidate.dose() / 7.0 - 1.0).abs() < 1e-6);
        assert_eq!(range.best(at(|dose| dose)).unwrap().0.dose(), 1e4);
        assert_eq!(range.best(at(|dose| -dose)).unwrap().0.dose(), 0.1);
        let grid = Doses::Grid(vec![3.0, 9.0, 5.0, 9.0]);
        assert_eq!(grid.best(at(|dose| dose)).unwrap().0.dose(), 9.0);
        let hopeless = grid.best(at(|_| f64::NEG_INFINITY)).unwrap();
        assert_eq!(hopeless.0.dose(), 3.0);
        assert!(
            grid.best(at(|dose| (dose - 4.0).sqrt()))
                .unwrap()
                .1
                .is_nan()
        );
    }

    #[test]
    fn wrong_doses_are_refused() {
        assert!(Doses::Grid(vec![]).check().is_err());
        assert!(Doses::Grid(vec![1.0, f64::NAN]).check().is_err());
        assert!(Doses::Grid(vec![1.0, 0.0]).check().is_err());
        assert!(
            Doses::Range {
                least: 2.0,
                most: 1.0
            }
            .check()
            .is_err()
        );
        assert!(
            Doses::Range {
                least: 0.0,
                most: 1.0
            }
            .check()
            .is_err()
        );
        assert!(
            Doses::Range {
                least: 1.0,
                most: f64::INFINITY
            }
            .check()
            .is_err()
        );
        assert!(
            Doses::Range {
                least: 1.0,
                most: 1.0
            }
            .check()
            .is_ok()
        );
    }
}
